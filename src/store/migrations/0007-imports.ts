import { type Kysely, type Migration, sql } from 'kysely';

/** Imported key material, and the wrapping keys that it comes by. */
export const imports: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const column of ['import_state', 'fingerprint', 'description']) {
      await db.schema.alterTable('materials').addColumn(column, 'text').execute();
    }
    await db.schema.alterTable('materials').addColumn('valid_to', 'integer').execute();
    await db.schema
      .createIndex('one_material_a_fingerprint')
      .unique()
      .on('materials')
      .columns(['region', 'account', 'key_id', 'fingerprint'])
      .where(sql<boolean>`fingerprint is not null`)
      .execute();
    await db.schema
      .createIndex('materials_that_expire')
      .on('materials')
      .column('valid_to')
      .where(sql<boolean>`valid_to is not null`)
      .execute();
    await db.schema
      .createIndex('materials_in_between')
      .on('materials')
      .column('import_state')
      .where(sql<boolean>`import_state in ('Importing', 'Deleting')`)
      .execute();
    await db.schema
      .createTable('wrapping_keys')
      .addColumn('region', 'text', (column) => column.notNull())
      .addColumn('account', 'text', (column) => column.notNull())
      .addColumn('wrapping_id', 'text', (column) => column.notNull())
      .addColumn('key_id', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('algorithm', 'text', (column) => column.notNull())
      .addColumn('created_at', 'integer', (column) => column.notNull())
      .addColumn('valid_to', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('wrapping_keys_key', ['region', 'account', 'wrapping_id'])
      .addForeignKeyConstraint('wrapping_keys_of_key', ['region', 'account', 'key_id'], 'keys', [
        'region',
        'account',
        'key_id',
      ])
      .modifyEnd(sql`without rowid, strict`)
      .execute();
    await db.schema
      .createIndex('wrapping_keys_by_key')
      .on('wrapping_keys')
      .columns(['region', 'account', 'key_id'])
      .execute();
    await db.schema
      .createIndex('wrapping_keys_by_end')
      .on('wrapping_keys')
      .columns(['state', 'valid_to'])
      .execute();
  },
};
