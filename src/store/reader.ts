import type { Kysely } from 'kysely';
import type { Scope } from '../arn.ts';
import type { Alias, Key, KeyState } from '../keys/key.ts';
import type { WrappingKey } from '../keys/wrapping-key.ts';
import { type Page, page } from '../page.ts';
import type { Tag } from '../tag.ts';
import { listAccounts } from './accounts.ts';
import { directory } from './directory.ts';
import { grantReader } from './grants.ts';
import { identityReader } from './identities.ts';
import { readKeys, toAlias, toWrappingKey } from './rows.ts';
import type { Schema } from './schema.ts';
import type { StoreReader } from './store.ts';
import { useReader } from './uses.ts';

/** States that nobody sees: the key isn't made, or won't be. */
const hidden: readonly KeyState[] = ['Creating', 'Abandoning'];

export function storeReader(db: Kysely<Schema>): StoreReader {
  return {
    ...identityReader(db),
    ...directory(db),
    ...useReader(db),

    listAccounts: () => listAccounts(db),

    async findKeyAnywhere(region: string, keyId: string): Promise<Key | undefined> {
      const [key] = await readKeys(db, (keys) =>
        keys
          .where('keys.region', '=', region)
          .where('keys.key_id', '=', keyId)
          .where('keys.state', 'not in', hidden),
      );
      return key;
    },
    ...grantReader(db),

    async findKey(scope: Scope, keyId: string): Promise<Key | undefined> {
      const [key] = await readKeys(db, (keys) =>
        keys
          .where('keys.region', '=', scope.region)
          .where('keys.account', '=', scope.account)
          .where('keys.key_id', '=', keyId)
          .where('keys.state', 'not in', hidden),
      );
      return key;
    },

    async findWrappingKey(scope: Scope, wrappingId: string): Promise<WrappingKey | undefined> {
      const row = await db
        .selectFrom('wrapping_keys')
        .selectAll()
        .where('region', '=', scope.region)
        .where('account', '=', scope.account)
        .where('wrapping_id', '=', wrappingId)
        .executeTakeFirst();
      return row && toWrappingKey(row);
    },

    async findAlias(scope: Scope, aliasName: string): Promise<Alias | undefined> {
      const row = await db
        .selectFrom('aliases')
        .select(['region', 'account', 'alias_name', 'target_key_id', 'created_at', 'updated_at'])
        .where('region', '=', scope.region)
        .where('account', '=', scope.account)
        .where('alias_name', '=', aliasName)
        .executeTakeFirst();
      return row && toAlias(row);
    },

    async listKeyIds(scope: Scope, after: string | undefined, limit: number): Promise<Page<string>> {
      const rows = await db
        .selectFrom('keys')
        .select('key_id')
        .where('region', '=', scope.region)
        .where('account', '=', scope.account)
        .where('key_id', '>', after ?? '')
        .where('state', 'not in', hidden)
        .orderBy('key_id')
        .limit(limit + 1)
        .execute();
      return page(
        rows.map((row) => row.key_id),
        limit,
        (keyId) => keyId,
      );
    },

    async listAliases(
      scope: Scope,
      keyId: string | undefined,
      after: string | undefined,
      limit: number,
    ): Promise<Page<Alias>> {
      const rows = await db
        .selectFrom('aliases')
        .select(['region', 'account', 'alias_name', 'target_key_id', 'created_at', 'updated_at'])
        .where('region', '=', scope.region)
        .where('account', '=', scope.account)
        .where('alias_name', '>', after ?? '')
        .$if(keyId !== undefined, (query) => query.where('target_key_id', '=', keyId ?? ''))
        .orderBy('alias_name')
        .limit(limit + 1)
        .execute();
      return page(rows.map(toAlias), limit, (alias) => alias.aliasName);
    },

    async listTags(
      scope: Scope,
      keyId: string,
      after: string | undefined,
      limit: number,
    ): Promise<Page<Tag>> {
      const rows = await db
        .selectFrom('tags')
        .select(['tag_key as key', 'tag_value as value'])
        .where('region', '=', scope.region)
        .where('account', '=', scope.account)
        .where('key_id', '=', keyId)
        .where('tag_key', '>', after ?? '')
        .orderBy('tag_key')
        .limit(limit + 1)
        .execute();
      return page(rows, limit, (tag) => tag.key);
    },

    async changeSequence(): Promise<number> {
      return (await db.selectFrom('meta').select('change_sequence').executeTakeFirstOrThrow())
        .change_sequence;
    },

    close: () => db.destroy(),
  };
}
