import { z } from 'zod';
import { allowedStates } from '../keys/state.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';
import { checkTags, tagLimit, tooManyTags } from './tags.ts';

export const tagResource = defineOperation({
  name: 'TagResource',
  readOnly: false,
  input: z.strictObject({ KeyId: members.keyId, Tags: members.tags }),
  async plan(input, caller, services) {
    const tags = checkTags(input.Tags);
    const action = 'kms:TagResource';
    const key = await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
    const { region, account, keyId } = key;
    return {
      subjects: [{ type: 'key', action, key, rule: 'change' }],
      run: () => ({
        type: 'change',
        change: {
          region,
          account,
          type: 'tags-put',
          keyId,
          from: allowedStates('change'),
          tags,
          limit: tagLimit,
        },
        refused: tooManyTags,
      }),
    };
  },
});
