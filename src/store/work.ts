import { type Kysely, sql } from 'kysely';
import type { Scope } from '../arn.ts';
import type { Key } from '../keys/key.ts';
import type { WrappingKey } from '../keys/wrapping-key.ts';
import { readKeys, toWrappingKey } from './rows.ts';
import type { Schema } from './schema.ts';
import type { ExpiringMaterial, StoredMaterial } from './store.ts';

/** What the jobs ask of the store. */

const pageSize = 1_000;

export async function dueForDeletion(db: Kysely<Schema>, now: number): Promise<readonly Key[]> {
  return readKeys(db, (keys) =>
    keys
      .where('keys.deletion_date', 'is not', null)
      // By the date first: so the index of those dates is used, and no other key is looked at.
      .where((key) => key.or([key('keys.deletion_date', '<=', now), key('keys.state', '=', 'Destroying')]))
      .orderBy('keys.deletion_date'),
  );
}

export async function unfinishedCreations(db: Kysely<Schema>): Promise<readonly Key[]> {
  return readKeys(db, (keys) => keys.where('keys.state', 'in', ['Creating', 'Abandoning']));
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

export async function unfinishedMaterials(db: Kysely<Schema>): Promise<readonly Key[]> {
  const names = db.selectFrom('materials').select(['region', 'account', 'key_id']);
  const unmade = await names
    // Word for word what the index of those that wait says: else SQLite reads every material.
    .where(sql<boolean>`state in ('Creating', 'Abandoning', 'PendingRotation')`)
    .where('state', '!=', 'PendingRotation')
    .execute();
  const between = await names.where(sql<boolean>`import_state in ('Importing', 'Deleting')`).execute();
  const each = new Map([...unmade, ...between].map((name) => [`${name.region}/${name.key_id}`, name]));
  return findAll(db, [...each.values()]);
}

export async function dueForExpiry(
  db: Kysely<Schema>,
  now: number,
  limit: number,
): Promise<readonly ExpiringMaterial[]> {
  const rows = await db
    .selectFrom('materials')
    .select(['region', 'account', 'key_id', 'material_id as materialId', 'valid_to as validTo'])
    .where('valid_to', 'is not', null)
    .where('valid_to', '<=', now)
    .orderBy('valid_to')
    .limit(limit)
    .execute();
  const due: ExpiringMaterial[] = [];
  for (const { materialId, validTo, ...name } of rows) {
    const [key] = await findAll(db, [name]);
    if (key !== undefined && validTo !== null) due.push({ key, materialId, validTo });
  }
  return due;
}

export async function nextExpiry(db: Kysely<Schema>): Promise<number | undefined> {
  const row = await db
    .selectFrom('materials')
    .select('valid_to')
    .where('valid_to', 'is not', null)
    .orderBy('valid_to')
    .limit(1)
    .executeTakeFirst();
  return row?.valid_to ?? undefined;
}

export async function wrappingKeys(
  db: Kysely<Schema>,
  key: (Scope & { readonly keyId: string }) | undefined,
): Promise<readonly WrappingKey[]> {
  let wanted = db
    .selectFrom('wrapping_keys')
    .selectAll()
    .where('state', 'in', ['Creating', 'Ready', 'Destroying']);
  if (key !== undefined) {
    wanted = wanted
      .where('region', '=', key.region)
      .where('account', '=', key.account)
      .where('key_id', '=', key.keyId);
  }
  return (await wanted.orderBy('valid_to').execute()).map(toWrappingKey);
}

export async function destroyedWrappingKeys(
  db: Kysely<Schema>,
  validTo: number,
  limit: number,
): Promise<readonly WrappingKey[]> {
  const rows = await db
    .selectFrom('wrapping_keys')
    .selectAll()
    .where('state', '=', 'Destroyed')
    .where('valid_to', '<=', validTo)
    .limit(limit)
    .execute();
  return rows.map(toWrappingKey);
}

/** The keys of these names, in their order. */
async function findAll(
  db: Kysely<Schema>,
  names: readonly { readonly region: string; readonly account: string; readonly key_id: string }[],
): Promise<Key[]> {
  const found: Key[] = [];
  for (const { region, account, key_id } of names) {
    const named = await readKeys(db, (keys) =>
      keys
        .where('keys.region', '=', region)
        .where('keys.account', '=', account)
        .where('keys.key_id', '=', key_id),
    );
    found.push(...named);
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
        'materials.import_state as importState',
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
