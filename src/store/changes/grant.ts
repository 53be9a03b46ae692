import { StoreError } from '../error.ts';
import { type ChangeOf, conflict, grantsDone, type Made, type Trx } from './make.ts';

export async function createGrant(trx: Trx, change: ChangeOf<'grant-created'>): Promise<Made> {
  const { region, account, grant, from, index, limit } = change;
  if (grant.region !== region || grant.account !== account) {
    throw new StoreError('constraint', `grant \`${grant.grantId}\` is not one of ${region}/${account}`);
  }
  const key = await trx
    .selectFrom('keys')
    .select(['state', 'grant_count'])
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', grant.keyId)
    .executeTakeFirst();
  if (key === undefined || !from.includes(key.state)) return conflict;
  if (index.fingerprint !== undefined) {
    const same = await trx
      .selectFrom('grants')
      .select('grant_id')
      .where('region', '=', region)
      .where('account', '=', account)
      .where('key_id', '=', grant.keyId)
      .where('fingerprint', '=', index.fingerprint)
      .executeTakeFirst();
    if (same !== undefined) return conflict;
  }
  if (key.grant_count >= limit) return { type: 'limit' };
  await trx
    .insertInto('grants')
    .values({
      region,
      account,
      key_id: grant.keyId,
      grant_id: grant.grantId,
      name: grant.name ?? null,
      grantee_id: grant.granteeId,
      retiring_id: grant.retiringId ?? null,
      operations: JSON.stringify(grant.operations),
      constraints: JSON.stringify(grant.constraints),
      issuing_account: grant.issuingAccount,
      created_at: grant.createdAt,
      fingerprint: index.fingerprint ?? null,
      anchor: index.anchor,
      describes: index.describes ? 1 : 0,
    })
    .execute();
  await countGrants(trx, change, grant.keyId, 1);
  return grantsDone(grant.keyId, grant.granteeId);
}

export async function removeGrant(trx: Trx, change: ChangeOf<'grant-removed'>): Promise<Made> {
  const { region, account, keyId, grantId } = change;
  const gone = await trx
    .deleteFrom('grants')
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId)
    .where('grant_id', '=', grantId)
    .returning('grantee_id')
    .executeTakeFirst();
  if (gone === undefined) return conflict;
  await countGrants(trx, change, keyId, -1);
  return grantsDone(keyId, gone.grantee_id);
}

async function countGrants(
  trx: Trx,
  { region, account }: { readonly region: string; readonly account: string },
  keyId: string,
  more: 1 | -1,
): Promise<void> {
  await trx
    .updateTable('keys')
    .set((key) => ({ grant_count: key('grant_count', '+', more) }))
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId)
    .execute();
}
