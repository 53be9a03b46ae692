import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import type { Key } from '../keys/key.ts';
import { members } from './input.ts';
import { type ChangeTarget, planKeyChange } from './key-change.ts';
import { timestamp } from './metadata.ts';
import { defineOperation, type Result } from './operation.ts';

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
    const facts = { 'kms:schedulekeydeletionpendingwindowindays': String(days) };
    const schedule = (target: ChangeTarget, key: Key): Result => {
      const deletionDate = services.clock.now() + days * dayMilliseconds;
      const output = {
        KeyId: keyArn(key, key.keyId),
        DeletionDate: timestamp(deletionDate),
        KeyState: 'PendingDeletion',
        PendingWindowInDays: days,
      };
      return {
        type: 'change',
        change: { ...target, type: 'key-state', to: 'PendingDeletion', deletionDate },
        output,
        responseElements: output,
      };
    };
    return planKeyChange('ScheduleKeyDeletion', 'change', input.KeyId, caller, services, schedule, facts);
  },
});
