import type { Kysely } from 'kysely';
import type { KeyUse, UseReader } from '../keys/uses.ts';
import type { Schema } from './schema.ts';

export function useReader(db: Kysely<Schema>): UseReader {
  return {
    findLastUse(scope, keyId) {
      return db
        .selectFrom('last_uses')
        .select(['operation', 'used_at as at', 'event_id as eventId', 'request_id as requestId'])
        .where('region', '=', scope.region)
        .where('account', '=', scope.account)
        .where('key_id', '=', keyId)
        .executeTakeFirst();
    },

    async usesTrackedSince() {
      return (await db.selectFrom('meta').select('uses_since').executeTakeFirstOrThrow()).uses_since;
    },
  };
}

/** Keeps those of keys that are there, where no later one is known: processes hand over theirs in any order. */
export async function recordUses(db: Kysely<Schema>, uses: readonly KeyUse[]): Promise<void> {
  if (uses.length === 0) return;
  await db.transaction().execute(async (trx) => {
    for (const use of uses) {
      const values = {
        operation: use.operation,
        used_at: use.at,
        event_id: use.eventId,
        request_id: use.requestId,
      };
      await trx
        .insertInto('last_uses')
        .columns(['region', 'account', 'key_id', 'operation', 'used_at', 'event_id', 'request_id'])
        .expression((from) =>
          from
            .selectFrom('keys')
            .select((row) => [
              'region',
              'account',
              'key_id',
              row.val(values.operation).as('operation'),
              row.val(values.used_at).as('used_at'),
              row.val(values.event_id).as('event_id'),
              row.val(values.request_id).as('request_id'),
            ])
            .where('region', '=', use.region)
            .where('account', '=', use.account)
            .where('key_id', '=', use.keyId),
        )
        .onConflict((conflict) =>
          conflict
            .columns(['region', 'account', 'key_id'])
            .doUpdateSet(values)
            .where('last_uses.used_at', '<=', use.at),
        )
        .execute();
    }
  });
}
