import { type Kysely, type Migration, sql } from 'kysely';

const clustered = sql`without rowid, strict`;

/**
 * Users, groups and roles, and the root of each account: whatever an access key, a policy or a tag may belong
 * to. What the kinds don't share is null where a kind doesn't have it.
 */
async function identities(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('identities')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('account', 'text', (column) => column.notNull().references('accounts.account'))
    .addColumn('type', 'text', (column) =>
      column.notNull().check(sql`type in ('Root', 'User', 'Group', 'Role')`),
    )
    .addColumn('name', 'text', (column) => column.notNull())
    // Names know no case, but keep it.
    .addColumn('name_key', 'text', (column) => column.notNull())
    .addColumn('path', 'text', (column) => column.notNull())
    .addColumn('arn', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('boundary', 'text')
    .addColumn('tags', 'text', (column) => column.notNull())
    .addColumn('trust_policy', 'text')
    .addColumn('description', 'text')
    .addColumn('max_session_duration', 'integer')
    .addUniqueConstraint('one_identity_a_name', ['account', 'type', 'name_key'])
    .addCheckConstraint(
      'a_role_can_be_assumed',
      sql`(type = 'Role') = (trust_policy is not null) and (type = 'Role') = (max_session_duration is not null)`,
    )
    .addCheckConstraint('only_a_root_has_no_name', sql`(type = 'Root') = (name = '')`)
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createIndex('identities_by_boundary')
    .on('identities')
    .column('boundary')
    .where(sql<boolean>`boundary is not null`)
    .execute();
  await db.schema
    .createTable('memberships')
    .addColumn('user_id', 'text', (column) => column.notNull().references('identities.id'))
    .addColumn('group_id', 'text', (column) => column.notNull().references('identities.id'))
    .addPrimaryKeyConstraint('memberships_key', ['user_id', 'group_id'])
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createIndex('members_of_group')
    .on('memberships')
    .columns(['group_id', 'user_id'])
    .execute();
}

async function policies(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('inline_policies')
    .addColumn('identity_id', 'text', (column) => column.notNull().references('identities.id'))
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('inline_policies_key', ['identity_id', 'name'])
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createTable('managed_policies')
    .addColumn('id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('account', 'text', (column) => column.notNull().references('accounts.account'))
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('name_key', 'text', (column) => column.notNull())
    .addColumn('path', 'text', (column) => column.notNull())
    .addColumn('arn', 'text', (column) => column.notNull().unique())
    .addColumn('description', 'text')
    .addColumn('default_version', 'integer', (column) => column.notNull())
    // A number is never given again, also when its version is gone.
    .addColumn('last_version', 'integer', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('updated_at', 'integer', (column) => column.notNull())
    .addColumn('tags', 'text', (column) => column.notNull())
    .addUniqueConstraint('one_policy_a_name', ['account', 'name_key'])
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createTable('policy_versions')
    .addColumn('policy_id', 'text', (column) => column.notNull().references('managed_policies.id'))
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('policy_versions_key', ['policy_id', 'version'])
    .modifyEnd(clustered)
    .execute();
  // By ARN: AWS's own policies have no row.
  await db.schema
    .createTable('attachments')
    .addColumn('identity_id', 'text', (column) => column.notNull().references('identities.id'))
    .addColumn('policy_arn', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('attachments_key', ['identity_id', 'policy_arn'])
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createIndex('attachments_of_policy')
    .on('attachments')
    .columns(['policy_arn', 'identity_id'])
    .execute();
}

/** SQLite can't change what a column references: the table is made again. */
async function accessKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('access_keys_of_identities')
    .addColumn('access_key_id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('principal_id', 'text', (column) => column.notNull().references('identities.id'))
    .addColumn('sealed_secret', 'blob', (column) => column.notNull())
    .addColumn('active', 'integer', (column) => column.notNull().check(sql`active in (0, 1)`))
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .modifyEnd(clustered)
    .execute();
  await sql`insert into access_keys_of_identities
    select access_key_id, principal_id, sealed_secret, active, created_at from access_keys`.execute(db);
  await db.schema.dropTable('access_keys').execute();
  await db.schema.alterTable('access_keys_of_identities').renameTo('access_keys').execute();
  await db.schema
    .createIndex('access_keys_of_principal')
    .on('access_keys')
    .columns(['principal_id', 'access_key_id'])
    .execute();
}

/** Whoever was a user until now could do everything: such users are administrators from now on. */
async function moveIn(db: Kysely<unknown>): Promise<void> {
  await sql`insert into identities (id, account, type, name, name_key, path, arn, created_at, tags)
    select account, account, 'Root', '', '', '/', 'arn:aws:iam::' || account || ':root', created_at, '[]'
    from accounts`.execute(db);
  await sql`insert into identities (id, account, type, name, name_key, path, arn, created_at, tags)
    select principal_id, account, 'User', name, lower(name), '/', arn, created_at, '[]'
    from principals where type = 'IAMUser'`.execute(db);
  await sql`insert into attachments (identity_id, policy_arn)
    select principal_id, 'arn:aws:iam::aws:policy/AdministratorAccess'
    from principals where type = 'IAMUser'`.execute(db);
}

export const identitiesMigration: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await identities(db);
    await policies(db);
    await moveIn(db);
    await accessKeys(db);
    await db.schema.dropTable('principals').execute();
  },
};
