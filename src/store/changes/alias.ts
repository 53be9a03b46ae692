import { StoreError } from '../error.ts';
import { isIn } from './key.ts';
import { type ChangeOf, conflict, done, type Made, type Trx } from './make.ts';

export async function createAlias(trx: Trx, change: ChangeOf<'alias-created'>): Promise<Made> {
  const { region, account, alias, from } = change;
  if (alias.region !== region || alias.account !== account) {
    throw new StoreError('constraint', `alias \`${alias.aliasName}\` is not one of ${region}/${account}`);
  }
  const taken = await trx
    .selectFrom('aliases')
    .select('alias_name')
    .where('region', '=', region)
    .where('account', '=', account)
    .where('alias_name', '=', alias.aliasName)
    .executeTakeFirst();
  if (taken !== undefined) return { type: 'exists' };
  if (!(await isIn(trx, change, alias.targetKeyId, from))) return conflict;
  await trx
    .insertInto('aliases')
    .values({
      region,
      account,
      alias_name: alias.aliasName,
      target_key_id: alias.targetKeyId,
      created_at: alias.createdAt,
      updated_at: alias.updatedAt,
    })
    .execute();
  return done([alias.targetKeyId], [alias.aliasName]);
}

export async function updateAlias(trx: Trx, change: ChangeOf<'alias-updated'>): Promise<Made> {
  const { region, account, aliasName, fromKeyId, targetKeyId, from, updatedAt } = change;
  if (!(await isIn(trx, change, targetKeyId, from))) return conflict;
  const { numUpdatedRows } = await trx
    .updateTable('aliases')
    .set({ target_key_id: targetKeyId, updated_at: updatedAt })
    .where('region', '=', region)
    .where('account', '=', account)
    .where('alias_name', '=', aliasName)
    .where('target_key_id', '=', fromKeyId)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n ? done([fromKeyId, targetKeyId], [aliasName]) : conflict;
}

export async function deleteAlias(trx: Trx, change: ChangeOf<'alias-deleted'>): Promise<Made> {
  const { numDeletedRows } = await trx
    .deleteFrom('aliases')
    .where('region', '=', change.region)
    .where('account', '=', change.account)
    .where('alias_name', '=', change.aliasName)
    .where('target_key_id', '=', change.fromKeyId)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n ? done([change.fromKeyId], [change.aliasName]) : conflict;
}
