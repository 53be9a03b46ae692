import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { cipherOf, decryptWith } from './cipher.ts';
import { ciphertextSource, ignoresCiphertext } from './ciphertext-source.ts';
import { algorithmFacts, takeBase64 } from './encryption.ts';
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
    const { EncryptionContext: context, EncryptionAlgorithm: named } = input;
    const ignoreCiphertext = ignoresCiphertext(input);
    const source = await ciphertextSource(
      {
        ciphertextBlob: input.CiphertextBlob,
        keyId: input.KeyId,
        keyIdMember: 'keyId',
        algorithm: named,
        ignoreCiphertext,
        action: 'kms:Decrypt',
      },
      caller,
      services,
    );
    const { key } = source;
    return {
      subjects: [source.use('kms:Decrypt', context, algorithmFacts(named))],
      validate() {
        cipherOf(key, named, context);
        if (!ignoreCiphertext) source.open();
      },
      async run() {
        const algorithm = cipherOf(key, named, context);
        const { blob, keyMaterialId } = source.open();
        const plaintext = await decryptWith(key, algorithm, context, blob, services.hsm);
        return {
          type: 'answer',
          output: {
            KeyId: keyArn(key, key.keyId),
            Plaintext: takeBase64(plaintext),
            EncryptionAlgorithm: algorithm,
            KeyMaterialId: keyMaterialId,
          },
        };
      },
    };
  },
});
