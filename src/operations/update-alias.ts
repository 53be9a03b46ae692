import { z } from 'zod';
import { allowedStates } from '../keys/state.ts';
import { aliasSubject, checkAliasName, resolveTarget } from './alias.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';
import { existingAlias, existingKey } from './resolve.ts';

export const updateAlias = defineOperation({
  name: 'UpdateAlias',
  readOnly: false,
  input: z.strictObject({ AliasName: members.aliasName, TargetKeyId: members.keyId }),
  async plan(input, caller, services) {
    const { AliasName: aliasName } = input;
    const { scope } = caller;
    const action = 'kms:UpdateAlias';
    checkAliasName(aliasName);
    const alias = await existingAlias(scope, aliasName, services);
    const from = await existingKey(scope, alias.targetKeyId, services);
    const to = await resolveTarget(input.TargetKeyId, action, caller, services);
    return {
      subjects: [
        aliasSubject(scope, aliasName, action),
        { type: 'key', action, key: from, rule: 'look' },
        { type: 'key', action, key: to, rule: 'change' },
      ],
      run: () => ({
        type: 'change',
        change: {
          ...scope,
          type: 'alias-updated',
          aliasName,
          fromKeyId: from.keyId,
          targetKeyId: to.keyId,
          from: allowedStates('change'),
          updatedAt: services.clock.now(),
        },
      }),
    };
  },
});
