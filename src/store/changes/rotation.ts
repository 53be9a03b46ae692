import type { RotationType } from '../../keys/key.ts';
import { isIn, keyRow, update } from './key.ts';
import { type ChangeOf, conflict, done, type Made, type Trx } from './make.ts';
import { insertMaterial, type OfKey, ofKey, pendingMaterial, updateMaterial } from './material.ts';

export async function enableRotation(trx: Trx, change: ChangeOf<'rotation-enabled'>): Promise<Made> {
  const { from, due, periodInDays, next } = change;
  if (!(await isDue(trx, change, due))) return conflict;
  return update(trx, change, from, { rotation_period: periodInDays, next_rotation: next });
}

export function disableRotation(trx: Trx, change: ChangeOf<'rotation-disabled'>): Promise<Made> {
  return update(trx, change, change.from, { rotation_period: null, next_rotation: null });
}

export async function beginMaterial(trx: Trx, change: ChangeOf<'material-creating'>): Promise<Made> {
  const { keyId, from, material, rotationType, currentMaterialId, due, limit } = change;
  if (!(await isIn(trx, change, keyId, from))) return conflict;
  if (due !== undefined && !(await isDue(trx, change, due))) return conflict;
  if (!(await isCurrent(trx, change, currentMaterialId))) return conflict;
  if ((await pendingMaterial(trx, change)) !== undefined) return { type: 'exists' };
  if (limit !== undefined && (await rotations(trx, change, rotationType)) >= limit) return { type: 'limit' };
  await insertMaterial(trx, change, material, rotationType);
  return done([keyId]);
}

export async function rotateMaterial(trx: Trx, change: ChangeOf<'material-rotated'>): Promise<Made> {
  const { keyId, from, materialId, rotationType, date, currentMaterialId, schedule, limit } = change;
  if (!(await isIn(trx, change, keyId, from))) return conflict;
  if (schedule !== undefined && !(await isDue(trx, change, schedule.due))) return conflict;
  if (!(await isCurrent(trx, change, currentMaterialId))) return conflict;
  const pending = await pendingMaterial(trx, change);
  if (pending?.material_id !== materialId || pending.state === 'Abandoning') return conflict;
  if (limit !== undefined && (await rotations(trx, change, rotationType)) >= limit) return { type: 'limit' };
  await updateMaterial(trx, change, materialId)
    .set({ state: 'Ready', rotation_type: rotationType, rotated_at: date })
    .execute();
  return update(trx, change, from, {
    current_material_id: materialId,
    ...(schedule !== undefined && { next_rotation: schedule.next }),
  });
}

export async function giveUpMaterial(trx: Trx, change: ChangeOf<'material-abandoning'>): Promise<Made> {
  const { keyId, materialId } = change;
  const row = await ofKey(trx, change)
    .select(['state', 'import_state'])
    .where('material_id', '=', materialId)
    .executeTakeFirst();
  if (row === undefined) return done([keyId]);
  const { state, import_state: imported } = row;
  if (state === 'Ready' && (imported === 'Importing' || imported === 'Deleting')) {
    await updateMaterial(trx, change, materialId).set({ import_state: 'Deleting' }).execute();
    return done([keyId]);
  }
  if (state !== 'Creating' && state !== 'Abandoning') return conflict;
  await updateMaterial(trx, change, materialId).set({ state: 'Abandoning' }).execute();
  return done([keyId]);
}

export async function takeBackMaterial(trx: Trx, change: ChangeOf<'material-abandoned'>): Promise<Made> {
  const { region, account, keyId, materialId } = change;
  const { numUpdatedRows } = await updateMaterial(trx, change, materialId)
    .set({ import_state: 'Deleted' })
    .where('state', '=', 'Ready')
    .where('import_state', '=', 'Deleting')
    .executeTakeFirstOrThrow();
  if (numUpdatedRows === 1n) return done([keyId]);
  const { numDeletedRows } = await trx
    .deleteFrom('materials')
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId)
    .where('material_id', '=', materialId)
    .where('state', '=', 'Abandoning')
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n ? done([keyId]) : conflict;
}

async function rotations(trx: Trx, key: OfKey, type: RotationType): Promise<number> {
  const { rows } = await ofKey(trx, key)
    .select((row) => row.fn.countAll<number>().as('rows'))
    .where('rotation_type', '=', type)
    .where('rotated_at', 'is not', null)
    .executeTakeFirstOrThrow();
  return rows;
}

async function isDue(trx: Trx, key: OfKey, due: number | undefined): Promise<boolean> {
  const row = await keyRow(trx, key);
  return row !== undefined && (row.next_rotation ?? undefined) === due;
}

async function isCurrent(trx: Trx, key: OfKey, materialId: string): Promise<boolean> {
  return (await keyRow(trx, key))?.current_material_id === materialId;
}
