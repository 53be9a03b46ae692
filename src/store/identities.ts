import { type Kysely, sql } from 'kysely';
import { parseAssumedRoleArn } from '../arn.ts';
import type { Entity, Group, Role, User } from '../identity/entity.ts';
import { awsManagedPolicy } from '../identity/managed.ts';
import type { AttachedPolicy, Identity } from '../identity/principal.ts';
import type { IdentityRepository } from '../identity/repository.ts';
import type { Tag } from '../tag.ts';
import { StoreError } from './error.ts';
import { selectAccessKeys, toAccessKey } from './rows.ts';
import type { Schema } from './schema.ts';

/** Whose policy a row is, or how it is held. */
type Source = Schema['identities']['type'] | 'Managed' | 'Boundary';

/** A user or role with whatever policy says what it may do, a row each: one statement, so that all is of one moment. */
function selectIdentity(db: Kysely<Schema>, id: string) {
  return db
    .with('owners', (query) =>
      query
        .selectFrom('identities')
        .select(['id', 'type'])
        .where('id', '=', id)
        .unionAll(
          query
            .selectFrom('memberships')
            .innerJoin('identities', 'identities.id', 'memberships.group_id')
            .select(['identities.id', 'identities.type'])
            .where('user_id', '=', id),
        ),
    )
    .with('held', (query) =>
      query
        .selectFrom('owners')
        .innerJoin('inline_policies', 'inline_policies.identity_id', 'owners.id')
        .select([
          sql<Source>`owners.type`.as('source'),
          'inline_policies.name as policy',
          sql<string | null>`inline_policies.document`.as('document'),
        ])
        .unionAll(
          query
            .selectFrom('owners')
            .innerJoin('attachments', 'attachments.identity_id', 'owners.id')
            .leftJoin('managed_policies', 'managed_policies.arn', 'attachments.policy_arn')
            .leftJoin('policy_versions', (join) =>
              join
                .onRef('policy_versions.policy_id', '=', 'managed_policies.id')
                .onRef('policy_versions.version', '=', 'managed_policies.default_version'),
            )
            .select([
              sql<Source>`'Managed'`.as('source'),
              'attachments.policy_arn as policy',
              'policy_versions.document',
            ]),
        )
        .unionAll(
          query
            .selectFrom('identities')
            .leftJoin('managed_policies', 'managed_policies.arn', 'identities.boundary')
            .leftJoin('policy_versions', (join) =>
              join
                .onRef('policy_versions.policy_id', '=', 'managed_policies.id')
                .onRef('policy_versions.version', '=', 'managed_policies.default_version'),
            )
            .select([
              sql<Source>`'Boundary'`.as('source'),
              sql<string>`identities.boundary`.as('policy'),
              'policy_versions.document',
            ])
            .where('identities.id', '=', id)
            .where('identities.boundary', 'is not', null),
        ),
    )
    .selectFrom('identities')
    .leftJoin('held', (join) => join.onTrue())
    .where('identities.id', '=', id)
    .select(['account', 'type', 'arn', 'name', 'tags', 'held.source', 'held.policy', 'held.document']);
}

const types: Readonly<Record<Source, AttachedPolicy['type']>> = {
  Root: 'user policy',
  User: 'user policy',
  Group: 'group policy',
  Role: 'role policy',
  Managed: 'managed policy',
  Boundary: 'managed policy',
};

/**
 * INVARIANT: a policy without a document never counts as no policy: it may have been one that denies.
 * @throws StoreError `corrupt`
 */
function documentOf(id: string, policy: string, document: string | null | undefined): string {
  const found = document ?? awsManagedPolicy(policy)?.document;
  if (found !== undefined) return found;
  throw new StoreError('corrupt', `\`${id}\` has the policy \`${policy}\`, of which there is no document`);
}

async function findIdentity(db: Kysely<Schema>, id: string): Promise<Identity | undefined> {
  const rows = await selectIdentity(db, id).execute();
  const [first] = rows;
  if (first === undefined || (first.type !== 'User' && first.type !== 'Role')) return undefined;
  const policies: AttachedPolicy[] = [];
  let boundary: AttachedPolicy | undefined;
  for (const { source, policy, document } of rows) {
    if (source === null || policy === null) continue;
    const held = { type: types[source], id: policy, document: documentOf(id, policy, document) };
    if (source === 'Boundary') boundary = held;
    else policies.push(held);
  }
  const { type, account, arn, name } = first;
  return { type, id, account, arn, name, tags: toTags(first.tags), policies, boundary };
}

async function findIdentityId(db: Kysely<Schema>, arn: string): Promise<string | undefined> {
  const session = parseAssumedRoleArn(arn);
  const row = await db
    .selectFrom('identities')
    .select('id')
    .where((one) =>
      session === undefined
        ? one.and([one('arn', '=', arn), one('type', 'in', ['User', 'Role'])])
        : one.and([
            one('account', '=', session.account),
            one('type', '=', 'Role'),
            one('name', '=', session.roleName),
          ]),
    )
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return session === undefined ? row.id : `${row.id}:${session.session}`;
}

async function findManagedPolicy(db: Kysely<Schema>, arn: string): Promise<string | undefined> {
  const own = awsManagedPolicy(arn);
  if (own !== undefined) return own.document;
  const row = await db
    .selectFrom('managed_policies')
    .innerJoin('policy_versions', (join) =>
      join
        .onRef('policy_versions.policy_id', '=', 'managed_policies.id')
        .onRef('policy_versions.version', '=', 'managed_policies.default_version'),
    )
    .select('document')
    .where('arn', '=', arn)
    .executeTakeFirst();
  return row?.document;
}

export type OnTheWay = Pick<
  IdentityRepository,
  'findAccessKey' | 'findIdentity' | 'findIdentityId' | 'findManagedPolicy' | 'accountExists'
>;

/** What the way of a request asks of identities. */
export function identityReader(db: Kysely<Schema>): OnTheWay {
  return {
    async findAccessKey(accessKeyId) {
      const row = await selectAccessKeys(db).where('access_key_id', '=', accessKeyId).executeTakeFirst();
      return row && toAccessKey(row);
    },
    findIdentity: (id) => findIdentity(db, id),
    findIdentityId: (arn) => findIdentityId(db, arn),
    findManagedPolicy: (arn) => findManagedPolicy(db, arn),
    async accountExists(account) {
      const row = await db
        .selectFrom('accounts')
        .select('account')
        .where('account', '=', account)
        .executeTakeFirst();
      return row !== undefined;
    },
  };
}

export function toTags(text: string): readonly Tag[] {
  return JSON.parse(text);
}

/** The columns of an entity, with which `toEntity` makes it. */
export const entityColumns = [
  'identities.id',
  'identities.account',
  'identities.type',
  'identities.name',
  'identities.path',
  'identities.arn',
  'identities.created_at',
  'identities.boundary',
  'identities.tags',
  'identities.trust_policy',
  'identities.description',
  'identities.max_session_duration',
] as const;

type EntityRow = Omit<Schema['identities'], 'name_key'>;

/** `undefined` for a root. @throws StoreError `corrupt` */
export function toEntity(row: EntityRow): Entity | undefined {
  switch (row.type) {
    case 'Root':
      return undefined;
    case 'User':
      return toUser(row);
    case 'Group':
      return toGroup(row);
    case 'Role':
      return toRole(row);
  }
}

function named({ account, id, name, path, arn, created_at }: EntityRow) {
  return { account, id, name, path, arn, createdAt: created_at };
}

export function toUser(row: EntityRow): User {
  return { type: 'User', ...named(row), boundary: row.boundary ?? undefined, tags: toTags(row.tags) };
}

export function toGroup(row: EntityRow): Group {
  return { type: 'Group', ...named(row) };
}

export function toRole(row: EntityRow): Role {
  const { trust_policy: trustPolicy, max_session_duration: maxSessionDuration } = row;
  if (trustPolicy === null || maxSessionDuration === null) {
    throw new StoreError('corrupt', `the role \`${row.arn}\` lacks its trust policy`);
  }
  return {
    type: 'Role',
    ...named(row),
    boundary: row.boundary ?? undefined,
    tags: toTags(row.tags),
    trustPolicy,
    description: row.description ?? undefined,
    maxSessionDuration,
  };
}
