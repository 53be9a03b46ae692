import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { canonicalContext } from '../keys/context.ts';
import { ciphertextSource, ignoresCiphertext } from './ciphertext-source.ts';
import { checkAlgorithm, takeBase64 } from './encryption.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';

export const decrypt = defineOperation({
  name: 'Decrypt',
  readOnly: true,
  input: z.strictObject({
    CiphertextBlob: members.ciphertextBlob.optional(),
    KeyId: members.keyId.optional(),
    EncryptionContext: members.context.optional(),
    EncryptionAlgorithm: members.encryptionAlgorithm.optional(),
    GrantTokens: members.grantTokens.optional(),
    DryRun: members.dryRun.optional(),
    DryRunModifiers: members.dryRunModifiers.optional(),
  }),
  async plan(input, caller, services) {
    const ignoreCiphertext = ignoresCiphertext(input);
    const source = await ciphertextSource(
      {
        ciphertextBlob: input.CiphertextBlob,
        keyId: input.KeyId,
        keyIdMember: 'keyId',
        ignoreCiphertext,
        action: 'kms:Decrypt',
      },
      caller,
      services,
    );
    const { key } = source;
    const context = canonicalContext(input.EncryptionContext);
    return {
      subjects: [source.use('kms:Decrypt', input.EncryptionContext)],
      validate() {
        checkAlgorithm(key, input.EncryptionAlgorithm);
        if (!ignoreCiphertext) source.open();
      },
      async run() {
        const { blob, keyMaterialId } = source.open();
        const plaintext = await services.hsm.decrypt(blob, context);
        return {
          type: 'answer',
          output: {
            KeyId: keyArn(key, key.keyId),
            Plaintext: takeBase64(plaintext),
            EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
            KeyMaterialId: keyMaterialId,
          },
        };
      },
    };
  },
});
