import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { members } from './input.ts';
import { macMembers, planMac } from './mac.ts';
import { defineOperation } from './operation.ts';

export const verifyMac = defineOperation({
  name: 'VerifyMac',
  readOnly: true,
  input: z.strictObject({ ...macMembers, Mac: members.mac }),
  async plan(input, caller, services) {
    const { key, subject, check, make } = await planMac('kms:VerifyMac', input, caller, services);
    return {
      subjects: [subject],
      validate: () => void check(),
      async run() {
        const mac = await make();
        // INVARIANT: how much of a wrong MAC is right shows in nothing: one could be found byte by byte.
        const valid = mac.length === input.Mac.length && timingSafeEqual(mac, input.Mac);
        mac.fill(0);
        if (!valid) throw new KmsError('KMSInvalidMacException', '');
        return {
          type: 'answer',
          output: { KeyId: keyArn(key, key.keyId), MacValid: true, MacAlgorithm: input.MacAlgorithm },
        };
      },
    };
  },
});
