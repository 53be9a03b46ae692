import { z } from 'zod';
import type { Import, Key, Material, PendingMaterial } from '../keys/key.ts';
import type { Page } from '../page.ts';
import { members } from './input.ts';
import { listPage } from './list.ts';
import { expirationMembers, timestamp } from './metadata.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';
import { checkRotates } from './rotation.ts';

export const listKeyRotations = defineOperation({
  name: 'ListKeyRotations',
  readOnly: true,
  input: z.strictObject({
    KeyId: members.keyId,
    IncludeKeyMaterial: members.includeKeyMaterial.optional(),
    Limit: members.limit.optional(),
    Marker: members.marker.optional(),
  }),
  async plan(input, caller, services) {
    const action = 'kms:ListKeyRotations';
    const key = await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
    const include = input.IncludeKeyMaterial ?? 'ROTATIONS_ONLY';
    return {
      subjects: [{ type: 'key', action, key, rule: 'look' }],
      validate: () => checkRotates(key, ['AWS_KMS', 'EXTERNAL']),
      async run() {
        const listed =
          include === 'ALL_KEY_MATERIAL'
            ? [...key.materials, ...(key.pending?.state === 'PendingRotation' ? [key.pending] : [])]
            : key.materials.filter(({ rotation }) => rotation);
        const { items, rest } = await listPage(
          'ListKeyRotations',
          `${key.keyId} ${include}`,
          input.Marker,
          async (after) => page(listed, after, input.Limit ?? 100),
        );
        return {
          type: 'answer',
          output: { Rotations: items.map((material) => entry(key, material)), ...rest },
        };
      },
    };
  },
});

type Listed = Material | PendingMaterial;

/** @param after the last `KeyMaterialId` of the page before: rotations only ever add to the end */
function page(all: readonly Listed[], after: string | undefined, limit: number): Page<Listed> {
  const begin = all.findIndex(({ keyMaterialId }) => keyMaterialId === after) + 1;
  const items = all.slice(begin, begin + limit);
  return { items, next: begin + limit < all.length ? items.at(-1)?.keyMaterialId : undefined };
}

function entry(key: Key, material: Listed): object {
  const { materialId, keyMaterialId, import: given } = material;
  const rotation = 'state' in material ? undefined : material.rotation;
  return {
    KeyId: key.keyId,
    KeyMaterialId: keyMaterialId,
    ...(given && importMembers(given)),
    KeyMaterialState:
      'state' in material
        ? 'PENDING_ROTATION'
        : materialId === key.currentMaterialId
          ? 'CURRENT'
          : 'NON_CURRENT',
    ...(rotation && { RotationDate: timestamp(rotation.date), RotationType: rotation.type }),
  };
}

function importMembers({ state, validTo, description }: Import): object {
  const isImported = state === 'Imported';
  return {
    ...(description && { KeyMaterialDescription: description }),
    ImportState: isImported ? 'IMPORTED' : 'PENDING_IMPORT',
    ...(isImported && expirationMembers(validTo)),
  };
}
