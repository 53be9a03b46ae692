import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { checkPlaintext, cipherOf, encryptWith } from './cipher.ts';
import { algorithmFacts, use } from './encryption.ts';
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
    const { EncryptionContext: context, EncryptionAlgorithm: named } = input;
    return {
      subjects: [use(key, 'kms:Encrypt', { keyId: input.KeyId, context, facts: algorithmFacts(named) })],
      validate: () => checkPlaintext(key, cipherOf(key, named, context), input.Plaintext.length),
      async run() {
        const algorithm = cipherOf(key, named, context);
        const { blob } = await encryptWith(key, algorithm, context, input.Plaintext, services).finally(() =>
          input.Plaintext.fill(0),
        );
        return {
          type: 'answer',
          output: {
            CiphertextBlob: blob.toString('base64'),
            KeyId: keyArn(key, key.keyId),
            EncryptionAlgorithm: algorithm,
          },
        };
      },
    };
  },
});
