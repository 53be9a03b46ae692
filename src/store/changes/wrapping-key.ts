import type { Scope } from '../../arn.ts';
import type { WrappingKeyState } from '../../keys/wrapping-key.ts';
import { StoreError } from '../error.ts';
import { isIn } from './key.ts';
import { type ChangeOf, conflict, done, type Made, type Trx } from './make.ts';

/** Nobody caches a wrapping key: none of these changes makes anything stale. */
const made = done([]);

export async function beginWrappingKey(trx: Trx, change: ChangeOf<'wrapping-key-creating'>): Promise<Made> {
  const { region, account, wrappingKey, from, limit } = change;
  const { keyId, wrappingId, state } = wrappingKey;
  if (wrappingKey.region !== region || wrappingKey.account !== account || state !== 'Creating') {
    throw new StoreError('constraint', `wrapping key \`${wrappingId}\` is not one to begin with`);
  }
  if (!(await isIn(trx, change, keyId, from))) return conflict;
  if ((await inToken(trx, { region, account, keyId })) >= limit) return { type: 'limit' };
  await trx
    .insertInto('wrapping_keys')
    .values({
      region,
      account,
      wrapping_id: wrappingId,
      key_id: keyId,
      state,
      algorithm: wrappingKey.algorithm,
      created_at: wrappingKey.createdAt,
      valid_to: wrappingKey.validTo,
    })
    .execute();
  return made;
}

/** How many wrapping keys of a key the token may have. */
export async function inToken(
  trx: Trx,
  { region, account, keyId }: Scope & { readonly keyId: string },
): Promise<number> {
  const { rows } = await trx
    .selectFrom('wrapping_keys')
    .select((row) => row.fn.countAll<number>().as('rows'))
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId)
    .where('state', '!=', 'Destroyed')
    .executeTakeFirstOrThrow();
  return rows;
}

export function finishWrappingKey(trx: Trx, change: ChangeOf<'wrapping-key-created'>): Promise<Made> {
  return become(trx, change, ['Creating'], 'Ready');
}

export function giveUpWrappingKey(trx: Trx, change: ChangeOf<'wrapping-key-destroying'>): Promise<Made> {
  return become(trx, change, ['Creating', 'Ready', 'Destroying'], 'Destroying');
}

export function endWrappingKey(trx: Trx, change: ChangeOf<'wrapping-key-destroyed'>): Promise<Made> {
  return become(trx, change, ['Destroying'], 'Destroyed');
}

export async function forgetWrappingKey(trx: Trx, change: ChangeOf<'wrapping-key-forgotten'>): Promise<Made> {
  const { numDeletedRows } = await trx
    .deleteFrom('wrapping_keys')
    .where('region', '=', change.region)
    .where('account', '=', change.account)
    .where('wrapping_id', '=', change.wrappingId)
    .where('state', '=', 'Destroyed')
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n ? made : conflict;
}

async function become(
  trx: Trx,
  change: Scope & { readonly wrappingId: string },
  from: readonly WrappingKeyState[],
  state: WrappingKeyState,
): Promise<Made> {
  const { numUpdatedRows } = await trx
    .updateTable('wrapping_keys')
    .set({ state })
    .where('region', '=', change.region)
    .where('account', '=', change.account)
    .where('wrapping_id', '=', change.wrappingId)
    .where('state', 'in', from)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n ? made : conflict;
}
