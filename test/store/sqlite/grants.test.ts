import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { Kysely } from 'kysely';
import { grantReader } from '../../../src/store/grants.ts';
import type { Schema } from '../../../src/store/schema.ts';
import { sqliteDialect } from '../../../src/store/sqlite/dialect.ts';
import { openStoreWriter } from '../../../src/store/sqlite/open.ts';
import { clock, scope } from '../../contract/store/fixture.ts';
import { makeFolder } from './place.ts';

/** A key may have 50,000 grants: SQLite takes another index, and looks at each, for little reasons. */
describe('what is asked of grants, in SQLite', () => {
  let place: ReturnType<typeof makeFolder>;
  let database: DatabaseSync;
  let db: Kysely<Schema>;
  let asked: string[];

  beforeEach(async () => {
    place = makeFolder();
    await (await openStoreWriter(place.file, clock)).close();
    database = new DatabaseSync(place.file);
    asked = [];
    db = new Kysely<Schema>({
      dialect: sqliteDialect(database),
      log: ({ query }) => {
        asked.push(query.sql);
      },
    });
  });
  afterEach(async () => {
    await db.destroy();
    place.remove();
  });

  const onKey = 'region=? AND account=? AND key_id=?';
  const cases: [string, (reader: ReturnType<typeof grantReader>) => unknown, string][] = [
    ['those of a grantee', (reader) => reader.findGrants(scope, 'key', 'me'), `${onKey} AND grantee_id=?`],
    [
      'those of a grantee that have a pair of the request',
      (reader) => reader.findGrantsSought(scope, 'key', 'me', { type: 'anchored', anchors: ['', 'a', 'b'] }),
      `${onKey} AND grantee_id=? AND describes=? AND anchor=?`,
    ],
    [
      'those of a grantee that describe',
      (reader) => reader.findGrantsSought(scope, 'key', 'me', { type: 'describing' }),
      `${onKey} AND grantee_id=? AND describes=?`,
    ],
    ['one by its id', (reader) => reader.findGrant(scope, 'key', 'id'), `${onKey} AND grant_id=?`],
    [
      'one by its fingerprint',
      (reader) => reader.findGrantId(scope, 'key', 'f'),
      `${onKey} AND fingerprint=?`,
    ],
    [
      'a page of a key',
      (reader) => reader.listGrants(scope, 'key', undefined, 'id', 50),
      `${onKey} AND grant_id>?`,
    ],
    [
      'a page of a grantee',
      (reader) => reader.listGrants(scope, 'key', 'me', 'id', 50),
      `${onKey} AND grantee_id=? AND grant_id>?`,
    ],
    [
      'a page to retire',
      (reader) => reader.listRetirableGrants('us-east-1', 'me', 'id', 50),
      'region=? AND retiring_id=? AND grant_id>?',
    ],
  ];
  for (const [name, ask, sought] of cases) {
    it(`${name}: nothing else is looked at, and nothing sorted`, async () => {
      await ask(grantReader(db));
      const [sql = ''] = asked;
      const values = Array.from(sql.matchAll(/\?/g), () => 1);
      const plan = database.prepare(`explain query plan ${sql}`).all(...values);
      expect(plan.map(({ detail }) => String(detail).replace(/ USING .*? \(/, ' ('))).to.deep.equal([
        `SEARCH grants (${sought})`,
      ]);
    });
  }
});
