import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { Kysely } from 'kysely';
import { administratorAccess } from '../../../src/identity/managed.ts';
import { migrate } from '../../../src/store/migrate.ts';
import { migrations } from '../../../src/store/migrations/all.ts';
import type { Schema } from '../../../src/store/schema.ts';
import { sqliteDialect } from '../../../src/store/sqlite/dialect.ts';
import { openStoreReader, openStoreWriter } from '../../../src/store/sqlite/open.ts';
import { addKey, clock, rejection, scope } from '../../contract/store/fixture.ts';
import { makeFolder } from './place.ts';

describe('opening a store', () => {
  let place: ReturnType<typeof makeFolder>;
  beforeEach(() => {
    place = makeFolder();
  });
  afterEach(() => place.remove());

  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);
  const make = async () => (await openStoreWriter(place.file, clock)).close();
  const refusal = async () => [
    (await rejection(openStoreWriter(place.file, clock))).kind,
    (await rejection(openStoreReader(place.file))).kind,
  ];

  for (const umask of [0, 0o777]) {
    it(`makes folder and files for their owner alone under umask ${umask.toString(8)}`, async () => {
      const before = process.umask(umask);
      try {
        const file = join(place.folder, 'of', 'store', 'coffer.db');
        mkdirSync(dirname(dirname(file)));
        chmodSync(dirname(dirname(file)), 0o755);
        const writer = await openStoreWriter(file, clock);
        const reader = await openStoreReader(file);
        await writer.createAccount(scope.account, 'main');
        expect(mode(dirname(file))).to.equal('700');
        const files = readdirSync(dirname(file));
        expect(files).to.include.members(['coffer.db', 'coffer.db-wal', 'coffer.db-shm', 'coffer.db-lock']);
        for (const name of files) expect(mode(join(dirname(file), name)), name).to.equal('600');
        await reader.close();
        await writer.close();
      } finally {
        process.umask(before);
      }
    });
  }

  it('tightens a store that others may read, and refuses a folder that others may write', async () => {
    await make();
    chmodSync(place.file, 0o644);
    await make();
    expect(mode(place.file)).to.equal('600');
    chmodSync(place.folder, 0o770);
    expect((await rejection(openStoreWriter(place.file, clock))).kind).to.equal('missing');
    chmodSync(place.folder, 0o755);
    await make();
  });

  it('knows a store that is held by another name of it', async () => {
    const writer = await openStoreWriter(place.file, clock);
    symlinkSync(place.folder, join(place.folder, 'link'));
    symlinkSync(place.file, join(place.folder, 'link.db'));
    for (const name of ['link/coffer.db', 'link.db', 'link/link.db']) {
      const refused = await rejection(openStoreWriter(join(place.folder, name), clock));
      expect(refused.kind).to.equal('locked');
    }
    await writer.close();
  });

  it('lets go of the store when it can not be opened', async () => {
    writeFileSync(place.file, 'x'.repeat(10_000));
    expect(await refusal()).to.deep.equal(['foreign', 'foreign']);
    writeFileSync(place.file, '');
    await make();
  });

  it('refuses to read a store that is not there, without making it', async () => {
    expect((await rejection(openStoreReader(place.file))).kind).to.equal('missing');
    expect(readdirSync(place.folder)).to.deep.equal([]);
  });

  it('refuses a database that is not a store, and leaves it alone', async () => {
    const other = new DatabaseSync(place.file);
    other.exec('create table of_others (id integer)');
    other.close();
    const before = readFileSync(place.file);
    expect(await refusal()).to.deep.equal(['foreign', 'foreign']);
    expect(readFileSync(place.file)).to.deep.equal(before);
  });

  it('refuses a store that a newer version made, and leaves it alone', async () => {
    await make();
    const newer = new DatabaseSync(place.file);
    newer.exec("insert into kysely_migration values ('9999-from-the-future', '2100-01-01')");
    newer.exec('pragma wal_checkpoint(truncate)');
    newer.close();
    const before = readFileSync(place.file);
    expect(await refusal()).to.deep.equal(['newer', 'newer']);
    expect(readFileSync(place.file)).to.deep.equal(before);
  });

  it('refuses to read a store that its writer has not migrated yet', async () => {
    await make();
    const older = new DatabaseSync(place.file);
    older.exec('delete from kysely_migration');
    older.close();
    expect((await rejection(openStoreReader(place.file))).kind).to.equal('older');
  });

  it('makes an administrator of every user there was, whose access keys stay as they are', async () => {
    const database = new DatabaseSync(place.file);
    const db = new Kysely<Schema>({ dialect: sqliteDialect(database) });
    const { '0001-first': first, '0002-key-policies': second } = migrations;
    if (first === undefined || second === undefined) throw new Error('the first migrations are gone');
    await migrate(db, { '0001-first': first, '0002-key-policies': second }, place.file);
    const arn = `arn:aws:iam::${scope.account}:user/Administrator`;
    database.exec(`
      pragma application_id = ${0x436f6666};
      insert into accounts values ('${scope.account}', 'main', 7);
      insert into principals values ('AIDAOLD', '${scope.account}', 'IAMUser', 'Administrator', '${arn}', 8);
      insert into access_keys values ('AKIAOLD', 'AIDAOLD', x'5ea1ed', 1, 9), ('AKIAOFF', 'AIDAOLD', x'00', 0, 9);
    `);
    await db.destroy();
    const writer = await openStoreWriter(place.file, clock);
    const reader = await openStoreReader(place.file);
    const principal = {
      type: 'IAMUser',
      arn,
      principalId: 'AIDAOLD',
      account: scope.account,
      userName: 'Administrator',
    };
    expect(await reader.findAccessKey('AKIAOLD')).to.deep.equal({
      accessKeyId: 'AKIAOLD',
      sealedSecret: Buffer.from('5ea1ed', 'hex'),
      active: true,
      principal,
    });
    expect(await reader.findAccessKey('AKIAOFF')).to.include({ active: false });
    const identity = await reader.findIdentity('AIDAOLD');
    expect(identity?.policies.map(({ id }) => id)).to.deep.equal([administratorAccess]);
    expect(await reader.findUser(scope.account, 'Administrator')).to.include({ path: '/', createdAt: 8 });
    expect((await writer.findPrincipal(scope.account, undefined))?.type).to.equal('Root');
    await reader.close();
    await writer.close();
  });

  it('keeps what there is through a migration, and nothing of one that fails', async () => {
    const writer = await openStoreWriter(place.file, clock);
    await writer.createAccount(scope.account, 'main');
    const { keyId } = await addKey(writer);
    await writer.close();
    const database = new DatabaseSync(place.file);
    const db = new Kysely<Schema>({ dialect: sqliteDialect(database) });
    const second = async (db: Kysely<Schema>) =>
      db.schema.createTable('later').addColumn('id', 'integer').execute();
    const failing = async (db: Kysely<Schema>) => {
      await second(db);
      throw new Error('half way');
    };
    const refused = await rejection(
      migrate(db, { ...migrations, '9998-later': { up: failing } }, place.file),
    );
    expect(refused.message).to.include('half way');
    expect(database.prepare("select * from sqlite_schema where name = 'later'").get()).to.equal(undefined);
    await migrate(db, { ...migrations, '9998-later': { up: second } }, place.file);
    expect(database.prepare('select count(*) as rows from later').get()).to.include({ rows: 0 });
    expect(database.prepare('select key_id from keys').get()).to.include({ key_id: keyId });
    await db.destroy();
    expect(await refusal()).to.deep.equal(['newer', 'newer']);
  });
});
