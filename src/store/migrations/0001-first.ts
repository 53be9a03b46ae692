import { randomBytes } from 'node:crypto';
import { type Kysely, type Migration, sql } from 'kysely';

/**
 * SQLite can't change a constraint of a table that is there. So what is known to come is allowed already:
 * every key state that AWS has, a key without a material (import), a key id in several regions (multi-Region).
 * Specs, usages and origins are a growing list that the code knows.
 */
const states =
  "'Creating', 'Abandoning', 'Enabled', 'Disabled', 'PendingDeletion', 'Destroying', 'PendingImport', 'PendingReplicaDeletion', 'Unavailable', 'Updating'";

const strict = sql`strict`;
const clustered = sql`without rowid, strict`;

async function identity(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('accounts')
    .addColumn('account', 'text', (column) => column.primaryKey().notNull())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addCheckConstraint('account_is_twelve_digits', sql`length(account) = 12 and account not glob '*[^0-9]*'`)
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createTable('principals')
    .addColumn('principal_id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('account', 'text', (column) => column.notNull().references('accounts.account'))
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('name', 'text')
    .addColumn('arn', 'text', (column) => column.notNull().unique())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addUniqueConstraint('one_principal_a_name', ['account', 'name'])
    .addCheckConstraint(
      'a_user_has_a_name',
      sql`type in ('Root', 'IAMUser') and (type = 'Root') = (name is null)`,
    )
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createTable('access_keys')
    .addColumn('access_key_id', 'text', (column) => column.primaryKey().notNull())
    .addColumn('principal_id', 'text', (column) => column.notNull().references('principals.principal_id'))
    .addColumn('sealed_secret', 'blob', (column) => column.notNull())
    .addColumn('active', 'integer', (column) => column.notNull().check(sql`active in (0, 1)`))
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .modifyEnd(clustered)
    .execute();
  await db.schema
    .createIndex('access_keys_of_principal')
    .on('access_keys')
    .columns(['principal_id', 'access_key_id'])
    .execute();
}

async function keys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('keys')
    .addColumn('region', 'text', (column) => column.notNull())
    .addColumn('account', 'text', (column) => column.notNull().references('accounts.account'))
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull().check(sql`state in (${sql.raw(states)})`))
    .addColumn('description', 'text', (column) => column.notNull())
    .addColumn('key_spec', 'text', (column) => column.notNull())
    .addColumn('key_usage', 'text', (column) => column.notNull())
    .addColumn('origin', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('deletion_date', 'integer')
    .addColumn('current_material_id', 'text')
    .addPrimaryKeyConstraint('keys_key', ['region', 'account', 'key_id'])
    .addCheckConstraint(
      'only_what_goes_has_a_deletion_date',
      sql`(state in ('PendingDeletion', 'Destroying')) = (deletion_date is not null)`,
    )
    .modifyEnd(clustered)
    .execute();
  // A ciphertext blob names its key by the id alone.
  await db.schema.createIndex('keys_by_id').unique().on('keys').columns(['region', 'key_id']).execute();
  await db.schema
    .createIndex('keys_that_go')
    .on('keys')
    .column('deletion_date')
    .where(sql<boolean>`deletion_date is not null`)
    .execute();
  await db.schema
    .createTable('materials')
    .addColumn('region', 'text', (column) => column.notNull())
    .addColumn('account', 'text', (column) => column.notNull())
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('generation', 'integer', (column) => column.notNull())
    .addColumn('material_id', 'text', (column) => column.notNull())
    .addColumn('key_material_id', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('materials_key', ['region', 'account', 'key_id', 'generation'])
    .addUniqueConstraint('one_object_a_material', ['region', 'material_id'])
    .addForeignKeyConstraint('materials_of_key', ['region', 'account', 'key_id'], 'keys', [
      'region',
      'account',
      'key_id',
    ])
    .modifyEnd(clustered)
    .execute();
}

async function names(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('aliases')
    .addColumn('region', 'text', (column) => column.notNull())
    .addColumn('account', 'text', (column) => column.notNull())
    .addColumn('alias_name', 'text', (column) => column.notNull())
    .addColumn('target_key_id', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .addColumn('updated_at', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('aliases_key', ['region', 'account', 'alias_name'])
    .addForeignKeyConstraint('aliases_of_key', ['region', 'account', 'target_key_id'], 'keys', [
      'region',
      'account',
      'key_id',
    ])
    .modifyEnd(clustered)
    .execute();
  // Every column: else the planner takes the primary key and reads all aliases of the account.
  await db.schema
    .createIndex('aliases_by_key')
    .on('aliases')
    .columns(['region', 'account', 'target_key_id', 'alias_name', 'created_at', 'updated_at'])
    .execute();
  await db.schema
    .createTable('tags')
    .addColumn('region', 'text', (column) => column.notNull())
    .addColumn('account', 'text', (column) => column.notNull())
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('tag_key', 'text', (column) => column.notNull())
    .addColumn('tag_value', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('tags_key', ['region', 'account', 'key_id', 'tag_key'])
    .addForeignKeyConstraint('tags_of_key', ['region', 'account', 'key_id'], 'keys', [
      'region',
      'account',
      'key_id',
    ])
    .modifyEnd(clustered)
    .execute();
}

async function service(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('meta')
    .addColumn('id', 'integer', (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn('store_id', 'text', (column) => column.notNull().check(sql`length(store_id) = 32`))
    .addColumn('change_sequence', 'integer', (column) => column.notNull())
    .modifyEnd(strict)
    .execute();
  await sql`insert into meta values (1, ${randomBytes(16).toString('hex')}, 0)`.execute(db);
  await db.schema
    .createTable('outbox')
    .addColumn('id', 'integer', (column) => column.primaryKey().autoIncrement())
    .addColumn('event_id', 'text', (column) => column.notNull().unique())
    .addColumn('record', 'text', (column) => column.notNull())
    .addColumn('created_at', 'integer', (column) => column.notNull())
    .modifyEnd(strict)
    .execute();
}

export const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await identity(db);
    await keys(db);
    await names(db);
    await service(db);
  },
};
