import { z } from 'zod';
import { KmsError } from '../errors.ts';
import { members } from './input.ts';
import { planKeyChange } from './key-change.ts';
import { checkLockout, storedPolicy } from './key-policy.ts';
import { defineOperation } from './operation.ts';

export const putKeyPolicy = defineOperation({
  name: 'PutKeyPolicy',
  readOnly: false,
  input: z.strictObject({
    KeyId: members.keyId,
    PolicyName: members.policyName.optional(),
    Policy: members.policy,
    BypassPolicyLockoutSafetyCheck: z.boolean().optional(),
  }),
  plan(input, caller, services) {
    const bypass = input.BypassPolicyLockoutSafetyCheck === true;
    const facts = { 'kms:bypasspolicylockoutsafetycheck': String(bypass) };
    return planKeyChange(
      'PutKeyPolicy',
      'look',
      input.KeyId,
      caller,
      services,
      async (target, key) => {
        if ((input.PolicyName ?? 'default') !== 'default') {
          throw new KmsError('NotFoundException', 'No such policy exists');
        }
        const policy = await storedPolicy(input.Policy, 'key', services.identities);
        if (!bypass) await checkLockout(policy, key, caller, services);
        return { type: 'change', change: { ...target, type: 'key-policy', policy } };
      },
      facts,
    );
  },
});
