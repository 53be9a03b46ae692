import { type Kysely, sql } from 'kysely';
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

export async function dueForRotation(
  db: Kysely<Schema>,
  now: number,
  limit: number,
): Promise<readonly Key[]> {
  const due = await db
    .selectFrom('keys')
    .select(['region', 'account', 'key_id'])
    .where('next_rotation', 'is not', null)
    .where('next_rotation', '<=', now)
    .where('state', '=', 'Enabled')
    .orderBy('next_rotation')
    .limit(limit)
    .execute();
  return findAll(db, due);
}

export async function wornOut(
  db: Kysely<Schema>,
  encryptions: number,
  limit: number,
): Promise<readonly Key[]> {
  const worn = await db
    .selectFrom('keys')
    .innerJoin('materials', (join) =>
      join
        .onRef('materials.region', '=', 'keys.region')
        .onRef('materials.account', '=', 'keys.account')
        .onRef('materials.key_id', '=', 'keys.key_id')
        .onRef('materials.material_id', '=', 'keys.current_material_id'),
    )
    .select(['keys.region', 'keys.account', 'keys.key_id'])
    .where('keys.state', '=', 'Enabled')
    .where('keys.key_spec', '=', 'SYMMETRIC_DEFAULT')
    .where('keys.origin', '=', 'AWS_KMS')
    .where('materials.encryptions', '>=', encryptions)
    .orderBy('materials.encryptions', 'desc')
    .limit(limit)
    .execute();
  return findAll(db, worn);
}

export async function unfinishedRotations(db: Kysely<Schema>): Promise<readonly Key[]> {
  const unfinished = await db
    .selectFrom('materials')
    .select(['region', 'account', 'key_id'])
    // Word for word what the index of those that wait says: else SQLite reads every material.
    .where(sql<boolean>`state in ('Creating', 'Abandoning', 'PendingRotation')`)
    .where('state', '!=', 'PendingRotation')
    .execute();
  return findAll(db, unfinished);
}

/** The keys of these names, in their order. */
async function findAll(
  db: Kysely<Schema>,
  names: readonly { readonly region: string; readonly account: string; readonly key_id: string }[],
): Promise<Key[]> {
  const found: Key[] = [];
  for (const { region, account, key_id } of names) {
    const rows = await selectKeys(db)
      .where('keys.region', '=', region)
      .where('keys.account', '=', account)
      .where('keys.key_id', '=', key_id)
      .orderBy('materials.generation')
      .execute();
    const [key] = toKeys(rows);
    if (key !== undefined) found.push(await withNames(db, key));
  }
  return found;
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
        'materials.state as materialState',
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
