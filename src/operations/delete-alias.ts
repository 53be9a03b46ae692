import { z } from 'zod';
import { aliasSubject, checkAliasName } from './alias.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';
import { existingAlias, existingKey } from './resolve.ts';

export const deleteAlias = defineOperation({
  name: 'DeleteAlias',
  readOnly: false,
  input: z.strictObject({ AliasName: members.aliasName }),
  async plan(input, caller, services) {
    const { AliasName: aliasName } = input;
    const { scope } = caller;
    const action = 'kms:DeleteAlias';
    checkAliasName(aliasName);
    const alias = await existingAlias(scope, aliasName, services);
    const key = await existingKey(scope, alias.targetKeyId, services);
    return {
      subjects: [aliasSubject(scope, aliasName, action), { type: 'key', action, key, rule: 'look' }],
      run: () => ({
        type: 'change',
        change: { ...scope, type: 'alias-deleted', aliasName, fromKeyId: key.keyId },
      }),
    };
  },
});
