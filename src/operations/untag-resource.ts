import { z } from 'zod';
import { members } from './input.ts';
import { planKeyChange } from './key-change.ts';
import { defineOperation } from './operation.ts';
import { checkTagKeys } from './tags.ts';

export const untagResource = defineOperation({
  name: 'UntagResource',
  readOnly: false,
  input: z.strictObject({ KeyId: members.keyId, TagKeys: members.tagKeys }),
  async plan(input, caller, services) {
    const tagKeys = checkTagKeys(input.TagKeys);
    return planKeyChange(
      'UntagResource',
      'change',
      input.KeyId,
      caller,
      services,
      (target) => ({ type: 'change', change: { ...target, type: 'tags-removed', tagKeys } }),
      { 'aws:tagkeys': tagKeys },
    );
  },
});
