import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { allowedStates } from '../keys/state.ts';
import { members } from './input.ts';
import { timestamp } from './metadata.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

const dayMilliseconds = 86_400_000;

export const scheduleKeyDeletion = defineOperation({
  name: 'ScheduleKeyDeletion',
  readOnly: false,
  input: z.strictObject({
    KeyId: members.keyId,
    PendingWindowInDays: members.pendingWindowInDays.optional(),
  }),
  async plan(input, caller, services) {
    const days = input.PendingWindowInDays ?? 30;
    if (days < 7 || days > 30) {
      throw new KmsError('ValidationException', 'PendingWindowInDays must be between 7 and 30 days.');
    }
    const action = 'kms:ScheduleKeyDeletion';
    const key = await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
    const { region, account, keyId } = key;
    return {
      subjects: [{ type: 'key', action, key, rule: 'change' }],
      run() {
        const deletionDate = services.clock.now() + days * dayMilliseconds;
        const from = allowedStates('change');
        const output = {
          KeyId: keyArn(key, keyId),
          DeletionDate: timestamp(deletionDate),
          KeyState: 'PendingDeletion',
          PendingWindowInDays: days,
        };
        return {
          type: 'change',
          change: { region, account, type: 'key-state', keyId, from, to: 'PendingDeletion', deletionDate },
          output,
          responseElements: output,
        };
      },
    };
  },
});
