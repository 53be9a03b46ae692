import { z } from 'zod';
import { keyArn } from '../arn.ts';
import type { Key, KeyState } from '../keys/key.ts';
import { allowedStates, type StateRule } from '../keys/state.ts';
import { members } from './input.ts';
import type { OperationName } from './names.ts';
import { defineOperation, type Operation } from './operation.ts';
import { resolveKey } from './resolve.ts';

/** EnableKey, DisableKey and CancelKeyDeletion: a key goes from one state to another, and nothing else happens. */
export function keyStateChange(
  name: OperationName,
  rule: StateRule,
  to: KeyState,
  output: (key: Key) => object | undefined,
): Operation {
  const action = `kms:${name}`;
  return defineOperation({
    name,
    readOnly: false,
    input: z.strictObject({ KeyId: members.keyId }),
    async plan(input, caller, services) {
      const key = await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
      const { region, account, keyId } = key;
      const answer = output(key);
      return {
        subjects: [{ type: 'key', action, key, rule }],
        run: () => ({
          type: 'change',
          change: { region, account, type: 'key-state', keyId, from: allowedStates(rule), to },
          ...(answer !== undefined && { output: answer, responseElements: answer }),
        }),
      };
    },
  });
}

export const enableKey = keyStateChange('EnableKey', 'change', 'Enabled', () => undefined);
export const disableKey = keyStateChange('DisableKey', 'change', 'Disabled', () => undefined);
export const cancelKeyDeletion = keyStateChange('CancelKeyDeletion', 'cancel', 'Disabled', (key) => ({
  KeyId: keyArn(key, key.keyId),
}));
