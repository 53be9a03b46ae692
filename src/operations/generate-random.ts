import { z } from 'zod';
import { takeBase64 } from './encryption.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';

export const generateRandom = defineOperation({
  name: 'GenerateRandom',
  readOnly: true,
  input: z.strictObject({ NumberOfBytes: members.numberOfBytes }),
  plan: (input, _caller, services) => ({
    subjects: [{ type: 'account', action: 'kms:GenerateRandom' }],
    run: async () => ({
      type: 'answer',
      output: { Plaintext: takeBase64(await services.hsm.random(input.NumberOfBytes)) },
    }),
  }),
});
