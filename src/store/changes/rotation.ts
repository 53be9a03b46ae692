import type { Scope } from '../../arn.ts';
import type { PendingMaterialState, RotationType } from '../../keys/key.ts';
import { isIn, update } from './key.ts';
import { type ChangeOf, conflict, done, type Made, type Trx } from './make.ts';

type OfKey = Scope & { readonly keyId: string };

export async function enableRotation(trx: Trx, change: ChangeOf<'rotation-enabled'>): Promise<Made> {
  const { from, due, periodInDays, next } = change;
  if (!(await isDue(trx, change, due))) return conflict;
  return update(trx, change, from, { rotation_period: periodInDays, next_rotation: next });
}

export function disableRotation(trx: Trx, change: ChangeOf<'rotation-disabled'>): Promise<Made> {
  return update(trx, change, change.from, { rotation_period: null, next_rotation: null });
}

export async function beginMaterial(trx: Trx, change: ChangeOf<'material-creating'>): Promise<Made> {
  const { region, account, keyId, from, material, rotationType, currentMaterialId, due, limit } = change;
  if (!(await isIn(trx, change, keyId, from))) return conflict;
  if (due !== undefined && !(await isDue(trx, change, due))) return conflict;
  if (!(await isCurrent(trx, change, currentMaterialId))) return conflict;
  if ((await pendingMaterial(trx, change)) !== undefined) return { type: 'exists' };
  if (limit !== undefined && (await rotations(trx, change, rotationType)) >= limit) return { type: 'limit' };
  const { generation } = await ofKey(trx, change)
    .select((row) => row.fn.max('generation').as('generation'))
    .executeTakeFirstOrThrow();
  await trx
    .insertInto('materials')
    .values({
      region,
      account,
      key_id: keyId,
      generation: generation + 1,
      material_id: material.materialId,
      key_material_id: material.keyMaterialId,
      created_at: material.createdAt,
      state: 'Creating',
      rotation_type: rotationType,
    })
    .execute();
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
  const row = await ofKey(trx, change)
    .select('state')
    .where('material_id', '=', change.materialId)
    .executeTakeFirst();
  if (row !== undefined && row.state !== 'Creating' && row.state !== 'Abandoning') return conflict;
  await updateMaterial(trx, change, change.materialId).set({ state: 'Abandoning' }).execute();
  return done([change.keyId]);
}

export async function takeBackMaterial(trx: Trx, change: ChangeOf<'material-abandoned'>): Promise<Made> {
  const { numDeletedRows } = await trx
    .deleteFrom('materials')
    .where('region', '=', change.region)
    .where('account', '=', change.account)
    .where('key_id', '=', change.keyId)
    .where('material_id', '=', change.materialId)
    .where('state', '=', 'Abandoning')
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n ? done([change.keyId]) : conflict;
}

const waiting: readonly PendingMaterialState[] = ['Creating', 'Abandoning', 'PendingRotation'];

function ofKey(trx: Trx, { region, account, keyId }: OfKey) {
  return trx
    .selectFrom('materials')
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId);
}

function updateMaterial(trx: Trx, { region, account, keyId }: OfKey, materialId: string) {
  return trx
    .updateTable('materials')
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId)
    .where('material_id', '=', materialId);
}

function pendingMaterial(trx: Trx, key: OfKey) {
  return ofKey(trx, key).select(['material_id', 'state']).where('state', 'in', waiting).executeTakeFirst();
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

function keyRow(trx: Trx, { region, account, keyId }: OfKey) {
  return trx
    .selectFrom('keys')
    .select(['next_rotation', 'current_material_id'])
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId)
    .executeTakeFirst();
}
