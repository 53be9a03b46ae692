import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { TrailFlush } from '../../src/audit/event.ts';
import { Bench, mac, makeRecord } from './fixture.ts';

describe('the trail writer', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.end());

  it('chains every line to the exact bytes of the one before, from zeros on', async () => {
    const writer = await bench.open();
    await Promise.all([
      writer.append(makeRecord()),
      writer.append(makeRecord({ Größe: '\u2028 \ud83d\ude00' })),
    ]);
    await writer.append(makeRecord());
    let previous = '0'.repeat(64);
    const lines = bench.text().trimEnd().split('\n');
    for (const [index, line] of lines.entries()) {
      const { trail } = JSON.parse(line);
      expect(trail).to.include({ stream: writer.streamId, sequence: index + 1, previous });
      expect(Object.keys(JSON.parse(line)).at(-1)).to.equal('trail');
      previous = createHash('sha256').update(line, 'utf8').digest('hex');
    }
    expect(writer.head).to.deep.equal({ sequence: lines.length, hash: previous });
  });

  it('ends each group with a MAC over stream, sequence and previous hash', async () => {
    const writer = await bench.open();
    await writer.append(makeRecord());
    const { trail } = JSON.parse(bench.text().trimEnd().split('\n').at(-1) ?? '');
    const sequence = Buffer.alloc(8);
    sequence.writeBigUInt64BE(BigInt(trail.sequence));
    const input = Buffer.concat([
      Buffer.from('coffer trail group v1\0'),
      Buffer.from(trail.stream, 'hex'),
      sequence,
      Buffer.from(trail.previous, 'hex'),
    ]);
    expect(trail).to.include({ type: 'group', mac: (await mac(input)).toString('hex') });
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 1, unsigned: 0, uncovered: 0 });
  });

  it('keeps the record as it was given', async () => {
    const writer = await bench.open();
    const record = makeRecord();
    await writer.append(record);
    const { trail: _, ...stored } = JSON.parse(bench.text().split('\n')[2] ?? '');
    expect(stored).to.deep.equal(record);
  });

  it('lets 64 concurrent appenders share a flush', async () => {
    const flushes: TrailFlush[] = [];
    const writer = await bench.open({ onFlush: (flush) => flushes.push(flush) });
    flushes.length = 0;
    await Promise.all(Array.from({ length: 64 }, () => writer.append(makeRecord())));
    expect(flushes.map(({ records }) => records)).to.deep.equal([64]);
  });

  it('gathers under load, and flushes a lone record at once', async () => {
    const flushes: TrailFlush[] = [];
    const writer = await bench.open({
      onFlush: (flush) => flushes.push(flush),
      gatherMilliseconds: 60_000,
      gatherRecords: 4,
    });
    flushes.length = 0;
    await writer.append(makeRecord());
    await writer.append(makeRecord());
    await Promise.all([writer.append(makeRecord()), writer.append(makeRecord())]);
    const gathered = Array.from({ length: 3 }, () => writer.append(makeRecord()));
    // Two turns of the event loop: by then a flush would have begun without the fourth.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(flushes.map(({ records }) => records)).to.deep.equal([1, 1, 2]);
    await Promise.all([...gathered, writer.append(makeRecord())]);
    expect(flushes.map(({ records }) => records)).to.deep.equal([1, 1, 2, 4]);
  });

  it('goes on where it stood when it is opened again', async () => {
    const first = await bench.open();
    await first.append(makeRecord());
    await first.close();
    const second = await bench.open();
    expect(second.streamId).to.equal(first.streamId);
    expect(second.head).to.deep.equal(first.head);
    await second.append(makeRecord());
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 2, stream: first.streamId });
  });

  it('begins a new segment at its size, and the chain goes across', async () => {
    const writer = await bench.open({ segmentBytes: 4096 });
    for (let index = 0; index < 20; index += 1) await writer.append(makeRecord());
    expect(bench.segments().length).to.be.within(3, 10);
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 20 });
    const again = await bench.open({ segmentBytes: 4096, slot: 'worker-2' });
    expect(again.streamId).not.to.equal(writer.streamId);
  });

  it('makes folder 0700 and files 0600 whatever the umask', async () => {
    for (const umask of [0, 0o377]) {
      const before = process.umask(umask);
      try {
        await bench.open({ slot: `worker-${umask}` });
      } finally {
        process.umask(before);
      }
      const folder = join(bench.folder, `worker-${umask}`);
      expect(statSync(folder).mode & 0o7777).to.equal(0o700);
      expect(statSync(join(folder, '000001.jsonl')).mode & 0o7777).to.equal(0o600);
    }
  });

  it('refuses a record too long for a line, and writes the others', async () => {
    const writer = await bench.open();
    const long = writer.append({ ...makeRecord(), requestParameters: 'x'.repeat(1024 * 1024) }).then(
      () => 'written',
      (error: { code: string }) => error.code,
    );
    await writer.append(makeRecord());
    expect(await long).to.equal('record');
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 1 });
  });

  it('flushes what was appended when it is closed, and refuses what comes later', async () => {
    const writer = await bench.open();
    const appended = Array.from({ length: 10 }, () => writer.append(makeRecord()));
    await writer.close();
    await Promise.all(appended);
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 10 });
    const later = await writer.append(makeRecord()).catch((error: { code: string }) => error.code);
    expect(later).to.equal('closed');
  });
});
