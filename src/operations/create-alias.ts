import { z } from 'zod';
import { aliasArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { allowedStates } from '../keys/state.ts';
import { aliasSubject, checkAliasName, resolveTarget } from './alias.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';

export const createAlias = defineOperation({
  name: 'CreateAlias',
  readOnly: false,
  input: z.strictObject({ AliasName: members.aliasName, TargetKeyId: members.keyId }),
  async plan(input, caller, services) {
    const { AliasName: aliasName } = input;
    const { scope } = caller;
    const action = 'kms:CreateAlias';
    checkAliasName(aliasName);
    const key = await resolveTarget(input.TargetKeyId, action, caller, services);
    return {
      subjects: [aliasSubject(scope, aliasName, action), { type: 'key', action, key, rule: 'change' }],
      run() {
        const now = services.clock.now();
        const alias = { ...scope, aliasName, targetKeyId: key.keyId, createdAt: now, updatedAt: now };
        return {
          type: 'change',
          change: { ...scope, type: 'alias-created', alias, from: allowedStates('change') },
          refused: () =>
            new KmsError(
              'AlreadyExistsException',
              `An alias with the name ${aliasArn(scope, aliasName)} already exists`,
            ),
        };
      },
    };
  },
});
