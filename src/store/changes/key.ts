import type { Updateable } from 'kysely';
import type { Scope } from '../../arn.ts';
import type { KeyState } from '../../keys/key.ts';
import { StoreError } from '../error.ts';
import type { Schema } from '../schema.ts';
import { lacksMaterial } from './import.ts';
import { type ChangeOf, conflict, done, type Made, type Trx } from './make.ts';
import { materialRow, type OfKey } from './material.ts';
import { inToken } from './wrapping-key.ts';

export function keyRow(trx: Trx, { region, account, keyId }: OfKey) {
  return trx
    .selectFrom('keys')
    .select(['state', 'next_rotation', 'current_material_id'])
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId)
    .executeTakeFirst();
}

/** Whether there is such a key in one of these states. */
export async function isIn(
  trx: Trx,
  scope: Scope,
  keyId: string,
  states: readonly KeyState[],
): Promise<boolean> {
  const row = await keyRow(trx, { ...scope, keyId });
  return row !== undefined && states.includes(row.state);
}

export async function beginKey(trx: Trx, change: ChangeOf<'key-creating'>): Promise<Made> {
  const { region, account, key } = change;
  if (key.region !== region || key.account !== account || key.state !== 'Creating') {
    throw new StoreError(
      'constraint',
      `key \`${key.keyId}\` is not one to begin with in ${region}/${account}`,
    );
  }
  const isEmpty = key.currentMaterialId === undefined && key.materials.length === 0;
  const hasCurrent = key.materials.some(({ materialId }) => materialId === key.currentMaterialId);
  if (key.origin === 'EXTERNAL' ? !isEmpty : !hasCurrent) {
    throw new StoreError('constraint', `key \`${key.keyId}\` has not the material to begin with`);
  }
  const taken = await trx
    .selectFrom('keys')
    .select('key_id')
    .where('region', '=', region)
    .where('key_id', '=', key.keyId)
    .executeTakeFirst();
  if (taken !== undefined) return conflict;
  await trx
    .insertInto('keys')
    .values({
      region,
      account,
      key_id: key.keyId,
      state: key.state,
      description: key.description,
      key_spec: key.keySpec,
      key_usage: key.keyUsage,
      origin: key.origin,
      created_at: key.createdAt,
      deletion_date: null,
      current_material_id: key.currentMaterialId ?? null,
      policy: key.policy ?? null,
      public_key: key.publicKey ?? null,
      lacking: key.lacking === undefined ? null : JSON.stringify(key.lacking),
    })
    .execute();
  for (const [generation, material] of key.materials.entries()) {
    await trx
      .insertInto('materials')
      .values(materialRow(key, material, generation))
      .execute();
  }
  for (const tag of key.tags) {
    await trx
      .insertInto('tags')
      .values({ region, account, key_id: key.keyId, tag_key: tag.key, tag_value: tag.value })
      .execute();
  }
  return done([key.keyId]);
}

/** Sets columns of a key that is in one of the states (and due then, where that is said), or finds a conflict. */
export async function update(
  trx: Trx,
  change: Scope & { readonly keyId: string },
  from: readonly KeyState[],
  values: Updateable<Schema['keys']>,
  due?: number,
): Promise<Made> {
  if (from.length === 0) return conflict;
  const { numUpdatedRows } = await trx
    .updateTable('keys')
    .set(values)
    .where('region', '=', change.region)
    .where('account', '=', change.account)
    .where('key_id', '=', change.keyId)
    .where('state', 'in', from)
    .$if(due !== undefined, (query) => query.where('deletion_date', '=', due ?? null))
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n ? done([change.keyId]) : conflict;
}

export async function finishKey(trx: Trx, change: ChangeOf<'key-created'>): Promise<Made> {
  const { publicKey } = change;
  return update(trx, change, ['Creating'], {
    state: (await lacksMaterial(trx, change)) ? 'PendingImport' : 'Enabled',
    ...(publicKey !== undefined && { public_key: publicKey }),
  });
}

export async function setState(trx: Trx, change: ChangeOf<'key-state'>): Promise<Made> {
  const { from, to: state, deletionDate } = change;
  if (state === 'PendingDeletion' && deletionDate === undefined) {
    throw new StoreError('constraint', `key \`${change.keyId}\` can't await its deletion without a date`);
  }
  if (state === 'PendingDeletion')
    return update(trx, change, from, { state, deletion_date: deletionDate ?? null });
  // A key that was kept and scheduled anew meanwhile has another date: it is not the one that was due.
  if (state === 'Destroying') return update(trx, change, from, { state }, deletionDate);
  if ((state === 'PendingImport') !== (await lacksMaterial(trx, change))) return conflict;
  return update(trx, change, from, { state, deletion_date: null });
}

export function setDescription(trx: Trx, change: ChangeOf<'key-description'>): Promise<Made> {
  return update(trx, change, change.from, { description: change.description });
}

export function setPolicy(trx: Trx, change: ChangeOf<'key-policy'>): Promise<Made> {
  return update(trx, change, change.from, { policy: change.policy });
}

async function remove(trx: Trx, change: Scope & { readonly keyId: string }, state: KeyState): Promise<Made> {
  const { region, account, keyId } = change;
  if (!(await isIn(trx, change, keyId, [state]))) return conflict;
  // INVARIANT: no row goes that is all that tells of an object in the token.
  if ((await inToken(trx, change)) > 0) return conflict;
  const aliases = await trx
    .deleteFrom('aliases')
    .where('region', '=', region)
    .where('account', '=', account)
    .where('target_key_id', '=', keyId)
    .returning('alias_name')
    .execute();
  for (const table of ['grants', 'last_uses', 'tags', 'wrapping_keys', 'materials', 'keys'] as const) {
    await trx
      .deleteFrom(table)
      .where('region', '=', region)
      .where('account', '=', account)
      .where('key_id', '=', keyId)
      .execute();
  }
  return done(
    [keyId],
    aliases.map((alias) => alias.alias_name),
  );
}

export function giveUpKey(trx: Trx, change: ChangeOf<'key-abandoning'>): Promise<Made> {
  return update(trx, change, ['Creating'], { state: 'Abandoning' });
}

export function takeBackKey(trx: Trx, change: ChangeOf<'key-abandoned'>): Promise<Made> {
  return remove(trx, change, 'Abandoning');
}

export function destroyKey(trx: Trx, change: ChangeOf<'key-destroyed'>): Promise<Made> {
  return remove(trx, change, 'Destroying');
}
