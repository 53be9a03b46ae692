import { z } from 'zod';
import { KmsError } from '../errors.ts';
import { members } from './input.ts';
import { shownKeyPolicy } from './key-policy.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const getKeyPolicy = defineOperation({
  name: 'GetKeyPolicy',
  readOnly: true,
  input: z.strictObject({ KeyId: members.keyId, PolicyName: members.policyName.optional() }),
  async plan(input, caller, services) {
    const action = 'kms:GetKeyPolicy';
    const key = await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
    return {
      subjects: [{ type: 'key', action, key, rule: 'look' }],
      async run() {
        if ((input.PolicyName ?? 'default') !== 'default') {
          throw new KmsError('NotFoundException', 'No such policy exists');
        }
        const Policy = await shownKeyPolicy(key, services.identities);
        return { type: 'answer', output: { Policy, PolicyName: 'default' } };
      },
    };
  },
});
