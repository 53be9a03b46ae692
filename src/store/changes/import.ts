import { StoreError } from '../error.ts';
import { isIn, keyRow, update } from './key.ts';
import { type ChangeOf, conflict, done, type Made, type Trx } from './make.ts';
import { insertMaterial, ofKey, pendingMaterial, updateMaterial } from './material.ts';

export async function beginImport(trx: Trx, change: ChangeOf<'material-importing'>): Promise<Made> {
  const { keyId, from, material, currentMaterialId } = change;
  if (material.import?.state !== 'Importing') {
    throw new StoreError('constraint', `material \`${material.materialId}\` is not one to begin to import`);
  }
  const key = await keyRow(trx, change);
  if (key === undefined || !from.includes(key.state)) return conflict;
  if ((key.current_material_id ?? undefined) !== currentMaterialId) return conflict;
  const same = await ofKey(trx, change)
    .select('material_id')
    .where('fingerprint', '=', material.import.fingerprint)
    .executeTakeFirst();
  if (same !== undefined) return conflict;
  if ((await pendingMaterial(trx, change)) !== undefined) return { type: 'exists' };
  await insertMaterial(trx, change, material, undefined);
  return done([keyId]);
}

export async function importAgain(trx: Trx, change: ChangeOf<'material-importing-again'>): Promise<Made> {
  const { keyId, from, materialId } = change;
  if (!(await isIn(trx, change, keyId, from))) return conflict;
  const { numUpdatedRows } = await updateMaterial(trx, change, materialId)
    .set({ import_state: 'Importing' })
    .where('state', '=', 'Ready')
    .where('import_state', '=', 'Deleted')
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n ? done([keyId]) : conflict;
}

export async function finishImport(trx: Trx, change: ChangeOf<'material-imported'>): Promise<Made> {
  const { from, materialId, was, validTo, description, publicKey } = change;
  const key = await keyRow(trx, change);
  if (key === undefined || !from.includes(key.state)) return conflict;
  const row = await ofKey(trx, change)
    .select(['state', 'import_state'])
    .where('material_id', '=', materialId)
    .executeTakeFirst();
  if (row?.import_state !== was || row.state === 'Abandoning') return conflict;
  const isFirst = key.current_material_id === null;
  await updateMaterial(trx, change, materialId)
    .set({
      state: row.state === 'Creating' ? (isFirst ? 'Ready' : 'PendingRotation') : row.state,
      import_state: 'Imported',
      valid_to: validTo ?? null,
      ...(description !== undefined && { description }),
    })
    .execute();
  const awaits = key.state === 'PendingImport';
  return update(trx, change, from, {
    current_material_id: key.current_material_id ?? materialId,
    ...(publicKey !== undefined && { public_key: publicKey }),
    ...(awaits && (await isImported(trx, change)) && { state: 'Enabled' }),
  });
}

export async function beginDeletion(trx: Trx, change: ChangeOf<'material-deleting'>): Promise<Made> {
  const { keyId, from, materialId, expired } = change;
  const key = await keyRow(trx, change);
  if (key === undefined || !from.includes(key.state)) return conflict;
  const row = await ofKey(trx, change)
    .select(['state', 'import_state', 'valid_to'])
    .where('material_id', '=', materialId)
    .executeTakeFirst();
  if (row?.import_state !== 'Imported') return conflict;
  if (expired !== undefined && row.valid_to !== expired) return conflict;
  const isPending = row.state === 'PendingRotation';
  await updateMaterial(trx, change, materialId)
    .set({ state: isPending ? 'Abandoning' : row.state, import_state: 'Deleting', valid_to: null })
    .execute();
  const awaits = !isPending && (key.state === 'Enabled' || key.state === 'Disabled');
  return awaits ? update(trx, change, from, { state: 'PendingImport' }) : done([keyId]);
}

/** Whether every material of the key's is there that was ever imported: of a key that has one. */
async function isImported(trx: Trx, key: Parameters<typeof ofKey>[1]): Promise<boolean> {
  const missing = await ofKey(trx, key)
    .select('material_id')
    .where('state', '=', 'Ready')
    .where('import_state', '!=', 'Imported')
    .executeTakeFirst();
  return missing === undefined;
}

/** Whether the key awaits an import, by what it has. */
export async function lacksMaterial(trx: Trx, key: Parameters<typeof ofKey>[1]): Promise<boolean> {
  const row = await keyRow(trx, key);
  return row !== undefined && (row.current_material_id === null || !(await isImported(trx, key)));
}
