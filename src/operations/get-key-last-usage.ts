import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { members } from './input.ts';
import { timestamp } from './metadata.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const getKeyLastUsage = defineOperation({
  name: 'GetKeyLastUsage',
  readOnly: true,
  input: z.strictObject({ KeyId: members.keyId }),
  async plan(input, caller, services) {
    const action = 'kms:GetKeyLastUsage';
    const key = await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
    return {
      subjects: [{ type: 'key', action, key, rule: 'look' }],
      async run() {
        const { use, since } = await services.uses.last(key);
        return {
          type: 'answer',
          output: {
            KeyId: keyArn(key, key.keyId),
            KeyLastUsage:
              use === undefined
                ? {}
                : {
                    Operation: use.operation,
                    Timestamp: timestamp(use.at),
                    CloudTrailEventId: use.eventId,
                    KmsRequestId: use.requestId,
                  },
            TrackingStartDate: timestamp(since),
            KeyCreationDate: timestamp(key.createdAt),
          },
        };
      },
    };
  },
});
