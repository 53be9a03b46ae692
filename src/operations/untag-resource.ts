import { z } from 'zod';
import { allowedStates } from '../keys/state.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';
import { checkTagKeys } from './tags.ts';

export const untagResource = defineOperation({
  name: 'UntagResource',
  readOnly: false,
  input: z.strictObject({ KeyId: members.keyId, TagKeys: members.tagKeys }),
  async plan(input, caller, services) {
    const tagKeys = checkTagKeys(input.TagKeys);
    const action = 'kms:UntagResource';
    const key = await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
    const { region, account, keyId } = key;
    return {
      subjects: [{ type: 'key', action, key, rule: 'change' }],
      run: () => ({
        type: 'change',
        change: { region, account, type: 'tags-removed', keyId, from: allowedStates('change'), tagKeys },
      }),
    };
  },
});
