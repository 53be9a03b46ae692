import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { abandonMaterial } from '../keys/abandon.ts';
import { currentMaterialOf, type Key } from '../keys/key.ts';
import { materialsInToken } from '../keys/material.ts';
import { importUnderWay, requireOrigin } from './import.ts';
import { members } from './input.ts';
import { type ChangeTarget, planKeyChange } from './key-change.ts';
import { defineOperation, type Result, type Services } from './operation.ts';

export const deleteImportedKeyMaterial = defineOperation({
  name: 'DeleteImportedKeyMaterial',
  readOnly: false,
  input: z.strictObject({ KeyId: members.keyId, KeyMaterialId: members.keyMaterialId.optional() }),
  async plan(input, caller, services) {
    const plan = await planKeyChange(
      'DeleteImportedKeyMaterial',
      'look',
      input.KeyId,
      caller,
      services,
      (target, key) => deleteMaterial(target, key, input.KeyMaterialId, services),
    );
    return { ...plan, validate: () => requireOrigin(plan.key, 'EXTERNAL') };
  },
});

/** The record and the end of the material are one change; then its object goes. */
function deleteMaterial(
  target: ChangeTarget,
  key: Key,
  named: string | undefined,
  { changes, hsm }: Services,
): Result {
  const KeyId = keyArn(key, key.keyId);
  const material =
    named === undefined
      ? currentMaterialOf(key)
      : materialsInToken(key).find(({ keyMaterialId }) => keyMaterialId === named);
  if (material === undefined && named !== undefined) {
    throw new KmsError('NotFoundException', `Key material '${named}' of ${KeyId} is not found.`);
  }
  // Nothing was ever imported.
  if (material === undefined) return { type: 'answer', output: { KeyId }, responseElements: { KeyId } };
  const { materialId, keyMaterialId: KeyMaterialId } = material;
  const output = { KeyId, KeyMaterialId };
  switch (material.import?.state) {
    case 'Imported':
      return {
        type: 'change',
        change: { ...target, type: 'material-deleting', materialId },
        output,
        responseElements: output,
        afterwards: () => abandonMaterial(key, materialId, changes, hsm),
      };
    case 'Importing':
      throw importUnderWay(key);
    case 'Deleting':
    case 'Deleted':
    case undefined:
      return { type: 'answer', output, responseElements: output };
  }
}
