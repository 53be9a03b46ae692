import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { hasItsMaterial, type Key, type KeyState } from '../keys/key.ts';
import type { StateRule } from '../keys/state.ts';
import { members } from './input.ts';
import { planKeyChange } from './key-change.ts';
import type { OperationName } from './names.ts';
import { defineOperation, type Operation } from './operation.ts';

/** EnableKey, DisableKey and CancelKeyDeletion: a key goes from one state to another, and nothing else happens. */
function keyStateChange(
  name: OperationName,
  rule: StateRule,
  to: (key: Key) => KeyState,
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
          change: { ...target, type: 'key-state', to: to(key) },
          ...(answer !== undefined && { output: answer, responseElements: answer }),
        };
      }),
  });
}

export const enableKey = keyStateChange(
  'EnableKey',
  'switch',
  () => 'Enabled',
  () => undefined,
);
export const disableKey = keyStateChange(
  'DisableKey',
  'switch',
  () => 'Disabled',
  () => undefined,
);
/** A key that lost imported material while it waited can't be enabled before it has that again. */
export const cancelKeyDeletion = keyStateChange(
  'CancelKeyDeletion',
  'cancel',
  (key) => (hasItsMaterial(key) ? 'Disabled' : 'PendingImport'),
  (key) => ({ KeyId: keyArn(key, key.keyId) }),
);
