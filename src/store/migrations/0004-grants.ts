import { type Kysely, type Migration, sql } from 'kysely';

export const grants: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .alterTable('keys')
      .addColumn('grant_count', 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema
      .createTable('grants')
      .addColumn('region', 'text', (column) => column.notNull())
      .addColumn('account', 'text', (column) => column.notNull())
      .addColumn('key_id', 'text', (column) => column.notNull())
      .addColumn('grant_id', 'text', (column) => column.notNull())
      .addColumn('name', 'text')
      .addColumn('grantee_id', 'text', (column) => column.notNull())
      .addColumn('retiring_id', 'text')
      .addColumn('operations', 'text', (column) => column.notNull())
      .addColumn('constraints', 'text', (column) => column.notNull())
      .addColumn('issuing_account', 'text', (column) => column.notNull())
      .addColumn('created_at', 'integer', (column) => column.notNull())
      .addColumn('fingerprint', 'text')
      .addColumn('anchor', 'text', (column) => column.notNull())
      .addColumn('describes', 'integer', (column) => column.notNull().check(sql`describes in (0, 1)`))
      // In the order in which grants are sought for requests: what else is asked for has an index.
      .addPrimaryKeyConstraint('grants_key', [
        'region',
        'account',
        'key_id',
        'grantee_id',
        'describes',
        'anchor',
        'grant_id',
      ])
      .addForeignKeyConstraint('grants_of_key', ['region', 'account', 'key_id'], 'keys', [
        'region',
        'account',
        'key_id',
      ])
      .modifyEnd(sql`without rowid, strict`)
      .execute();
    await db.schema
      .createIndex('grants_by_id')
      .unique()
      .on('grants')
      .columns(['region', 'account', 'key_id', 'grant_id'])
      .execute();
    await db.schema
      .createIndex('grants_of_grantee')
      .on('grants')
      .columns(['region', 'account', 'key_id', 'grantee_id', 'grant_id'])
      .execute();
    await db.schema
      .createIndex('grants_to_retire')
      .on('grants')
      .columns(['region', 'retiring_id', 'grant_id'])
      .where(sql<boolean>`retiring_id is not null`)
      .execute();
    await db.schema
      .createIndex('one_grant_a_fingerprint')
      .unique()
      .on('grants')
      .columns(['region', 'account', 'key_id', 'fingerprint'])
      .where(sql<boolean>`fingerprint is not null`)
      .execute();
  },
};
