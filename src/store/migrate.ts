import { type Kysely, type Migration, Migrator } from 'kysely';
import { StoreError } from './error.ts';
import type { Schema } from './schema.ts';

type Migrations = Readonly<Record<string, Migration>>;

function migrator(db: Kysely<Schema>, migrations: Migrations): Migrator {
  return new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
}

async function madeSoFar(db: Kysely<Schema>): Promise<string[]> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return [];
  // A name of Kysely's own, of which our schema knows nothing.
  const rows = await db
    .withTables<{ kysely_migration: { name: string } }>()
    .selectFrom('kysely_migration')
    .select('name')
    .orderBy('name')
    .execute();
  return rows.map((row) => row.name);
}

function refuseNewer(made: readonly string[], migrations: Migrations, place: string): void {
  const unknown = made.find((name) => !Object.hasOwn(migrations, name));
  if (unknown === undefined) return;
  throw new StoreError(
    'newer',
    `the store \`${place}\` has migration \`${unknown}\`, which this version of coffer doesn't know: run the newer version that made it, or restore a backup from before the upgrade`,
  );
}

/**
 * Brings a store up to date, all in one transaction.
 * @throws StoreError `newer` where the store knows more than the code
 */
export async function migrate(db: Kysely<Schema>, migrations: Migrations, place: string): Promise<void> {
  refuseNewer(await madeSoFar(db), migrations, place);
  const { error } = await migrator(db, migrations).migrateToLatest();
  if (error === undefined) return;
  if (error instanceof StoreError) throw error;
  throw new StoreError('internal', `the store \`${place}\` could not be migrated: ${String(error)}`, {
    cause: error,
  });
}

/** @throws StoreError `newer` or `older` where store and code don't know the same migrations */
export async function requireCurrent(
  db: Kysely<Schema>,
  migrations: Migrations,
  place: string,
): Promise<void> {
  const made = await madeSoFar(db);
  refuseNewer(made, migrations, place);
  const missing = Object.keys(migrations).find((name) => !made.includes(name));
  if (missing === undefined) return;
  throw new StoreError(
    'older',
    `the store \`${place}\` lacks migration \`${missing}\`: start the service, which migrates it, first`,
  );
}
