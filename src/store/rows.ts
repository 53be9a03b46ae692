import type { Kysely } from 'kysely';
import type { AccessKey } from '../identity/credential.ts';
import type { Principal } from '../identity/principal.ts';
import type { Alias, Import, Key, Material, PendingMaterial } from '../keys/key.ts';
import type { WrappingKey } from '../keys/wrapping-key.ts';
import { StoreError } from './error.ts';
import type { Schema } from './schema.ts';

/**
 * Keys with their materials, a row each: one statement, so that both are of one moment. To be ordered
 * so that those of a key are together, its oldest material first.
 */
function selectKeys(db: Kysely<Schema>) {
  return db
    .selectFrom('keys')
    .leftJoin('materials', (join) =>
      join
        .onRef('materials.region', '=', 'keys.region')
        .onRef('materials.account', '=', 'keys.account')
        .onRef('materials.key_id', '=', 'keys.key_id'),
    )
    .select([
      'keys.region',
      'keys.account',
      'keys.key_id',
      'keys.state',
      'keys.description',
      'keys.key_spec',
      'keys.key_usage',
      'keys.origin',
      'keys.created_at',
      'keys.deletion_date',
      'keys.current_material_id',
      'keys.policy',
      'keys.rotation_period',
      'keys.next_rotation',
      'keys.public_key',
      'keys.lacking',
      'materials.material_id',
      'materials.key_material_id',
      'materials.created_at as material_created_at',
      'materials.state as material_state',
      'materials.rotation_type',
      'materials.rotated_at',
      'materials.import_state',
      'materials.fingerprint',
      'materials.valid_to',
      'materials.description as material_description',
    ]);
}

type KeyRow = Awaited<ReturnType<ReturnType<typeof selectKeys>['execute']>>[number];

/** A key as its own rows tell it. */
type BareKey = Omit<Key, 'tags' | 'aliases'>;

function toKey(row: KeyRow, materials: readonly Material[], pending: PendingMaterial | undefined): BareKey {
  const currentMaterialId = row.current_material_id;
  const isEmpty = row.origin === 'EXTERNAL' && currentMaterialId === null && materials.length === 0;
  if (!isEmpty && !materials.some((one) => one.materialId === currentMaterialId)) {
    throw new StoreError('corrupt', `key \`${row.key_id}\` has no current material in the store`);
  }
  return {
    region: row.region,
    account: row.account,
    keyId: row.key_id,
    state: row.state,
    description: row.description,
    keySpec: row.key_spec,
    keyUsage: row.key_usage,
    origin: row.origin,
    createdAt: row.created_at,
    ...(row.deletion_date !== null && { deletionDate: row.deletion_date }),
    ...(currentMaterialId !== null && { currentMaterialId }),
    materials,
    ...(pending && { pending }),
    ...(row.rotation_period !== null &&
      row.next_rotation !== null && {
        rotation: { periodInDays: row.rotation_period, next: row.next_rotation },
      }),
    ...(row.public_key !== null && { publicKey: toBuffer(row.public_key) }),
    ...(row.lacking !== null && { lacking: JSON.parse(row.lacking) }),
    policy: row.policy ?? undefined,
  };
}

/** A key without materials has one row all the same, where all of the material is null. */
function toMaterial(row: KeyRow): Material | PendingMaterial | undefined {
  const { material_id, key_material_id, material_created_at, material_state: state } = row;
  if (material_id === null || key_material_id === null || material_created_at === null || state === null) {
    return undefined;
  }
  const { rotation_type: type, rotated_at: date } = row;
  const given = toImport(row);
  const made = {
    materialId: material_id,
    keyMaterialId: key_material_id,
    createdAt: material_created_at,
    ...(given && { import: given }),
  };
  if (state !== 'Ready') return { ...made, state, ...(type !== null && { rotationType: type }) };
  return { ...made, ...(type !== null && date !== null && { rotation: { type, date } }) };
}

function toImport(row: KeyRow): Import | undefined {
  const { import_state: state, fingerprint, valid_to: validTo, material_description: description } = row;
  if (state === null || fingerprint === null) return undefined;
  return {
    state,
    fingerprint,
    ...(validTo !== null && { validTo }),
    ...(description !== null && { description }),
  };
}

/** All of the keys that `wanted` leaves, in its order or by their names, with what conditions of policies ask for. */
export async function readKeys(
  db: Kysely<Schema>,
  wanted: (keys: ReturnType<typeof selectKeys>) => ReturnType<typeof selectKeys>,
): Promise<Key[]> {
  const rows = await wanted(selectKeys(db))
    .orderBy('keys.region')
    .orderBy('keys.account')
    .orderBy('keys.key_id')
    .orderBy('materials.generation')
    .execute();
  return Promise.all(toKeys(rows).map((key) => withNames(db, key)));
}

/** @param rows of `selectKeys`, those of a key together, its oldest material first */
function toKeys(rows: readonly KeyRow[]): BareKey[] {
  const keys: BareKey[] = [];
  let materials: Material[] = [];
  let pending: PendingMaterial | undefined;
  for (const [index, row] of rows.entries()) {
    const material = toMaterial(row);
    if (material !== undefined) {
      if ('state' in material) pending = material;
      else materials.push(material);
    }
    const next = rows[index + 1];
    if (next?.key_id === row.key_id && next.region === row.region && next.account === row.account) continue;
    keys.push(toKey(row, materials, pending));
    materials = [];
    pending = undefined;
  }
  return keys;
}

/** The key with its tags and aliases. */
async function withNames(db: Kysely<Schema>, key: BareKey): Promise<Key> {
  const { region, account, keyId } = key;
  const tags = await db
    .selectFrom('tags')
    .select(['tag_key as key', 'tag_value as value'])
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId)
    .orderBy('tag_key')
    .execute();
  const aliases = await db
    .selectFrom('aliases')
    .select('alias_name')
    .where('region', '=', region)
    .where('account', '=', account)
    .where('target_key_id', '=', keyId)
    .orderBy('alias_name')
    .execute();
  return { ...key, tags, aliases: aliases.map((alias) => alias.alias_name) };
}

export function toAlias(row: {
  region: string;
  account: string;
  alias_name: string;
  target_key_id: string;
  created_at: number;
  updated_at: number;
}): Alias {
  return {
    region: row.region,
    account: row.account,
    aliasName: row.alias_name,
    targetKeyId: row.target_key_id,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function toWrappingKey(row: Schema['wrapping_keys']): WrappingKey {
  return {
    region: row.region,
    account: row.account,
    wrappingId: row.wrapping_id,
    keyId: row.key_id,
    state: row.state,
    algorithm: row.algorithm,
    createdAt: row.created_at,
    validTo: row.valid_to,
  };
}

export function selectAccessKeys(db: Kysely<Schema>) {
  return db
    .selectFrom('access_keys')
    .innerJoin('identities', 'identities.id', 'access_keys.principal_id')
    .select(['access_key_id', 'sealed_secret', 'active', 'id', 'account', 'type', 'name', 'arn']);
}

/** Of a user or root. @throws StoreError `corrupt` where it is neither */
export function toPrincipal(
  row: Pick<Schema['identities'], 'type' | 'arn' | 'id' | 'account' | 'name'>,
): Principal {
  if (row.type !== 'Root' && row.type !== 'User') {
    throw new StoreError('corrupt', `\`${row.arn}\` is no principal`);
  }
  return {
    type: row.type === 'Root' ? 'Root' : 'IAMUser',
    arn: row.arn,
    principalId: row.id,
    account: row.account,
    userName: row.type === 'Root' ? undefined : row.name,
  };
}

export function toAccessKey(
  row: Awaited<ReturnType<ReturnType<typeof selectAccessKeys>['execute']>>[number],
): AccessKey {
  return {
    accessKeyId: row.access_key_id,
    sealedSecret: toBuffer(row.sealed_secret),
    active: row.active === 1,
    principal: toPrincipal(row),
  };
}

/** The same bytes, as drivers don't give them. */
function toBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
