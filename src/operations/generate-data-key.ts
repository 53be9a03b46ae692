import { dataKeyInput, planDataKey } from './data-key.ts';
import { takeBase64 } from './encryption.ts';
import { defineOperation } from './operation.ts';

export const generateDataKey = defineOperation({
  name: 'GenerateDataKey',
  readOnly: true,
  input: dataKeyInput,
  plan: (input, caller, services) =>
    planDataKey('kms:GenerateDataKey', input, caller, services, async (material, context, length) => {
      const { plaintext, blob } = await services.hsm.generateDataKey(material, context, length);
      return { CiphertextBlob: blob.toString('base64'), Plaintext: takeBase64(plaintext) };
    }),
});
