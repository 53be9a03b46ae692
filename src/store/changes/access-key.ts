import { countOf, findIdentity } from './identity.ts';
import { type ChangeOf, conflict, identitiesDone, type Made, type Trx } from './make.ts';

export async function createAccessKey(trx: Trx, change: ChangeOf<'access-key-created'>): Promise<Made> {
  const { account, accessKeyId, principalId, sealedSecret, createdAt, limit } = change;
  const principal = await findIdentity(trx, change, principalId);
  if (principal?.type !== 'User' && principal?.type !== 'Root') return conflict;
  const taken = await trx
    .selectFrom('access_keys')
    .select('access_key_id')
    .where('access_key_id', '=', accessKeyId)
    .executeTakeFirst();
  if (taken !== undefined) return { type: 'exists' };
  if ((await countOf(trx, 'access_keys', 'principal_id', principalId)) >= limit) return { type: 'limit' };
  await trx
    .insertInto('access_keys')
    .values({
      access_key_id: accessKeyId,
      principal_id: principalId,
      sealed_secret: sealedSecret,
      active: 1,
      created_at: createdAt,
    })
    .execute();
  return identitiesDone(account, [accessKeyId]);
}

export async function setAccessKeyStatus(trx: Trx, change: ChangeOf<'access-key-status'>): Promise<Made> {
  const { account, accessKeyId, principalId, active } = change;
  if ((await findIdentity(trx, change, principalId)) === undefined) return conflict;
  const { numUpdatedRows } = await trx
    .updateTable('access_keys')
    .set({ active: active ? 1 : 0 })
    .where('access_key_id', '=', accessKeyId)
    .where('principal_id', '=', principalId)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n ? identitiesDone(account, [accessKeyId]) : { type: 'not-found' };
}

export async function deleteAccessKey(trx: Trx, change: ChangeOf<'access-key-deleted'>): Promise<Made> {
  const { account, accessKeyId, principalId } = change;
  if ((await findIdentity(trx, change, principalId)) === undefined) return conflict;
  const { numDeletedRows } = await trx
    .deleteFrom('access_keys')
    .where('access_key_id', '=', accessKeyId)
    .where('principal_id', '=', principalId)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n ? identitiesDone(account, [accessKeyId]) : { type: 'not-found' };
}
