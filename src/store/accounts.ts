import type { Kysely } from 'kysely';
import type { Schema } from './schema.ts';
import type { Account } from './store.ts';

export function listAccounts(db: Kysely<Schema>): Promise<readonly Account[]> {
  return db
    .selectFrom('accounts')
    .select(['account', 'name', 'created_at as createdAt'])
    .orderBy('account')
    .execute();
}
