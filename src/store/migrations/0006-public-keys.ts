import type { Kysely, Migration } from 'kysely';

/** Every key until now is a symmetric one: it has no public half, and its token can do its one algorithm. */
export const publicKeys: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('keys').addColumn('public_key', 'blob').execute();
    await db.schema.alterTable('keys').addColumn('lacking', 'text').execute();
  },
};
