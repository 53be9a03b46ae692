import type { Scope } from '../../arn.ts';
import type { Material, PendingMaterialState, RotationType } from '../../keys/key.ts';
import type { Schema } from '../schema.ts';
import type { Trx } from './make.ts';

/** Rows of materials, for the changes that make and take them. */

export type OfKey = Scope & { readonly keyId: string };

const waiting: readonly PendingMaterialState[] = ['Creating', 'Abandoning', 'PendingRotation'];

export function ofKey(trx: Trx, { region, account, keyId }: OfKey) {
  return trx
    .selectFrom('materials')
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId);
}

export function updateMaterial(trx: Trx, { region, account, keyId }: OfKey, materialId: string) {
  return trx
    .updateTable('materials')
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId)
    .where('material_id', '=', materialId);
}

export function pendingMaterial(trx: Trx, key: OfKey) {
  return ofKey(trx, key).select(['material_id', 'state']).where('state', 'in', waiting).executeTakeFirst();
}

/** Adds a material in `Creating`, the newest of its key. */
export async function insertMaterial(
  trx: Trx,
  key: OfKey,
  material: Material,
  rotationType: RotationType | undefined,
): Promise<void> {
  const { generation } = await ofKey(trx, key)
    .select((row) => row.fn.max('generation').as('generation'))
    .executeTakeFirstOrThrow();
  await trx
    .insertInto('materials')
    .values({
      ...materialRow(key, material, (generation ?? -1) + 1),
      state: 'Creating',
      rotation_type: rotationType ?? null,
    })
    .execute();
}

export function materialRow({ region, account, keyId }: OfKey, material: Material, generation: number) {
  const { materialId, keyMaterialId, createdAt, import: given } = material;
  return {
    region,
    account,
    key_id: keyId,
    generation,
    material_id: materialId,
    key_material_id: keyMaterialId,
    created_at: createdAt,
    import_state: given?.state ?? null,
    fingerprint: given?.fingerprint ?? null,
    valid_to: given?.validTo ?? null,
    description: given?.description ?? null,
  } satisfies Partial<Record<keyof Schema['materials'], unknown>>;
}
