import { type Kysely, type Migration, sql } from 'kysely';

/** What was done with a key last is known from here on. */
export const lastUses: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable('last_uses')
      .addColumn('region', 'text', (column) => column.notNull())
      .addColumn('account', 'text', (column) => column.notNull())
      .addColumn('key_id', 'text', (column) => column.notNull())
      .addColumn('operation', 'text', (column) => column.notNull())
      .addColumn('used_at', 'integer', (column) => column.notNull())
      .addColumn('event_id', 'text', (column) => column.notNull())
      .addColumn('request_id', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('last_uses_key', ['region', 'account', 'key_id'])
      .addForeignKeyConstraint('last_uses_of_key', ['region', 'account', 'key_id'], 'keys', [
        'region',
        'account',
        'key_id',
      ])
      .modifyEnd(sql`strict, without rowid`)
      .execute();
    await db.schema
      .alterTable('meta')
      .addColumn('uses_since', 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
    await sql`update meta set uses_since = ${Date.now()}`.execute(db);
  },
};
