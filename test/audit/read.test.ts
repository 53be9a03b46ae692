import { randomUUID } from 'node:crypto';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { containsEvents, type StoredLine } from '../../src/audit/read.ts';
import { verifyChain } from '../../src/audit/verify.ts';
import { Bench, mac, makeRecord, slot } from './fixture.ts';

describe('reading a trail', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.end());

  /** Twelve records over several segments. @returns their event ids */
  async function write(): Promise<string[]> {
    const writer = await bench.open({ segmentBytes: 4096 });
    const records = Array.from({ length: 12 }, () => makeRecord());
    for (const record of records) await writer.append(record);
    await writer.close();
    return records.map(({ eventID }) => eventID);
  }

  describe('for event ids', () => {
    it('finds those that have a record, in any segment', async () => {
      const ids = await write();
      expect(bench.segments().length).to.be.greaterThan(2);
      const asked = new Set([ids[0] ?? '', ids[6] ?? '', ids[11] ?? '', randomUUID()]);
      const found = await containsEvents(bench.folder, slot, asked, Date.now());
      expect([...found].sort()).to.deep.equal([ids[0], ids[6], ids[11]].sort());
    });

    it('is not deceived by an encryption context that holds such a member', async () => {
      const eventID = randomUUID();
      const writer = await bench.open();
      await writer.append(makeRecord({ eventID, '"eventID"': `"eventID":"${eventID}"` }));
      const asked = new Set([eventID]);
      expect(await containsEvents(bench.folder, slot, asked, 0)).to.deep.equal(new Set());
      await writer.append({ ...makeRecord({ eventID }), eventID });
      expect(await containsEvents(bench.folder, slot, asked, 0)).to.deep.equal(asked);
    });

    it('passes over segments written long before, but for the last two', async () => {
      const ids = await write();
      const long = new Date(Date.now() - 3_600_000);
      for (const [index] of bench.segments().entries()) utimesSync(bench.path(index + 1), long, long);
      const found = await containsEvents(bench.folder, slot, new Set(ids), Date.now());
      expect([...found])
        .to.include(ids[11])
        .and.not.to.include(ids[0]);
      expect(await containsEvents(bench.folder, slot, new Set(ids), long.getTime())).to.have.property(
        'size',
        12,
      );
    });

    it('finds nothing where the slot has no stream', async () => {
      expect(await containsEvents(bench.folder, 'worker-9', new Set([randomUUID()]), 0)).to.deep.equal(
        new Set(),
      );
    });

    it('does not count a torn record', async () => {
      const eventID = randomUUID();
      mkdirSync(`${bench.folder}/${slot}`);
      writeFileSync(bench.path(1), `{"eventVersion":"1.11","eventID":"${eventID}","readOnly":true`);
      expect(await containsEvents(bench.folder, slot, new Set([eventID]), 0)).to.deep.equal(new Set());
    });

    it('reads on across the blocks of a long segment', async () => {
      const writer = await bench.open({ segmentBytes: 64 * 1024 * 1024 });
      const records = Array.from({ length: 40 }, () => makeRecord({ text: '€'.repeat(25_000) }));
      await Promise.all(records.map((record) => writer.append(record)));
      const ids = new Set(records.map(({ eventID }) => eventID));
      expect(await containsEvents(bench.folder, slot, ids, 0)).to.deep.equal(ids);
      expect(await bench.verify()).to.deep.include({ type: 'whole', records: 40 });
    });
  });

  describe('to verify its chain', () => {
    let lines: StoredLine[];
    beforeEach(async () => {
      await write();
      lines = await bench.lines();
    });

    it('takes an untouched stream, and counts what is in it', async () => {
      const verdict = await verifyChain(lines, mac);
      const segments = bench.segments().length;
      const groups = lines.length - 12 - segments;
      expect(verdict).to.deep.include({ type: 'whole', records: 12, groups, unsigned: 0, uncovered: 0 });
    });

    it('names the line after one that is gone, changed or put in', async () => {
      const at = lines.findIndex(({ parsed }) => typeof parsed === 'object' && parsed.type === 'record');
      const { segment, offset } = lines[at + 1] ?? { segment: 0, offset: 0 };
      expect(await verifyChain(lines.toSpliced(at, 1))).to.deep.equal({
        type: 'wrong',
        segment,
        offset,
        why: 'sequence',
      });
      const [line] = lines.slice(at);
      if (line === undefined) throw new Error('no record');
      const bytes = Buffer.from(line.bytes.toString('latin1').replace('Encrypt', 'Decrypt'), 'latin1');
      expect(await verifyChain(lines.with(at, { ...line, bytes }))).to.deep.equal({
        type: 'wrong',
        segment,
        offset,
        why: 'previous',
      });
      expect(await verifyChain(lines.toSpliced(at, 0, line))).to.deep.include({ why: 'sequence' });
    });

    it('names the group whose MAC is another key’s', async () => {
      const other = async () => Buffer.alloc(32);
      const first = lines.find(({ parsed }) => typeof parsed === 'object' && parsed.type === 'group');
      expect(await verifyChain(lines, other)).to.deep.equal({
        type: 'wrong',
        segment: first?.segment,
        offset: first?.offset,
        why: 'mac',
      });
    });

    it('misses a segment that is gone, and a torn end', async () => {
      expect(await verifyChain(lines.filter(({ segment }) => segment !== 2))).to.deep.include({
        why: 'sequence',
      });
      const last = lines.at(-1);
      if (last === undefined) throw new Error('no line');
      expect(await verifyChain([...lines, { ...last, whole: false }])).to.deep.include({ why: 'torn' });
    });
  });
});
