import { dataKeyInput, planDataKey } from './data-key.ts';
import { defineOperation } from './operation.ts';

export const generateDataKeyWithoutPlaintext = defineOperation({
  name: 'GenerateDataKeyWithoutPlaintext',
  readOnly: true,
  input: dataKeyInput,
  plan: (input, caller, services) =>
    planDataKey(
      'kms:GenerateDataKeyWithoutPlaintext',
      input,
      caller,
      services,
      async (material, context, length) => {
        const blob = await services.hsm.generateDataKeyWithoutPlaintext(material, context, length);
        return { CiphertextBlob: blob.toString('base64') };
      },
    ),
});
