import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { ciphertextSource } from './ciphertext-source.ts';
import { checkAlgorithm, contextBytes, currentMaterial, use } from './encryption.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const reEncrypt = defineOperation({
  name: 'ReEncrypt',
  readOnly: true,
  input: z.strictObject({
    CiphertextBlob: members.ciphertextBlob.optional(),
    SourceEncryptionContext: members.context.optional(),
    SourceKeyId: members.keyId.optional(),
    DestinationKeyId: members.keyId,
    DestinationEncryptionContext: members.context.optional(),
    SourceEncryptionAlgorithm: members.encryptionAlgorithm.optional(),
    DestinationEncryptionAlgorithm: members.encryptionAlgorithm.optional(),
    GrantTokens: members.grantTokens.optional(),
    DryRun: members.dryRun.optional(),
    DryRunModifiers: members.dryRunModifiers.optional(),
  }),
  async plan(input, caller, services) {
    const source = await ciphertextSource(
      {
        ciphertextBlob: input.CiphertextBlob,
        keyId: input.SourceKeyId,
        keyIdMember: 'sourceKeyId',
        ignoreCiphertext: input.DryRun === true && input.DryRunModifiers?.length === 1,
        action: 'kms:ReEncryptFrom',
      },
      caller,
      services,
    );
    const options = { aliases: true, action: 'kms:ReEncryptTo' };
    const destination = await resolveKey(input.DestinationKeyId, options, caller, services);
    const from = contextBytes('sourceEncryptionContext', input.SourceEncryptionContext);
    const to = contextBytes('destinationEncryptionContext', input.DestinationEncryptionContext);
    return {
      subjects: [use(source.key, 'kms:ReEncryptFrom'), use(destination, 'kms:ReEncryptTo')],
      async run() {
        checkAlgorithm(source.key, input.SourceEncryptionAlgorithm);
        checkAlgorithm(destination, input.DestinationEncryptionAlgorithm);
        const { blob, keyMaterialId } = source.open();
        const material = currentMaterial(destination);
        const result = await services.hsm.reEncrypt(blob, from, material, to);
        return {
          type: 'answer',
          output: {
            CiphertextBlob: result.toString('base64'),
            SourceKeyId: keyArn(source.key, source.key.keyId),
            KeyId: keyArn(destination, destination.keyId),
            SourceEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
            DestinationEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
            SourceKeyMaterialId: keyMaterialId,
            DestinationKeyMaterialId: material.keyMaterialId,
          },
        };
      },
    };
  },
});
