import type { Entity } from '../../identity/entity.ts';
import type { Dependent } from '../../keys/repository.ts';
import type { Tag } from '../../tag.ts';
import { StoreError } from '../error.ts';
import { toTags } from '../identities.ts';
import { type ChangeOf, conflict, identitiesDone, type Made, type Trx } from './make.ts';

/** An identity of this account, by its id. */
export function findIdentity(trx: Trx, change: { readonly account: string }, id: string) {
  return trx
    .selectFrom('identities')
    .select(['id', 'type', 'arn', 'name', 'tags'])
    .where('id', '=', id)
    .where('account', '=', change.account)
    .executeTakeFirst();
}

/** How many rows of a table are of one owner. */
export async function countOf(
  trx: Trx,
  table: 'access_keys' | 'attachments' | 'inline_policies' | 'memberships' | 'policy_versions',
  column: 'principal_id' | 'identity_id' | 'user_id' | 'group_id' | 'policy_id',
  owner: string,
): Promise<number> {
  const { rows } = await trx
    .selectFrom(table)
    .select((row) => row.fn.countAll<number>().as('rows'))
    .where((row) => row(row.ref(column), '=', owner))
    .executeTakeFirstOrThrow();
  return rows;
}

async function insertEntity(
  trx: Trx,
  change: { readonly account: string; readonly limit: number },
  entity: Entity,
): Promise<Made> {
  const { account, limit } = change;
  const { type, id, name, path, arn, createdAt } = entity;
  if (entity.account !== account) throw new StoreError('constraint', `\`${arn}\` is not one of ${account}`);
  const key = name.toLowerCase();
  const kin = trx.selectFrom('identities').where('account', '=', account).where('type', '=', type);
  const taken = await kin.select('id').where('name_key', '=', key).executeTakeFirst();
  if (taken !== undefined) return { type: 'exists' };
  const { rows } = await kin.select((row) => row.fn.countAll<number>().as('rows')).executeTakeFirstOrThrow();
  if (rows >= limit) return { type: 'limit' };
  await trx
    .insertInto('identities')
    .values({
      id,
      account,
      type,
      name,
      name_key: key,
      path,
      arn,
      created_at: createdAt,
      boundary: type === 'Group' ? null : (entity.boundary ?? null),
      tags: JSON.stringify(type === 'Group' ? [] : entity.tags),
      ...(type === 'Role' && {
        trust_policy: entity.trustPolicy,
        description: entity.description ?? null,
        max_session_duration: entity.maxSessionDuration,
      }),
    })
    .execute();
  return identitiesDone(account);
}

export async function createUser(trx: Trx, change: ChangeOf<'user-created'>): Promise<Made> {
  const { user, attachments = [] } = change;
  const made = await insertEntity(trx, change, user);
  if (made.type !== 'done') return made;
  for (const policy_arn of attachments) {
    await trx.insertInto('attachments').values({ identity_id: user.id, policy_arn }).execute();
  }
  return made;
}

export function createGroup(trx: Trx, change: ChangeOf<'group-created'>): Promise<Made> {
  return insertEntity(trx, change, change.group);
}

export function createRole(trx: Trx, change: ChangeOf<'role-created'>): Promise<Made> {
  return insertEntity(trx, change, change.role);
}

async function accessKeyIds(trx: Trx, principalId: string): Promise<string[]> {
  const rows = await trx
    .selectFrom('access_keys')
    .select('access_key_id')
    .where('principal_id', '=', principalId)
    .execute();
  return rows.map((row) => row.access_key_id);
}

export async function renameIdentity(trx: Trx, change: ChangeOf<'identity-renamed'>): Promise<Made> {
  const { account, id, name, path, arn } = change;
  const found = await findIdentity(trx, change, id);
  if (found === undefined) return conflict;
  const taken = await trx
    .selectFrom('identities')
    .select('id')
    .where('account', '=', account)
    .where('type', '=', found.type)
    .where('name_key', '=', name.toLowerCase())
    .where('id', '!=', id)
    .executeTakeFirst();
  if (taken !== undefined) return { type: 'exists' };
  await trx
    .updateTable('identities')
    .set({ name, name_key: name.toLowerCase(), path, arn })
    .where('id', '=', id)
    .execute();
  // A credential knows its user's name.
  return identitiesDone(account, await accessKeyIds(trx, id));
}

export async function updateRole(trx: Trx, change: ChangeOf<'role-updated'>): Promise<Made> {
  const { account, id, trustPolicy, description, maxSessionDuration } = change;
  const { numUpdatedRows } = await trx
    .updateTable('identities')
    .set({
      account,
      ...(trustPolicy !== undefined && { trust_policy: trustPolicy }),
      ...(description !== undefined && { description }),
      ...(maxSessionDuration !== undefined && { max_session_duration: maxSessionDuration }),
    })
    .where('id', '=', id)
    .where('account', '=', account)
    .where('type', '=', 'Role')
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n ? identitiesDone(account) : conflict;
}

/** In the order in which AWS names what must go before. */
const dependents = [
  ['attachments', 'identity_id', 'attachments'],
  ['inline_policies', 'identity_id', 'inline-policies'],
  ['access_keys', 'principal_id', 'access-keys'],
  ['memberships', 'user_id', 'memberships'],
  ['memberships', 'group_id', 'members'],
] as const satisfies readonly (readonly [string, string, Dependent])[];

export async function deleteIdentity(trx: Trx, change: ChangeOf<'identity-deleted'>): Promise<Made> {
  const { account, id } = change;
  const found = await findIdentity(trx, change, id);
  if (found === undefined || found.type === 'Root') return conflict;
  for (const [table, column, by] of dependents) {
    if ((await countOf(trx, table, column, id)) > 0) return { type: 'in-use', by };
  }
  await trx.deleteFrom('identities').where('id', '=', id).execute();
  return identitiesDone(account);
}

export async function addMember(trx: Trx, change: ChangeOf<'member-added'>): Promise<Made> {
  const { account, groupId, userId, limit } = change;
  const user = await findIdentity(trx, change, userId);
  const group = await findIdentity(trx, change, groupId);
  if (user?.type !== 'User' || group?.type !== 'Group') return conflict;
  const groups = await trx
    .selectFrom('memberships')
    .select('group_id')
    .where('user_id', '=', userId)
    .execute();
  if (groups.some(({ group_id }) => group_id === groupId)) return identitiesDone(account);
  if (groups.length >= limit) return { type: 'limit' };
  await trx.insertInto('memberships').values({ user_id: userId, group_id: groupId }).execute();
  return identitiesDone(account);
}

export async function removeMember(trx: Trx, change: ChangeOf<'member-removed'>): Promise<Made> {
  const { account, groupId, userId } = change;
  const user = await findIdentity(trx, change, userId);
  const group = await findIdentity(trx, change, groupId);
  if (user === undefined || group === undefined) return conflict;
  const { numDeletedRows } = await trx
    .deleteFrom('memberships')
    .where('user_id', '=', userId)
    .where('group_id', '=', groupId)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n ? identitiesDone(account) : { type: 'not-found' };
}

/** A managed policy's tags are of the same kind, in a table of their own. */
async function findTagged(
  trx: Trx,
  account: string,
  id: string,
): Promise<{ table: 'identities' | 'managed_policies'; tags: readonly Tag[] } | undefined> {
  for (const table of ['identities', 'managed_policies'] as const) {
    const row = await trx
      .selectFrom(table)
      .select('tags')
      .where('id', '=', id)
      .where('account', '=', account)
      .executeTakeFirst();
    if (row !== undefined) return { table, tags: toTags(row.tags) };
  }
  return undefined;
}

export async function putIdentityTags(trx: Trx, change: ChangeOf<'identity-tags-put'>): Promise<Made> {
  const { account, id, tags, limit } = change;
  const found = await findTagged(trx, account, id);
  if (found === undefined) return conflict;
  const after = new Map(found.tags.map((tag) => [tag.key.toLowerCase(), tag]));
  for (const tag of tags) after.set(tag.key.toLowerCase(), tag);
  if (after.size > limit) return { type: 'limit' };
  await setTags(trx, found.table, id, [...after.values()]);
  return identitiesDone(account);
}

export async function removeIdentityTags(trx: Trx, change: ChangeOf<'identity-tags-removed'>): Promise<Made> {
  const { account, id, tagKeys } = change;
  const found = await findTagged(trx, account, id);
  if (found === undefined) return conflict;
  const gone = new Set(tagKeys.map((key) => key.toLowerCase()));
  await setTags(
    trx,
    found.table,
    id,
    found.tags.filter(({ key }) => !gone.has(key.toLowerCase())),
  );
  return identitiesDone(account);
}

async function setTags(
  trx: Trx,
  table: 'identities' | 'managed_policies',
  id: string,
  tags: readonly Tag[],
): Promise<void> {
  const sorted = tags.toSorted((one, other) => (one.key < other.key ? -1 : 1));
  await trx
    .updateTable(table)
    .set({ tags: JSON.stringify(sorted) })
    .where('id', '=', id)
    .execute();
}
