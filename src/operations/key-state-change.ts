import { z } from 'zod';
import { keyArn } from '../arn.ts';
import type { Key, KeyState } from '../keys/key.ts';
import type { StateRule } from '../keys/state.ts';
import { members } from './input.ts';
import { planKeyChange } from './key-change.ts';
import type { OperationName } from './names.ts';
import { defineOperation, type Operation } from './operation.ts';

/** EnableKey, DisableKey and CancelKeyDeletion: a key goes from one state to another, and nothing else happens. */
function keyStateChange(
  name: OperationName,
  rule: StateRule,
  to: KeyState,
  output: (key: Key) => object | undefined,
): Operation {
  return defineOperation({
    name,
    readOnly: false,
    input: z.strictObject({ KeyId: members.keyId }),
    plan: (input, caller, services) =>
      planKeyChange(name, rule, input.KeyId, caller, services, (target, key) => {
        const answer = output(key);
        return {
          type: 'change',
          change: { ...target, type: 'key-state', to },
          ...(answer !== undefined && { output: answer, responseElements: answer }),
        };
      }),
  });
}

export const enableKey = keyStateChange('EnableKey', 'switch', 'Enabled', () => undefined);
export const disableKey = keyStateChange('DisableKey', 'switch', 'Disabled', () => undefined);
export const cancelKeyDeletion = keyStateChange('CancelKeyDeletion', 'cancel', 'Disabled', (key) => ({
  KeyId: keyArn(key, key.keyId),
}));
