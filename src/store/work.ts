import type { Kysely } from 'kysely';
import type { Key } from '../keys/key.ts';
import { selectKeys, toKeys, withNames } from './rows.ts';
import type { Schema } from './schema.ts';
import type { StoredMaterial } from './store.ts';

/** What the jobs ask of the store. */

const pageSize = 1_000;

export async function dueForDeletion(db: Kysely<Schema>, now: number): Promise<readonly Key[]> {
  const rows = await selectKeys(db)
    .where('keys.deletion_date', 'is not', null)
    // By the date first: so the index of those dates is used, and no other key is looked at.
    .where((key) => key.or([key('keys.deletion_date', '<=', now), key('keys.state', '=', 'Destroying')]))
    .orderBy('keys.deletion_date')
    .orderBy('keys.region')
    .orderBy('keys.account')
    .orderBy('keys.key_id')
    .orderBy('materials.generation')
    .execute();
  return Promise.all(toKeys(rows).map((key) => withNames(db, key)));
}

export async function unfinishedCreations(db: Kysely<Schema>): Promise<readonly Key[]> {
  const rows = await selectKeys(db)
    .where('keys.state', 'in', ['Creating', 'Abandoning'])
    .orderBy('keys.region')
    .orderBy('keys.account')
    .orderBy('keys.key_id')
    .orderBy('materials.generation')
    .execute();
  return Promise.all(toKeys(rows).map((key) => withNames(db, key)));
}

export async function* allMaterials(db: Kysely<Schema>): AsyncGenerator<readonly StoredMaterial[]> {
  let after: StoredMaterial | undefined;
  for (;;) {
    const { region = '', materialId = '' } = after ?? {};
    const rows = await db
      .selectFrom('materials')
      .innerJoin('keys', (join) =>
        join
          .onRef('keys.region', '=', 'materials.region')
          .onRef('keys.account', '=', 'materials.account')
          .onRef('keys.key_id', '=', 'materials.key_id'),
      )
      .select([
        'keys.key_spec as keySpec',
        'materials.region',
        'materials.account',
        'materials.key_id as keyId',
        'materials.material_id as materialId',
        'keys.state',
      ])
      .where((row) =>
        row(row.refTuple('materials.region', 'materials.material_id'), '>', row.tuple(region, materialId)),
      )
      .orderBy('materials.region')
      .orderBy('materials.material_id')
      .limit(pageSize)
      .execute();
    after = rows.at(-1);
    if (after === undefined) return;
    yield rows;
  }
}
