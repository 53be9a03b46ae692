import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { macMembers, planMac } from './mac.ts';
import { defineOperation } from './operation.ts';

export const generateMac = defineOperation({
  name: 'GenerateMac',
  readOnly: true,
  input: z.strictObject(macMembers),
  async plan(input, caller, services) {
    const { key, subject, check, make } = await planMac('kms:GenerateMac', input, caller, services);
    return {
      subjects: [subject],
      validate: () => void check(),
      async run() {
        const mac = await make();
        return {
          type: 'answer',
          output: {
            Mac: mac.toString('base64'),
            MacAlgorithm: input.MacAlgorithm,
            KeyId: keyArn(key, key.keyId),
          },
        };
      },
    };
  },
});
