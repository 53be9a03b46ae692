import { type Kysely, sql } from 'kysely';
import type { Directory, PolicyHolder, Range } from '../identity/directory.ts';
import type { ManagedPolicy } from '../identity/entity.ts';
import { awsManagedPolicy } from '../identity/managed.ts';
import { page } from '../page.ts';
import { entityColumns, toEntity, toGroup, toRole, toTags, toUser } from './identities.ts';
import type { Schema } from './schema.ts';

type EntityType = 'User' | 'Group' | 'Role';

function selectEntity(db: Kysely<Schema>, account: string, type: EntityType, name: string) {
  return db
    .selectFrom('identities')
    .select(entityColumns)
    .where('account', '=', account)
    .where('type', '=', type)
    .where('name_key', '=', name.toLowerCase())
    .where('name', '=', name)
    .executeTakeFirst();
}

/** One row more than the limit, which says that there is more. */
function listEntities(db: Kysely<Schema>, account: string, type: EntityType, range: Range) {
  return db
    .selectFrom('identities')
    .select(entityColumns)
    .where('account', '=', account)
    .where('type', '=', type)
    .where('name_key', '>', range.after ?? '')
    .where(sql`substr(path, 1, ${range.pathPrefix.length})`, '=', range.pathPrefix)
    .orderBy('name_key')
    .limit(range.limit + 1)
    .execute();
}

function toPolicy(row: Omit<Schema['managed_policies'], 'name_key'>): ManagedPolicy {
  return {
    account: row.account,
    id: row.id,
    name: row.name,
    path: row.path,
    arn: row.arn,
    description: row.description ?? undefined,
    defaultVersion: row.default_version,
    lastVersion: row.last_version,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    tags: toTags(row.tags),
  };
}

const nameKey = ({ name }: { name: string }) => name.toLowerCase();

/** Users, groups, roles and policies one by one and in lists. */
export function directory(db: Kysely<Schema>): Directory {
  return {
    findAccount(account) {
      return db
        .selectFrom('accounts')
        .select(['name', 'created_at as createdAt'])
        .where('account', '=', account)
        .executeTakeFirst();
    },

    async findUser(account, name) {
      const row = await selectEntity(db, account, 'User', name);
      return row && toUser(row);
    },

    async findGroup(account, name) {
      const row = await selectEntity(db, account, 'Group', name);
      return row && toGroup(row);
    },

    async findRole(account, name) {
      const row = await selectEntity(db, account, 'Role', name);
      return row && toRole(row);
    },

    async findEntity(id) {
      const row = await db
        .selectFrom('identities')
        .select(entityColumns)
        .where('id', '=', id)
        .executeTakeFirst();
      return row && toEntity(row);
    },

    async findPolicy(arn) {
      const own = awsManagedPolicy(arn);
      if (own !== undefined) return own;
      const row = await db
        .selectFrom('managed_policies')
        .selectAll()
        .where('arn', '=', arn)
        .executeTakeFirst();
      return row && toPolicy(row);
    },

    async policyUsage(account, policyArn) {
      const { attachments, boundaries } = await db
        .selectNoFrom((one) => [
          one
            .selectFrom('attachments')
            .innerJoin('identities', 'identities.id', 'attachments.identity_id')
            .select((row) => row.fn.countAll<number>().as('rows'))
            .where('policy_arn', '=', policyArn)
            .where('identities.account', '=', account)
            .as('attachments'),
          one
            .selectFrom('identities')
            .select((row) => row.fn.countAll<number>().as('rows'))
            .where('boundary', '=', policyArn)
            .where('account', '=', account)
            .as('boundaries'),
        ])
        .executeTakeFirstOrThrow();
      return { attachments: attachments ?? 0, boundaries: boundaries ?? 0 };
    },

    async listUsers(account, range) {
      const rows = await listEntities(db, account, 'User', range);
      return page(rows.map(toUser), range.limit, nameKey);
    },

    async listGroups(account, range) {
      const rows = await listEntities(db, account, 'Group', range);
      return page(rows.map(toGroup), range.limit, nameKey);
    },

    async listRoles(account, range) {
      const rows = await listEntities(db, account, 'Role', range);
      return page(rows.map(toRole), range.limit, nameKey);
    },

    async listPolicies(account, range) {
      const rows = await db
        .selectFrom('managed_policies')
        .selectAll()
        .where('account', '=', account)
        .where('name_key', '>', range.after ?? '')
        .where(sql`substr(path, 1, ${range.pathPrefix.length})`, '=', range.pathPrefix)
        .orderBy('name_key')
        .limit(range.limit + 1)
        .execute();
      return page(rows.map(toPolicy), range.limit, nameKey);
    },

    async listMembers(groupId, range) {
      const rows = await db
        .selectFrom('memberships')
        .innerJoin('identities', 'identities.id', 'memberships.user_id')
        .select(entityColumns)
        .where('group_id', '=', groupId)
        .where('name_key', '>', range.after ?? '')
        .where(sql`substr(path, 1, ${range.pathPrefix.length})`, '=', range.pathPrefix)
        .orderBy('name_key')
        .limit(range.limit + 1)
        .execute();
      return page(rows.map(toUser), range.limit, nameKey);
    },

    async listPolicyHolders(account, policyArn) {
      const attached = db
        .selectFrom('attachments')
        .innerJoin('identities', 'identities.id', 'attachments.identity_id')
        .select([
          'identities.type',
          'identities.id',
          'identities.name',
          'identities.path',
          sql<PolicyHolder['usage']>`'attachment'`.as('usage'),
        ])
        .where('policy_arn', '=', policyArn)
        .where('identities.account', '=', account);
      const rows = await db
        .selectFrom('identities')
        .select(['type', 'id', 'name', 'path', sql<PolicyHolder['usage']>`'boundary'`.as('usage')])
        .where('boundary', '=', policyArn)
        .where('account', '=', account)
        .unionAll(attached)
        .orderBy('type')
        .orderBy('name')
        .orderBy('usage')
        .execute();
      return rows.flatMap(({ type, ...row }): PolicyHolder[] => (type === 'Root' ? [] : [{ type, ...row }]));
    },

    async listGroupsOfUser(userId) {
      const rows = await db
        .selectFrom('memberships')
        .innerJoin('identities', 'identities.id', 'memberships.group_id')
        .select(entityColumns)
        .where('user_id', '=', userId)
        .orderBy('name_key')
        .execute();
      return rows.map(toGroup);
    },

    listInlinePolicies(id) {
      return db
        .selectFrom('inline_policies')
        .select(['name', 'document'])
        .where('identity_id', '=', id)
        .orderBy('name')
        .execute();
    },

    async listAttachments(id) {
      const rows = await db
        .selectFrom('attachments')
        .select('policy_arn')
        .where('identity_id', '=', id)
        .orderBy('policy_arn')
        .execute();
      return rows.map((row) => row.policy_arn);
    },

    async listPolicyVersions(policyArn) {
      const own = awsManagedPolicy(policyArn);
      if (own !== undefined) {
        return [{ version: own.defaultVersion, document: own.document, createdAt: own.updatedAt }];
      }
      return db
        .selectFrom('policy_versions')
        .innerJoin('managed_policies', 'managed_policies.id', 'policy_versions.policy_id')
        .select(['version', 'document', 'policy_versions.created_at as createdAt'])
        .where('arn', '=', policyArn)
        .orderBy('version', 'desc')
        .execute();
    },

    async listAccessKeyMetadata(principalId) {
      const rows = await db
        .selectFrom('access_keys')
        .select(['access_key_id', 'active', 'created_at'])
        .where('principal_id', '=', principalId)
        .orderBy('access_key_id')
        .execute();
      return rows.map((row) => ({
        accessKeyId: row.access_key_id,
        active: row.active === 1,
        createdAt: row.created_at,
      }));
    },

    async counts(account) {
      const types = await db
        .selectFrom('identities')
        .select(['type', (row) => row.fn.countAll<number>().as('rows')])
        .where('account', '=', account)
        .groupBy('type')
        .execute();
      const { policies, versions } = await db
        .selectFrom('managed_policies')
        .leftJoin('policy_versions', 'policy_versions.policy_id', 'managed_policies.id')
        .select((row) => [
          row.fn.count<number>('managed_policies.id').distinct().as('policies'),
          row.fn.count<number>('policy_versions.version').as('versions'),
        ])
        .where('account', '=', account)
        .executeTakeFirstOrThrow();
      const of = (type: EntityType) => types.find((row) => row.type === type)?.rows ?? 0;
      return {
        users: of('User'),
        groups: of('Group'),
        roles: of('Role'),
        policies,
        policyVersions: versions,
      };
    },
  };
}
