import { z } from 'zod';
import { tagFacts } from './condition.ts';
import { members } from './input.ts';
import { planKeyChange } from './key-change.ts';
import { defineOperation } from './operation.ts';
import { checkTags, tagLimit, tooManyTags } from './tags.ts';

export const tagResource = defineOperation({
  name: 'TagResource',
  readOnly: false,
  input: z.strictObject({ KeyId: members.keyId, Tags: members.tags }),
  async plan(input, caller, services) {
    const tags = checkTags(input.Tags);
    return planKeyChange(
      'TagResource',
      'change',
      input.KeyId,
      caller,
      services,
      (target) => ({
        type: 'change',
        change: { ...target, type: 'tags-put', tags, limit: tagLimit },
        refused: tooManyTags,
      }),
      tagFacts(tags),
    );
  },
});
