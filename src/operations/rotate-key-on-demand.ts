import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { abandonMaterial } from '../keys/abandon.ts';
import type { Key } from '../keys/key.ts';
import { beginRotation, onDemandLimit } from '../keys/rotate.ts';
import { allowedStates } from '../keys/state.ts';
import { members } from './input.ts';
import { planKeyChange } from './key-change.ts';
import { defineOperation, type Result, type Services } from './operation.ts';
import { checkRotates, recordRotation } from './rotation.ts';

export const rotateKeyOnDemand = defineOperation({
  name: 'RotateKeyOnDemand',
  readOnly: false,
  input: z.strictObject({ KeyId: members.keyId }),
  async plan(input, caller, services) {
    const name = 'RotateKeyOnDemand';
    const plan = await planKeyChange(name, 'use', input.KeyId, caller, services, (_, key) =>
      key.origin === 'EXTERNAL' ? rotateImported(key, services) : rotate(key, services),
    );
    return { ...plan, validate: () => checkRotates(plan.key, ['AWS_KMS', 'EXTERNAL']) };
  },
});

/**
 * AWS answers when the rotation has begun; here it is done by then, so that the next request encrypts under the new
 * material.
 */
async function rotate(key: Key, services: Services): Promise<Result> {
  const arn = keyArn(key, key.keyId);
  const limit = () => limitReached(arn);
  const begun = await beginRotation(key, { type: 'ON_DEMAND' }, services);
  switch (begun.type) {
    case 'conflict':
      return begun;
    case 'exists':
      throw new KmsError('ConflictException', `A rotation of the key ${arn} is in progress.`);
    case 'limit':
      throw limit();
    case 'made':
      return {
        type: 'change',
        change: begun.change,
        output: { KeyId: key.keyId },
        responseElements: { KeyId: arn },
        events: [recordRotation(services.clock, key, begun.material, 'ON_DEMAND')],
        undo: () => abandonMaterial(key, begun.material.materialId, services.changes, services.hsm),
        refused: limit,
      };
  }
}

/** The material that was imported for it becomes the current one. */
function rotateImported(key: Key, services: Services): Result {
  const { region, account, keyId, pending, currentMaterialId } = key;
  const arn = keyArn(key, keyId);
  if (pending?.state !== 'PendingRotation' || currentMaterialId === undefined) {
    throw new KmsError(
      'KMSInvalidStateException',
      `${arn} has no key material that is pending rotation: import new key material first.`,
    );
  }
  const { clock } = services;
  return {
    type: 'change',
    change: {
      region,
      account,
      keyId,
      type: 'material-rotated',
      from: allowedStates('use'),
      materialId: pending.materialId,
      rotationType: 'ON_DEMAND',
      date: clock.now(),
      currentMaterialId,
      limit: onDemandLimit,
    },
    output: { KeyId: keyId },
    responseElements: { KeyId: arn },
    events: [recordRotation(clock, key, pending, 'ON_DEMAND')],
    refused: () => limitReached(arn),
  };
}

function limitReached(arn: string): KmsError {
  return new KmsError(
    'LimitExceededException',
    `The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: ${arn}`,
  );
}
