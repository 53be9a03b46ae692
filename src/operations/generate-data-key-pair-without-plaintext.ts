import { dataKeyPairInput, planDataKeyPair } from './data-key-pair.ts';
import { defineOperation } from './operation.ts';

const name = 'GenerateDataKeyPairWithoutPlaintext';

export const generateDataKeyPairWithoutPlaintext = defineOperation({
  name,
  readOnly: true,
  input: dataKeyPairInput,
  plan: (input, caller, services) =>
    planDataKeyPair(name, input, caller, services, async (material, context, pairSpec) => {
      const made = await services.hsm.generateDataKeyPairWithoutPlaintext(material, context, pairSpec);
      return {
        PrivateKeyCiphertextBlob: made.privateKeyBlob.toString('base64'),
        PublicKey: made.publicKey.toString('base64'),
      };
    }),
});
