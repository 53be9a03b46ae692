import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { decided } from '../../src/audit/error.ts';
import type { TrailEvent, TrailFlush } from '../../src/audit/event.ts';
import { readStream } from '../../src/audit/read.ts';
import type { AuditRecord } from '../../src/audit/record.ts';
import { verifyChain } from '../../src/audit/verify.ts';
import { openTrail, type TrailWriter } from '../../src/audit/writer.ts';
import { systemClock } from '../../src/clock.ts';
import { Bench, hangDisks, mac, makeRecord, slot } from './fixture.ts';

/** A few megabytes that can truly be full. `undefined` where mounting is not permitted. */
function mountSmall(at: string): { unmount(): void } | undefined {
  try {
    mkdirSync(at);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k,mode=0700', 'tmpfs', at], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  return { unmount: () => execFileSync('umount', [at]) };
}

describe('a trail on a full disk', () => {
  let bench: Bench;
  let disk: ReturnType<typeof mountSmall>;
  let folder: string;
  let writer: TrailWriter | undefined;
  const events: TrailEvent[] = [];
  let onEvent: (event: TrailEvent) => void;

  beforeEach(function () {
    bench = new Bench();
    folder = join(bench.folder, 'disk');
    disk = mountSmall(folder);
    // Needs CAP_SYS_ADMIN to mount a small tmpfs: nothing else is truly full.
    if (disk === undefined) this.skip();
    events.length = 0;
    onEvent = (event) => events.push(event);
  });

  afterEach(async () => {
    await writer?.close();
    writer = undefined;
    disk?.unmount();
    await bench.end();
  });

  const open = async (segmentBytes = 100_000): Promise<TrailWriter> => {
    writer = await openTrail({
      folder,
      slot,
      segmentBytes,
      mac,
      clock: systemClock,
      stallMilliseconds: 100,
      giveUpMilliseconds: 200,
      onEvent: (event) => onEvent(event),
    });
    return writer;
  };

  const fill = () => {
    const { bavail, bsize } = statfsSync(folder);
    const ballast = join(folder, `ballast-${Math.random()}`);
    try {
      writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    } catch {}
    return { free: () => rmSync(ballast) };
  };

  const recovered = () =>
    new Promise<void>((resolve) => {
      onEvent = (event) => {
        events.push(event);
        if (event.type === 'recovered') resolve();
      };
    });

  async function storedIds(): Promise<string[]> {
    const lines = await Array.fromAsync(readStream(folder, slot));
    return lines.flatMap(({ parsed }) =>
      typeof parsed === 'object' && parsed.type === 'record' ? [String(parsed.record.eventID)] : [],
    );
  }

  it('holds every acknowledged record once and no rejected one, and recovers with the space', async () => {
    const trail = await open();
    const acknowledged: string[] = [];
    const rejected: string[] = [];
    const append = (record: AuditRecord) =>
      trail.append(record).then(
        () => acknowledged.push(record.eventID),
        (error: { code: string }) => {
          expect(error.code).to.equal('unwritable');
          rejected.push(record.eventID);
        },
      );
    const appendUntil = async (enough: () => boolean) => {
      const appender = async () => {
        while (!enough()) await append(makeRecord({ text: 'x'.repeat(500) }));
      };
      await Promise.all(Array.from({ length: 8 }, appender));
    };
    for (let round = 1; round <= 3; round += 1) {
      await appendUntil(() => acknowledged.length >= 30 * round);
      const ballast = fill();
      await appendUntil(() => rejected.length >= 30 * round);
      expect(trail.writable).to.equal(false);
      expect(trail.failed?.message).to.include('ENOSPC');
      const healed = recovered();
      ballast.free();
      await healed;
      expect(trail.writable).to.equal(true);
      expect(trail.failed).to.equal(undefined);
    }
    await appendUntil(() => acknowledged.length >= 120);
    expect((await storedIds()).sort()).to.deep.equal(acknowledged.sort());
    expect(await verifyChain(readStream(folder, slot), mac)).to.deep.include({ type: 'whole', uncovered: 0 });
    // A slow disk may hang on its way to being full, and then fails twice.
    const told = events
      .map(({ type }) => type)
      .filter((type) => type === 'failed' || type === 'recovered')
      .filter((type, index, all) => type !== all[index - 1]);
    expect(told).to.deep.equal(Array(3).fill(['failed', 'recovered']).flat());
  });

  it('opens, is not writable, and begins when there is space', async () => {
    mkdirSync(join(folder, slot));
    const ballast = fill();
    const trail = await open();
    expect(trail.writable).to.equal(false);
    const healed = recovered();
    ballast.free();
    await healed;
    await trail.append(makeRecord());
    expect(await verifyChain(readStream(folder, slot), mac)).to.deep.include({ type: 'whole', records: 1 });
  });

  it('begins a new segment as soon as there is space for it', async () => {
    const trail = await open(4096);
    while (trail.head.sequence < 12) await trail.append(makeRecord());
    const ballast = fill();
    const results = await Promise.allSettled(Array.from({ length: 5 }, () => trail.append(makeRecord())));
    expect(results.map(({ status }) => status)).to.include('rejected');
    ballast.free();
    await trail.append(makeRecord());
    expect(await verifyChain(readStream(folder, slot), mac)).to.deep.include({ type: 'whole', uncovered: 0 });
  });

  it('says in the end that a record of unknown outcome was not written', async () => {
    const trail = await open();
    const disks = await hangDisks(bench.folder);
    const error = await trail.append(makeRecord({ text: 'x'.repeat(10_000) })).catch((error: Error) => error);
    expect(error).to.include({ code: 'unknown' });
    const ballast = fill();
    await disks.release();
    const outcome = await decided(error).catch((error: { code: string }) => error.code);
    expect(outcome).to.equal('unwritable');
    expect(events.map(({ type }) => type)).to.deep.equal(['stalled', 'failed']);
    const healed = recovered();
    ballast.free();
    await healed;
    expect(await storedIds()).to.deep.equal([]);
    expect(await verifyChain(readStream(folder, slot), mac)).to.deep.include({ type: 'whole', uncovered: 0 });
  });

  it('stays shut while a failed write can’t be cut off, and never keeps what it rejected', async function () {
    const trail = await open();
    const kept = makeRecord();
    await trail.append(kept);
    const ballast = fill();
    // An append-only file takes writes and refuses to be cut (chattr(1)).
    const path = join(folder, slot, '000001.jsonl');
    try {
      execFileSync('chattr', ['+a', path], { stdio: 'ignore' });
    } catch {
      this.skip();
    }
    const refused = await trail
      .append(makeRecord({ text: 'x'.repeat(10_000) }))
      .catch((error: Error) => error.message);
    expect(refused).to.include('cut off');
    ballast.free();
    const still = await trail.append(makeRecord()).catch((error: { code: string }) => error.code);
    expect(still).to.equal('unwritable');
    execFileSync('chattr', ['-a', path]);
    const last = makeRecord();
    await trail.append(last);
    expect(await storedIds()).to.deep.equal([kept.eventID, last.eventID]);
    expect(await verifyChain(readStream(folder, slot), mac)).to.deep.include({ type: 'whole', uncovered: 0 });
  });
});

describe('a trail without the token', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.end());

  it('stays durable, names the reason, and is covered by the next MAC', async () => {
    const unavailable = Object.assign(new Error('no host'), { kind: 'unavailable' });
    let answer = () => mac(Buffer.alloc(70));
    let asked: Buffer = Buffer.alloc(0);
    const trail = await bench.open({
      mac: (data) => {
        asked = data;
        return answer();
      },
    });
    answer = () => Promise.reject(unavailable);
    await trail.append(makeRecord());
    answer = () => {
      throw new Error('at once');
    };
    await trail.append(makeRecord());
    answer = async () => Buffer.alloc(16);
    await trail.append(makeRecord());
    const marks = (await bench.lines()).flatMap(({ parsed }) =>
      typeof parsed === 'object' && parsed.type === 'group' && parsed.mac === null ? [parsed.reason] : [],
    );
    expect(marks).to.deep.equal(['unavailable', 'error', 'malformed']);
    expect(await bench.verifyUnsigned()).to.deep.include({
      type: 'whole',
      records: 3,
      unsigned: 3,
      uncovered: 6,
    });
    answer = () => mac(asked);
    await trail.append(makeRecord());
    expect(await bench.verifyUnsigned()).to.deep.include({
      type: 'whole',
      records: 4,
      unsigned: 3,
      uncovered: 0,
    });
  });

  it('is told of once when the MACs are missing, and once when they have been back for a second', async () => {
    let now = 0;
    let there = true;
    const events: TrailEvent[] = [];
    const flushes: TrailFlush[] = [];
    const trail = await bench.open({
      mac: (data) =>
        there ? mac(data) : Promise.reject(Object.assign(new Error(), { kind: 'missing-object' })),
      clock: { now: systemClock.now, monotonic: () => now },
      onEvent: (event) => events.push(event),
      onFlush: (flush) => flushes.push(flush),
    });
    const write = async (has: boolean, at: number) => {
      there = has;
      now = at;
      await trail.append(makeRecord());
    };
    await write(true, 0);
    expect(trail.unsigned).to.equal(undefined);
    await write(false, 0);
    await write(false, 100);
    expect(trail.unsigned).to.equal('missing-object');
    expect(events).to.deep.equal([{ type: 'unsigned', reason: 'missing-object' }]);
    await write(true, 200);
    expect(trail.unsigned).to.equal(undefined);
    await write(false, 300);
    await write(true, 1299);
    expect(events).to.have.length(1);
    await write(true, 1300);
    await write(true, 9000);
    expect(events.slice(1)).to.deep.equal([{ type: 'signed' }]);
    await write(false, 9001);
    expect(events.slice(2).map(({ type }) => type)).to.deep.equal(['unsigned']);
    expect(flushes.slice(2, 5).map(({ unsigned }) => unsigned)).to.deep.equal([
      'missing-object',
      'missing-object',
      undefined,
    ]);
  });

  it('waits a second at most for a MAC that never comes, and then a tenth for each', async () => {
    let hang = false;
    const trail = await bench.open({ mac: (data) => (hang ? new Promise<Buffer>(() => {}) : mac(data)) });
    hang = true;
    const began = performance.now();
    await trail.append(makeRecord());
    const first = performance.now();
    await trail.append(makeRecord());
    const second = performance.now();
    expect(first - began).to.be.within(990, 1900);
    expect(second - first).to.be.within(95, 900);
    hang = false;
    await trail.append(makeRecord());
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 3, unsigned: 2, uncovered: 0 });
  });
});
