import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { members } from './input.ts';
import { planKeyChange } from './key-change.ts';
import { defineOperation } from './operation.ts';
import { checkRotates } from './rotation.ts';

export const disableKeyRotation = defineOperation({
  name: 'DisableKeyRotation',
  readOnly: false,
  input: z.strictObject({ KeyId: members.keyId }),
  async plan(input, caller, services) {
    const rule = 'rotation-schedule';
    const plan = await planKeyChange(
      'DisableKeyRotation',
      rule,
      input.KeyId,
      caller,
      services,
      (target, key) => ({
        type: 'change',
        change: { ...target, type: 'rotation-disabled' },
        responseElements: { KeyId: keyArn(key, key.keyId) },
      }),
    );
    return { ...plan, validate: () => checkRotates(plan.key, ['AWS_KMS']) };
  },
});
