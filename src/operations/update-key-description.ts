import { z } from 'zod';
import { allowedStates } from '../keys/state.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const updateKeyDescription = defineOperation({
  name: 'UpdateKeyDescription',
  readOnly: false,
  input: z.strictObject({ KeyId: members.keyId, Description: members.description }),
  async plan(input, caller, services) {
    const action = 'kms:UpdateKeyDescription';
    const key = await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
    const { region, account, keyId } = key;
    return {
      subjects: [{ type: 'key', action, key, rule: 'change' }],
      run: () => ({
        type: 'change',
        change: {
          region,
          account,
          type: 'key-description',
          keyId,
          from: allowedStates('change'),
          description: input.Description,
        },
      }),
    };
  },
});
