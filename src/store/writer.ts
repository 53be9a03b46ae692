import type { Kysely, Transaction } from 'kysely';
import type { Clock } from '../clock.ts';
import type { AccessKey } from '../identity/credential.ts';
import type { Principal } from '../identity/principal.ts';
import type { ChangeRecord } from '../keys/repository.ts';
import { listAccounts } from './accounts.ts';
import { insertAccount } from './changes/account.ts';
import { make } from './changes/make.ts';
import { countLost, mostEncryptions, reserveEncryptions } from './encryptions.ts';
import { selectAccessKeys, toAccessKey, toPrincipal } from './rows.ts';
import type { Schema } from './schema.ts';
import type { Applied, Change, PendingRecord, StoreWriter } from './store.ts';
import { recordUses } from './uses.ts';
import {
  allMaterials,
  destroyedWrappingKeys,
  dueForDeletion,
  dueForExpiry,
  dueForRotation,
  nextExpiry,
  unfinishedCreations,
  unfinishedMaterials,
  wornOut,
  wrappingKeys,
} from './work.ts';

async function nextSequence(trx: Transaction<Schema>): Promise<number> {
  const { change_sequence } = await trx
    .updateTable('meta')
    .set((meta) => ({ change_sequence: meta('change_sequence', '+', 1) }))
    .returning('change_sequence')
    .executeTakeFirstOrThrow();
  return change_sequence;
}

/**
 * @param highWater how many encryptions have been reserved in all, as something says that no backup of the store holds
 * @param release lets go of what keeps other writers out
 */
export async function storeWriter(
  db: Kysely<Schema>,
  clock: Clock,
  highWater: { readonly mark: number; raise(mark: number): void },
  release: () => void,
): Promise<StoreWriter> {
  const { store_id: storeId } = await db.selectFrom('meta').select('store_id').executeTakeFirstOrThrow();

  const uncounted = await countLost(db, highWater.mark);

  return {
    storeId,
    uncounted,

    async count(): Promise<{ accounts: number; keys: number }> {
      const rows = (table: 'accounts' | 'keys') =>
        db
          .selectFrom(table)
          .select((row) => row.fn.countAll<number>().as('rows'))
          .executeTakeFirstOrThrow();
      return { accounts: (await rows('accounts')).rows, keys: (await rows('keys')).rows };
    },

    async changeSequence(): Promise<number> {
      return (await db.selectFrom('meta').select('change_sequence').executeTakeFirstOrThrow())
        .change_sequence;
    },

    apply(change: Change, record: ChangeRecord): Promise<Applied> {
      return db.transaction().execute(async (trx): Promise<Applied> => {
        const made = await make(trx, change);
        if (made.type !== 'done') return { outcome: made, invalidation: undefined };
        const sequence = await nextSequence(trx);
        for (const one of [record ?? []].flat()) {
          await trx
            .insertInto('outbox')
            .values({ event_id: one.eventID, record: JSON.stringify(one), created_at: clock.now() })
            .execute();
        }
        const scope = `${change.region}/${change.account}/`;
        return {
          outcome: { type: 'done' },
          invalidation: {
            sequence,
            keys: made.keys.map((keyId) => scope + keyId),
            aliases: made.aliases.map((aliasName) => scope + aliasName),
            grants: made.grants.map((grants) => scope + grants),
            credentials: made.credentials,
            accounts: made.accounts,
          },
        };
      });
    },

    recordUses: (uses) => recordUses(db, uses),

    async pendingRecords(limit: number): Promise<readonly PendingRecord[]> {
      const rows = await db
        .selectFrom('outbox')
        .select(['id', 'record'])
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(({ id, record }) => ({ id, record: JSON.parse(record) }));
    },

    async removeRecords(ids: readonly number[]): Promise<void> {
      if (ids.length === 0) return;
      await db.transaction().execute(async (trx) => {
        for (const id of ids) await trx.deleteFrom('outbox').where('id', '=', id).execute();
      });
    },

    dueForDeletion: (now) => dueForDeletion(db, now),
    unfinishedCreations: () => unfinishedCreations(db),
    dueForRotation: (now, limit) => dueForRotation(db, now, limit),
    wornOut: (encryptions, limit) => wornOut(db, encryptions, limit),
    unfinishedMaterials: () => unfinishedMaterials(db),
    dueForExpiry: (now, limit) => dueForExpiry(db, now, limit),
    nextExpiry: () => nextExpiry(db),
    wrappingKeys: (key) => wrappingKeys(db, key),
    destroyedWrappingKeys: (validTo, limit) => destroyedWrappingKeys(db, validTo, limit),
    allMaterials: () => allMaterials(db),

    listAccounts: () => listAccounts(db),
    async reserveEncryptions(material, encryptions, limit): Promise<boolean> {
      const total = await reserveEncryptions(db, material, encryptions, limit);
      if (total !== undefined) highWater.raise(total);
      return total !== undefined;
    },

    mostEncryptions: () => mostEncryptions(db),

    async findPrincipal(account: string, userName: string | undefined): Promise<Principal | undefined> {
      const row = await db
        .selectFrom('identities')
        .select(['id', 'account', 'type', 'name', 'arn'])
        .where('account', '=', account)
        .where('type', '=', userName === undefined ? 'Root' : 'User')
        .where('name', '=', userName ?? '')
        .executeTakeFirst();
      return row && toPrincipal(row);
    },

    async listAccessKeys(principalId: string): Promise<readonly AccessKey[]> {
      const rows = await selectAccessKeys(db)
        .where('access_keys.principal_id', '=', principalId)
        .orderBy('access_key_id')
        .execute();
      return rows.map(toAccessKey);
    },

    createAccount(account: string, name: string): Promise<void> {
      return db.transaction().execute((trx) => insertAccount(trx, account, name, clock.now()));
    },

    async close(): Promise<void> {
      // The one connection is handed out in turn: whoever asked before has finished then.
      await db.connection().execute(async () => undefined);
      await db.destroy();
      release();
    },
  };
}
