import type { Kysely, Migration } from 'kysely';

/** Null stands for the default policy, which every key has had until now. */
export const keyPolicies: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema.alterTable('keys').addColumn('policy', 'text').execute();
  },
};
