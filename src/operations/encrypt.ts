import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { canonicalContext } from '../keys/context.ts';
import { checkAlgorithm, currentMaterial, use } from './encryption.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const encrypt = defineOperation({
  name: 'Encrypt',
  readOnly: true,
  input: z.strictObject({
    KeyId: members.keyId,
    Plaintext: members.plaintext,
    EncryptionContext: members.context.optional(),
    EncryptionAlgorithm: members.encryptionAlgorithm.optional(),
    GrantTokens: members.grantTokens.optional(),
    DryRun: members.dryRun.optional(),
  }),
  async plan(input, caller, services) {
    const key = await resolveKey(
      input.KeyId,
      { aliases: true, action: 'kms:Encrypt', elsewhere: true },
      caller,
      services,
    );
    const context = canonicalContext(input.EncryptionContext);
    return {
      subjects: [use(key, 'kms:Encrypt', { keyId: input.KeyId, context: input.EncryptionContext })],
      validate: () => checkAlgorithm(key, input.EncryptionAlgorithm),
      async run() {
        const counted = services.encryptions.spend(key);
        if (counted !== undefined) await counted;
        const blob = await services.hsm
          .encrypt(currentMaterial(key), context, input.Plaintext)
          .finally(() => input.Plaintext.fill(0));
        return {
          type: 'answer',
          output: {
            CiphertextBlob: blob.toString('base64'),
            KeyId: keyArn(key, key.keyId),
            EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
          },
        };
      },
    };
  },
});
