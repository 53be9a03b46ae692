import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { dayMilliseconds, defaultPeriodDays } from '../keys/rotate.ts';
import { members } from './input.ts';
import { planKeyChange } from './key-change.ts';
import { defineOperation } from './operation.ts';
import { checkRotates } from './rotation.ts';

export const enableKeyRotation = defineOperation({
  name: 'EnableKeyRotation',
  readOnly: false,
  input: z.strictObject({
    KeyId: members.keyId,
    RotationPeriodInDays: members.rotationPeriodInDays.optional(),
  }),
  async plan(input, caller, services) {
    const periodInDays = input.RotationPeriodInDays ?? defaultPeriodDays;
    const plan = await planKeyChange(
      'EnableKeyRotation',
      'rotation-schedule',
      input.KeyId,
      caller,
      services,
      (target, { rotation, ...key }) => {
        const anew = services.clock.now() + periodInDays * dayMilliseconds;
        // Said again, the same period moves no date: whoever says it every day would never see a rotation. But none is
        // further off than a period, as a clock that was ahead may have left it.
        const next = rotation?.periodInDays === periodInDays ? Math.min(rotation.next, anew) : anew;
        return {
          type: 'change',
          change: { ...target, type: 'rotation-enabled', due: rotation?.next, periodInDays, next },
          responseElements: { KeyId: keyArn(key, key.keyId) },
        };
      },
      { 'kms:rotationperiodindays': String(periodInDays) },
    );
    return { ...plan, validate: () => checkRotates(plan.key, ['AWS_KMS']) };
  },
});
