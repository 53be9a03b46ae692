import { z } from 'zod';
import { members } from './input.ts';
import { planKeyChange } from './key-change.ts';
import { defineOperation } from './operation.ts';

export const updateKeyDescription = defineOperation({
  name: 'UpdateKeyDescription',
  readOnly: false,
  input: z.strictObject({ KeyId: members.keyId, Description: members.description }),
  plan: (input, caller, services) =>
    planKeyChange('UpdateKeyDescription', 'change', input.KeyId, caller, services, (target) => ({
      type: 'change',
      change: { ...target, type: 'key-description', description: input.Description },
    })),
});
