import { dataKeyPairInput, planDataKeyPair } from './data-key-pair.ts';
import { takeBase64 } from './encryption.ts';
import { defineOperation } from './operation.ts';

const name = 'GenerateDataKeyPair';

export const generateDataKeyPair = defineOperation({
  name,
  readOnly: true,
  input: dataKeyPairInput,
  plan: (input, caller, services) =>
    planDataKeyPair(name, input, caller, services, async (material, context, pairSpec) => {
      const made = await services.hsm.generateDataKeyPair(material, context, pairSpec);
      return {
        PrivateKeyCiphertextBlob: made.privateKeyBlob.toString('base64'),
        PrivateKeyPlaintext: takeBase64(made.privateKeyPlaintext),
        PublicKey: made.publicKey.toString('base64'),
      };
    }),
});
