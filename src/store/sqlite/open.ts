import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import type { Clock } from '../../clock.ts';
import { StoreError } from '../error.ts';
import { migrate, requireCurrent } from '../migrate.ts';
import { migrations } from '../migrations/all.ts';
import { storeReader } from '../reader.ts';
import type { Schema } from '../schema.ts';
import type { StoreReader, StoreWriter } from '../store.ts';
import { storeWriter } from '../writer.ts';
import { sqliteDialect } from './dialect.ts';
import { storeError } from './error.ts';
import { makePrivateFile } from './file.ts';
import { openHighWater } from './high-water.ts';
import { lockStore } from './lock.ts';

/** `Coff`: what SQLite's header says of whose file it is. */
const applicationId = 0x436f6666;
/** Only a checkpoint of another connection is ever waited for. */
const busyMilliseconds = 5_000;

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`pragma ${name}`).get()?.[name];
}

function requireOurs(database: DatabaseSync, file: string): void {
  const id = pragma(database, 'application_id');
  if (id === applicationId) return;
  throw new StoreError(
    'foreign',
    `\`${file}\` is not a store of coffer's: name another file, or move it away`,
  );
}

function claimIfEmpty(database: DatabaseSync): void {
  const tables = database.prepare('select count(*) as count from sqlite_schema').get();
  if (tables?.count === 0) database.exec(`pragma application_id = ${applicationId}`);
}

function setUpWriter(database: DatabaseSync, file: string): void {
  claimIfEmpty(database);
  requireOurs(database, file);
  database.exec('pragma journal_mode = wal');
  if (pragma(database, 'journal_mode') !== 'wal') {
    throw new StoreError(
      'io',
      `the file system under \`${file}\` can't hold a write-ahead log: use a local disk`,
    );
  }
  // Durable when committed: in WAL mode only FULL syncs each commit (https://www.sqlite.org/pragma.html#pragma_synchronous).
  database.exec(
    'pragma synchronous = full; pragma journal_size_limit = 67108864; pragma temp_store = memory',
  );
}

/** Runs `body`; where it fails, closes what is open. */
async function orClose<T>(undo: () => unknown, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    await undo();
    throw storeError(cause);
  }
}

/**
 * Opens a store as its only writer; makes it, mode 0600 in a 0700 folder, where there is none, and migrates it.
 * @throws StoreError `locked` where another process has it, `newer`, `foreign`, `missing`, `io`
 */
export async function openStoreWriter(file: string, clock: Clock): Promise<StoreWriter> {
  const path = makePrivateFile(file);
  const lock = lockStore(path);
  return orClose(lock.release, async () => {
    const database = new DatabaseSync(path, { timeout: busyMilliseconds, enableForeignKeyConstraints: true });
    return orClose(
      () => database.isOpen && database.close(),
      async () => {
        setUpWriter(database, path);
        const db = new Kysely<Schema>({ dialect: sqliteDialect(database) });
        await migrate(db, migrations, path);
        const highWater = openHighWater(`${path}.encryptions`);
        return orClose(highWater.close, () =>
          storeWriter(db, clock, highWater, () => {
            highWater.close();
            lock.release();
          }),
        );
      },
    );
  });
}

/**
 * Opens a store to read, in any process of the machine, while a writer has it or not.
 * @throws StoreError `missing`, `foreign`, `newer` or `older`
 */
export async function openStoreReader(file: string): Promise<StoreReader> {
  if (!existsSync(file))
    throw new StoreError('missing', `there is no store \`${file}\`: \`coffer init\` makes one`);
  return orClose(
    () => undefined,
    () => {
      const database = new DatabaseSync(file, { readOnly: true, timeout: busyMilliseconds });
      return orClose(
        () => database.isOpen && database.close(),
        async () => {
          requireOurs(database, file);
          database.exec('pragma query_only = on; pragma temp_store = memory');
          const db = new Kysely<Schema>({ dialect: sqliteDialect(database) });
          await requireCurrent(db, migrations, file);
          return storeReader(db);
        },
      );
    },
  );
}
