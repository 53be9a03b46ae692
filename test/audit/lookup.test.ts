import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { Handles, IndexFile } from '../../src/audit/index/file.ts';
import { type IndexEvent, Indexer } from '../../src/audit/index/indexer.ts';
import {
  type LookedUpEvent,
  Lookup,
  LookupError,
  type LookupKey,
  type LookupQuery,
} from '../../src/audit/lookup.ts';
import type { AuditRecord } from '../../src/audit/record.ts';
import { openTrail } from '../../src/audit/writer.ts';
import { systemClock } from '../../src/clock.ts';
import { mountDisk } from '../disk.ts';
import { Bench, mac, makeRecord } from './fixture.ts';

const account = '111122223333';
const region = 'us-east-1';
const key = `arn:aws:kms:${region}:${account}:key/1234abcd-12ab-34cd-56ef-1234567890ab`;

describe('looking events up', () => {
  let bench: Bench;
  let indexer: Indexer;
  let lookup: Lookup;
  let events: IndexEvent[];
  beforeEach(() => {
    bench = new Bench();
    events = [];
    indexer = new Indexer({ folder: bench.folder, onEvent: (event) => events.push(event) });
    lookup = new Lookup(bench.folder);
  });
  afterEach(async () => {
    await indexer.close();
    await bench.end();
    expect(events).to.deep.equal([]);
  });

  const at = (second: number) =>
    `${new Date(1_800_000_000_000 + second * 1_000).toISOString().slice(0, 19)}Z`;

  async function write(
    slot: string,
    records: readonly AuditRecord[],
    segmentBytes = 1024 * 1024,
  ): Promise<void> {
    const writer = await bench.open({ slot, segmentBytes });
    await Promise.all(records.map((record) => writer.append(record)));
    await writer.close();
  }

  async function find(query: Partial<LookupQuery> = {}): Promise<readonly LookedUpEvent[]> {
    return (await lookup.lookupEvents({ account, region, maxResults: 50, ...query })).events;
  }

  const idsOf = (found: readonly { readonly EventId: string }[]) => found.map(({ EventId }) => EventId);
  const index = (): string[] => readdirSync(join(bench.folder, '.index'));

  /** Every page of a query. */
  async function pages(query: Partial<LookupQuery>): Promise<string[]> {
    const ids: string[] = [];
    let nextToken: string | undefined;
    do {
      const answer: Awaited<ReturnType<Lookup['lookupEvents']>> = await lookup.lookupEvents({
        account,
        region,
        maxResults: 7,
        ...query,
        ...(nextToken !== undefined && { nextToken }),
      });
      expect(answer.events.length).to.be.at.most(query.maxResults ?? 7);
      ids.push(...idsOf(answer.events));
      nextToken = answer.nextToken;
    } while (nextToken !== undefined);
    return ids;
  }

  it('finds what was just answered, newest first, over all streams', async () => {
    const records = [0, 1, 2, 3].map((second) => ({ ...makeRecord(), eventTime: at(second) }));
    await write('worker-1', [records[0], records[3]] as AuditRecord[]);
    await write('worker-2', [records[1], records[2]] as AuditRecord[]);
    expect(idsOf(await find())).to.deep.equal(records.map(({ eventID }) => eventID).reverse());
  });

  it('has no account wait for all that another asks at once', async () => {
    await write('worker-1', [{ ...makeRecord(), eventTime: at(0) }]);
    const greedy = Array.from({ length: 50 }, () => find());
    const other = find({ account: '444455556666' });
    const settled = await Promise.allSettled(greedy);
    const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(refused).to.have.length(40);
    for (const reason of refused) {
      expect(reason).to.be.instanceOf(LookupError).and.to.have.property('code', 'ThrottlingException');
    }
    expect(await other).to.deep.equal([]);
    expect(await find()).to.have.length(1);
  });

  it('answers an event as CloudTrail does, with the record as the trail has it', async () => {
    // Names that JSON.parse of this V8 may take for others once it has seen one with a backslash.
    const record = { ...makeRecord({ '\\': '1', '\u0007': '2', 'é"': '3' }), eventTime: at(0) };
    await write('worker-1', [record]);
    const [event] = await find();
    expect(event).to.deep.equal({
      EventId: record.eventID,
      EventName: 'Encrypt',
      ReadOnly: 'true',
      AccessKeyId: 'AKIAAAAAAAAAAAAAAAAA',
      EventTime: 1_800_000_000,
      EventSource: 'kms.amazonaws.com',
      Username: 'alice',
      Resources: [{ ResourceType: 'AWS::KMS::Key', ResourceName: key }],
      CloudTrailEvent: JSON.stringify(record),
    });
  });

  describe('by an attribute', () => {
    const role = {
      type: 'AssumedRole',
      principalId: 'AROAAAAAAAAAAAAAAAAAA:blue',
      arn: `arn:aws:sts::${account}:assumed-role/application/blue`,
      accountId: account,
      accessKeyId: 'ASIAAAAAAAAAAAAAAAAA',
    } as const;
    const alias = `arn:aws:kms:${region}:${account}:alias/team/blue`;
    const user = `arn:aws:iam::${account}:user/path/bob`;
    const plain = { ...makeRecord(), eventTime: at(1) };
    const session: AuditRecord = {
      ...makeRecord(),
      eventTime: at(2),
      eventName: 'CreateAlias',
      readOnly: false,
      userIdentity: role,
      resources: [
        { accountId: account, type: 'AWS::KMS::Alias', ARN: alias },
        { accountId: account, type: 'AWS::KMS::Key', ARN: key },
      ],
    };
    const root: AuditRecord = {
      ...makeRecord(),
      eventTime: at(3),
      eventSource: 'iam.amazonaws.com',
      eventName: 'CreateUser',
      readOnly: false,
      userIdentity: { type: 'Root', accountId: account, arn: `arn:aws:iam::${account}:root` },
      resources: [{ accountId: account, type: 'AWS::IAM::User', ARN: user }],
    };

    for (const indexed of [false, true]) {
      describe(indexed ? 'with an index' : 'without an index', () => {
        beforeEach(async () => {
          // The one before the last is closed, and indexed to its end.
          await write('worker-1', [plain, session, root]);
          await write('worker-1', [{ ...makeRecord(), recipientAccountId: '999999999999' }], 4_096);
          await write('worker-1', [{ ...makeRecord(), recipientAccountId: '999999999999' }], 4_096);
          if (indexed) {
            await indexer.run();
            expect(index()).not.to.deep.equal([]);
          }
        });

        const cases: [LookupKey, string, readonly AuditRecord[]][] = [
          ['EventId', session.eventID, [session]],
          ['EventName', 'CreateUser', [root]],
          ['EventName', 'createuser', []],
          ['ReadOnly', 'true', [plain]],
          ['ReadOnly', 'false', [root, session]],
          ['Username', 'alice', [plain]],
          ['Username', 'blue', [session]],
          ['Username', 'root', [root]],
          ['Username', 'nobody', []],
          ['EventSource', 'iam.amazonaws.com', [root]],
          ['AccessKeyId', role.accessKeyId, [session]],
          ['ResourceType', 'AWS::KMS::Key', [session, plain]],
          ['ResourceName', key, [session, plain]],
          ['ResourceName', '1234abcd-12ab-34cd-56ef-1234567890ab', [session, plain]],
          ['ResourceName', alias, [session]],
          ['ResourceName', 'alias/team/blue', [session]],
          ['ResourceName', 'bob', [root]],
          ['ResourceName', 'AWS::KMS::Key', []],
        ];
        for (const [name, value, expected] of cases) {
          it(`${name} ${name === 'EventId' ? '' : value}`, async () => {
            const found = await find({ attribute: { key: name, value } });
            expect(idsOf(found)).to.deep.equal(expected.map(({ eventID }) => eventID));
          });
        }
      });
    }
  });

  it('keeps to an account and a region', async () => {
    const other = { ...makeRecord(), recipientAccountId: '999999999999' };
    const elsewhere = { ...makeRecord(), awsRegion: 'eu-central-1' };
    await write('worker-1', [other, elsewhere]);
    expect(await find()).to.deep.equal([]);
    expect(await find({ attribute: { key: 'EventId', value: other.eventID } })).to.deep.equal([]);
    expect(idsOf(await find({ account: '999999999999' }))).to.deep.equal([other.eventID]);
    expect(idsOf(await find({ region: 'eu-central-1' }))).to.deep.equal([elsewhere.eventID]);
  });

  it('keeps to a time range, both ends included', async () => {
    const records = [0, 1, 2, 3].map((second) => ({ ...makeRecord(), eventTime: at(second) }));
    await write('worker-1', records);
    const ids = records.map(({ eventID }) => eventID);
    const time = 1_800_000_000_000;
    const range = (startTime: number, endTime: number) => find({ startTime, endTime }).then(idsOf);
    expect(await range(time + 1_000, time + 2_000)).to.deep.equal([ids[2], ids[1]]);
    expect(await range(time + 1, time + 2_999)).to.deep.equal([ids[2], ids[1]]);
    expect(idsOf(await find({ startTime: time + 3_000 }))).to.deep.equal([ids[3]]);
    expect(idsOf(await find({ endTime: time }))).to.deep.equal([ids[0]]);
  });

  it('has pages that miss and repeat nothing, whatever is asked, indexed, and written meanwhile', async () => {
    const names = ['Encrypt', 'Decrypt', 'CreateKey'];
    const record = fc.record({
      second: fc.integer({ min: 0, max: 6 }),
      name: fc.constantFrom(...names),
      slot: fc.constantFrom('worker-1', 'worker-2'),
    });
    const written: AuditRecord[] = [];
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { maxLength: 30 }),
        fc.option(fc.constantFrom(...names, 'Nothing'), { nil: undefined }),
        fc.integer({ min: 0, max: 7 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        async (records, value, from, maxResults, index) => {
          for (const slot of ['worker-1', 'worker-2']) {
            const made = records
              .filter((one) => one.slot === slot)
              .map(({ second, name }) => ({ ...makeRecord(), eventTime: at(second), eventName: name }));
            written.push(...made);
            await write(slot, made, 8_192);
          }
          if (index) await indexer.run();
          const found = await pages({
            maxResults,
            startTime: 1_800_000_000_000 + from * 1_000,
            ...(value !== undefined && { attribute: { key: 'EventName', value } }),
          });
          const expected = written.filter(
            ({ eventTime, eventName }) => eventTime >= at(from) && (value ?? eventName) === eventName,
          );
          const times = new Map(written.map(({ eventID, eventTime }) => [eventID, eventTime]));
          expect(new Set(found)).to.have.property('size', found.length);
          expect([...found].sort()).to.deep.equal(expected.map(({ eventID }) => eventID).sort());
          const order = found.map((id) => times.get(id) ?? '');
          expect(order).to.deep.equal([...order].sort().reverse());
        },
      ),
      { numRuns: 25 },
    );
  });

  it('has pages that stay as they were while the trail grows', async () => {
    const records = Array.from({ length: 9 }, (_, second) => ({ ...makeRecord(), eventTime: at(second) }));
    await write('worker-1', records);
    const query = { account, region, maxResults: 5 };
    const first = await lookup.lookupEvents(query);
    await write('worker-1', [{ ...makeRecord(), eventTime: at(20) }]);
    const { nextToken = '' } = first;
    const second = await lookup.lookupEvents({ ...query, nextToken });
    expect([...idsOf(first.events), ...idsOf(second.events)]).to.deep.equal(
      records.map(({ eventID }) => eventID).reverse(),
    );
    expect(second.nextToken).to.equal(undefined);
  });

  it('refuses a token of another query, what is none, and what makes no sense', async () => {
    await write('worker-1', [makeRecord(), makeRecord()]);
    const { nextToken = '' } = await lookup.lookupEvents({ account, region, maxResults: 1 });
    const codeOf = (query: Partial<LookupQuery>) =>
      find(query).then(
        () => undefined,
        (error: unknown) => (error instanceof LookupError ? error.code : error),
      );
    expect(await codeOf({ nextToken })).to.equal(undefined);
    for (const query of [
      { nextToken: 'x' },
      { nextToken, account: '999999999999' },
      { nextToken, startTime: 1 },
    ]) {
      expect(await codeOf(query)).to.equal('InvalidNextTokenException');
    }
    expect(await codeOf({ startTime: 2, endTime: 1 })).to.equal('InvalidTimeRangeException');
    for (const maxResults of [0, 51, 1.5]) {
      expect(await codeOf({ maxResults })).to.equal('InvalidMaxResultsException');
    }
  });

  describe('is not misled', () => {
    const files = () => index().map((name) => join(bench.folder, '.index', name));

    async function writeIndexed(): Promise<string[]> {
      const records = Array.from({ length: 20 }, (_, second) => ({ ...makeRecord(), eventTime: at(second) }));
      for (const record of records) await write('worker-1', [record], 8_192);
      await indexer.run();
      expect(files().length).to.be.greaterThan(2);
      expect(idsOf(await find())).to.have.length(20);
      return records.map(({ eventID }) => eventID).reverse();
    }

    it('by an index that is damaged, cut off, gone, or another segment’s', async () => {
      const ids = await writeIndexed();
      const [first = '', second = ''] = files();
      const bytes = readFileSync(first);
      bytes[bytes.length - 200] = (bytes[bytes.length - 200] ?? 0) ^ 1;
      writeFileSync(first, bytes);
      expect(idsOf(await find())).to.deep.equal(ids);
      lookup = new Lookup(bench.folder);
      expect(idsOf(await find())).to.deep.equal(ids);
      truncateSync(first, 100);
      expect(idsOf(await find())).to.deep.equal(ids);
      cpSync(second, first);
      expect(idsOf(await find())).to.deep.equal(ids);
      lookup = new Lookup(bench.folder);
      expect(idsOf(await find())).to.deep.equal(ids);
      const made = files();
      rmSync(first);
      await indexer.run();
      expect(files(), 'the one that is gone is made anew').to.deep.equal(made);
      rmSync(join(bench.folder, '.index'), { recursive: true });
      expect(idsOf(await find())).to.deep.equal(ids);
      await indexer.run();
      expect(files()).to.deep.equal(made);
      expect(idsOf(await find())).to.deep.equal(ids);
    });

    it('by what a crash has left of a chunk: who indexes next cuts it off', async () => {
      const ids = await writeIndexed();
      const [first = ''] = files();
      const whole = readFileSync(first);
      for (const left of [whole.subarray(0, 90), Buffer.alloc(whole.length)]) {
        writeFileSync(first, Buffer.concat([left]));
        const next = new Indexer({ folder: bench.folder, onEvent: (event) => events.push(event) });
        await next.run();
        await next.close();
        expect(readFileSync(first).length).to.equal(whole.length);
        lookup = new Lookup(bench.folder);
        expect(idsOf(await find())).to.deep.equal(ids);
      }
    });

    it('by what a full disk has taken of a chunk: it is taken back, and the rest follows later', async function () {
      const disk = mountDisk();
      if (disk === undefined) return this.skip();
      try {
        const { folder: trail } = disk;
        const stream = { folder: trail, slot: 'worker-1', segmentBytes: 1024 * 1024 };
        const writer = await openTrail({ ...stream, mac, clock: systemClock });
        const records = Array.from({ length: 1_500 }, () => makeRecord());
        await Promise.all(records.map((record) => writer.append(record)));
        await writer.append(makeRecord());
        await writer.close();
        const full = new Indexer({ folder: disk.folder, onEvent: (event) => events.push(event) });
        // Less than a chunk, and more than a page.
        disk.fill(20_000);
        await full.run();
        expect(events.splice(0).map(({ type }) => type)).to.deep.equal(['failed']);
        disk.free();
        await full.run();
        expect(events.splice(0).map(({ type }) => type)).to.deep.equal(['recovered']);
        await full.close();
        const folder = join(disk.folder, '.index');
        const handles = new Handles();
        for (const name of readdirSync(folder)) {
          const file = new IndexFile(join(folder, name));
          await file.refresh(Number.POSITIVE_INFINITY, handles);
          expect(file.length, 'no torn chunk lies in it').to.equal(statSync(file.path).size);
          for (const chunk of [...file.chunks])
            expect(await file.read(chunk, handles)).not.to.equal(undefined);
        }
        await handles.close();
      } finally {
        disk.unmount();
      }
    });

    it('by a stream that was moved aside, and one that took its place', async () => {
      const ids = await writeIndexed();
      cpSync(join(bench.folder, 'worker-1'), join(bench.folder, 'aside'), { recursive: true });
      expect(idsOf(await find())).to.deep.equal(ids);
      rmSync(join(bench.folder, 'worker-1'), { recursive: true });
      // Longer than what stood there.
      const records = Array.from({ length: 12 }, (_, second) => ({
        ...makeRecord(),
        eventTime: at(30 + second),
      }));
      await write('worker-1', records);
      await indexer.run();
      const others = records.map(({ eventID }) => eventID).reverse();
      expect(idsOf(await find())).to.deep.equal([...others, ...ids]);
    });

    it('by a line that is still being written', async () => {
      const record = makeRecord();
      await write('worker-1', [record]);
      appendFileSync(
        bench.path(1).replace(/[^/]+\/(?=\d+\.jsonl$)/, 'worker-1/'),
        JSON.stringify(makeRecord()),
      );
      expect(idsOf(await find())).to.deep.equal([record.eventID]);
    });
  });

  it('indexes nothing of an open segment that may yet be taken back', async () => {
    const writer = await bench.open({ slot: 'worker-1' });
    const many = Array.from({ length: 2_048 }, () => makeRecord());
    const append = (records: AuditRecord[]) => Promise.all(records.map((record) => writer.append(record)));
    const round = async () => {
      const next = new Indexer({ folder: bench.folder, onEvent: (event) => events.push(event) });
      await next.run();
      await next.close();
      return index().length;
    };
    // All in one segment, whose last group is not known to be durable by who reads it.
    const wide = await bench.open({ slot: 'worker-2', segmentBytes: 64 * 1024 * 1024 });
    await Promise.all(many.map((record) => wide.append(record)));
    expect(await round()).to.equal(0);
    await wide.append(makeRecord());
    await wide.append(makeRecord());
    await wide.append(makeRecord());
    expect(await round()).to.equal(1);
    await append([makeRecord()]);
    expect((await pages({ maxResults: 50 })).length).to.equal(2_048 + 4);
  });

  it('reads an open segment little more than once, however slowly it grows', async function () {
    if (process.platform !== 'linux') return this.skip();
    const writer = await bench.open({ slot: 'worker-1', segmentBytes: 64 * 1024 * 1024 });
    const read = () => Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
    const many = Array.from({ length: 100 }, () => makeRecord());
    let bytes = 0;
    for (let round = 0; round < 64; round += 1) {
      await Promise.all(many.map((record) => writer.append(record)));
      const before = read();
      await indexer.run();
      bytes += read() - before;
    }
    await writer.close();
    expect(index()).to.have.length(1);
    const { size } = statSync(bench.path(1));
    expect(bytes / size).to.be.below(2);
  });

  it('does without an index where none can be made, and says so once', async () => {
    await write('worker-1', [makeRecord()]);
    writeFileSync(join(bench.folder, '.index'), '');
    await indexer.run();
    await indexer.run();
    expect(events.splice(0).map(({ type }) => type)).to.deep.equal(['failed']);
    rmSync(join(bench.folder, '.index'));
    await indexer.run();
    expect(events.splice(0).map(({ type }) => type)).to.deep.equal(['recovered']);
    expect(existsSync(join(bench.folder, '.index'))).to.equal(true);
    expect(await find({ attribute: { key: 'EventId', value: randomUUID() } })).to.deep.equal([]);
  });
});
