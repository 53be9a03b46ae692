import type { Kysely } from 'kysely';
import type { Scope } from '../arn.ts';
import type { MaterialRef } from '../keys/hsm.ts';
import type { Schema } from './schema.ts';

/**
 * No change of the change sequence: nobody caches a count, and a block of it is taken in the middle of a request.
 * @returns what has been reserved in all, of every material that ever was; `undefined` where nothing was added
 */
export function reserveEncryptions(
  db: Kysely<Schema>,
  { region, account, keyId, materialId }: Scope & MaterialRef,
  encryptions: number,
  limit: number,
): Promise<number | undefined> {
  return db.transaction().execute(async (trx) => {
    const { numUpdatedRows } = await trx
      .updateTable('materials')
      .set((row) => ({ encryptions: row('encryptions', '+', encryptions) }))
      .where('region', '=', region)
      .where('account', '=', account)
      .where('key_id', '=', keyId)
      .where('material_id', '=', materialId)
      .where('state', '=', 'Ready')
      .where('encryptions', '<=', limit - encryptions)
      .executeTakeFirstOrThrow();
    return numUpdatedRows === 1n ? add(trx, encryptions) : undefined;
  });
}

/**
 * Counts what a restored store has forgotten: each of its materials that encrypt under AES-GCM may have made all of it.
 * @param mark what has been reserved in all, by what no backup of the store holds
 * @returns how much that is
 */
export function countLost(db: Kysely<Schema>, mark: number): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const lost = mark - (await add(trx, 0));
    if (lost <= 0) return 0;
    await trx
      .updateTable('materials')
      .set((row) => ({ encryptions: row('encryptions', '+', lost) }))
      .where((row) =>
        row.exists(
          row
            .selectFrom('keys')
            .select('keys.key_id')
            .whereRef('keys.region', '=', 'materials.region')
            .whereRef('keys.account', '=', 'materials.account')
            .whereRef('keys.key_id', '=', 'materials.key_id')
            .where('keys.key_spec', '=', 'SYMMETRIC_DEFAULT'),
        ),
      )
      .execute();
    await add(trx, lost);
    return lost;
  });
}

export async function mostEncryptions(db: Kysely<Schema>): Promise<number> {
  const row = await db
    .selectFrom('materials')
    .innerJoin('keys', (join) =>
      join
        .onRef('keys.region', '=', 'materials.region')
        .onRef('keys.account', '=', 'materials.account')
        .onRef('keys.key_id', '=', 'materials.key_id')
        .onRef('keys.current_material_id', '=', 'materials.material_id'),
    )
    .select('materials.encryptions')
    .orderBy('materials.encryptions', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row?.encryptions ?? 0;
}

async function add(db: Kysely<Schema>, encryptions: number): Promise<number> {
  const meta = await db
    .updateTable('meta')
    .set((row) => ({ encryptions: row('encryptions', '+', encryptions) }))
    .returning('encryptions')
    .executeTakeFirstOrThrow();
  return meta.encryptions;
}
