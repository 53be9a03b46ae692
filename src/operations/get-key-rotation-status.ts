import { z } from 'zod';
import type { Key } from '../keys/key.ts';
import { publicState } from '../keys/state.ts';
import { members } from './input.ts';
import { timestamp } from './metadata.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const getKeyRotationStatus = defineOperation({
  name: 'GetKeyRotationStatus',
  readOnly: true,
  input: z.strictObject({ KeyId: members.keyId }),
  async plan(input, caller, services) {
    const action = 'kms:GetKeyRotationStatus';
    const key = await resolveKey(input.KeyId, { aliases: false, action, elsewhere: true }, caller, services);
    return {
      subjects: [{ type: 'key', action, key, rule: 'rotation-status' }],
      run: () => ({ type: 'answer', output: rotationStatus(key) }),
    };
  },
});

/**
 * Of a key that can't rotate by itself it is always false (AWS KMS API reference, GetKeyRotationStatus). What was set stays
 * while deletion is pending, and shows again when that is cancelled.
 */
function rotationStatus(key: Key): object {
  const rotation = publicState(key.state) === 'PendingDeletion' ? undefined : key.rotation;
  const { pending } = key;
  const underWay = pending?.state === 'Creating' && pending.rotationType === 'ON_DEMAND';
  return {
    KeyId: key.keyId,
    KeyRotationEnabled: rotation !== undefined,
    ...(rotation && {
      RotationPeriodInDays: rotation.periodInDays,
      NextRotationDate: timestamp(rotation.next),
    }),
    ...(underWay && { OnDemandRotationStartDate: timestamp(pending.createdAt) }),
  };
}
