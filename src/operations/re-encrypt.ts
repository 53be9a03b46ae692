import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { canonicalContext } from '../keys/context.ts';
import { ciphertextSource, ignoresCiphertext } from './ciphertext-source.ts';
import { checkAlgorithm, currentMaterial, use } from './encryption.ts';
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
    const ignoreCiphertext = ignoresCiphertext(input);
    const source = await ciphertextSource(
      {
        ciphertextBlob: input.CiphertextBlob,
        keyId: input.SourceKeyId,
        keyIdMember: 'sourceKeyId',
        ignoreCiphertext,
        action: 'kms:ReEncryptFrom',
      },
      caller,
      services,
    );
    const options = { aliases: true, action: 'kms:ReEncryptTo', elsewhere: true };
    const destination = await resolveKey(input.DestinationKeyId, options, caller, services);
    const facts = {
      'kms:encryptionalgorithm': 'SYMMETRIC_DEFAULT',
      'kms:reencryptonsamekey': String(source.key.keyId === destination.keyId),
    };
    const from = canonicalContext(input.SourceEncryptionContext);
    const to = canonicalContext(input.DestinationEncryptionContext);
    return {
      subjects: [
        source.use('kms:ReEncryptFrom', input.SourceEncryptionContext, facts),
        use(destination, 'kms:ReEncryptTo', {
          keyId: input.DestinationKeyId,
          context: input.DestinationEncryptionContext,
          facts,
        }),
      ],
      validate() {
        checkAlgorithm(source.key, input.SourceEncryptionAlgorithm);
        checkAlgorithm(destination, input.DestinationEncryptionAlgorithm);
        if (!ignoreCiphertext) source.open();
      },
      async run() {
        const { blob, keyMaterialId } = source.open();
        const material = currentMaterial(destination);
        const counted = services.encryptions.spend(destination);
        if (counted !== undefined) await counted;
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
