import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { decided } from '../../src/audit/error.ts';
import type { TrailEvent } from '../../src/audit/event.ts';
import type { AuditRecord } from '../../src/audit/record.ts';
import type { TrailWriter } from '../../src/audit/writer.ts';
import { Bench, hangDisks, makeRecord } from './fixture.ts';

describe('a trail whose disk hangs', () => {
  let bench: Bench;
  let trail: TrailWriter;
  let disks: { release(): Promise<void> } | undefined;
  let events: TrailEvent[];

  beforeEach(async () => {
    bench = new Bench();
    events = [];
    trail = await bench.open({
      stallMilliseconds: 100,
      giveUpMilliseconds: 300,
      onEvent: (event) => events.push(event),
    });
  });
  afterEach(async () => {
    await disks?.release();
    disks = undefined;
    await bench.end();
  });

  const append = (record: AuditRecord) =>
    trail.append(record).then(
      () => undefined,
      (error: { code: string }) => error,
    );

  /** Until the write of what was appended is under way. */
  const written = async () => {
    for (let turns = 0; turns < 3; turns += 1) await turn();
  };

  it('refuses what waits and what comes, and gives up what it can’t know; then goes on', async () => {
    const [first, second, third, last] = Array.from({ length: 4 }, () => makeRecord());
    if (!first || !second || !third || !last) throw new Error('four records');
    disks = await hangDisks(bench.folder);
    const flying = append(first);
    await written();
    const began = performance.now();
    expect(trail.writable).to.equal(true);
    expect(await append(second)).to.include({ code: 'unwritable' });
    expect(performance.now() - began).to.be.within(50, 290);
    expect(trail.writable).to.equal(false);
    expect(events.map(({ type }) => type)).to.deep.equal(['stalled']);
    const asked = performance.now();
    expect(await append(third)).to.include({ code: 'unwritable' });
    expect(performance.now() - asked).to.be.below(20);
    const unknown = await flying;
    expect(unknown).to.include({ code: 'unknown' });
    expect(performance.now() - began).to.be.within(250, 2_000);
    expect(await append(third)).to.include({ code: 'unwritable' });

    await disks.release();
    disks = undefined;
    await decided(unknown);
    expect(trail.writable).to.equal(true);
    expect(events.map(({ type }) => type)).to.deep.equal(['stalled', 'recovered']);
    expect(await append(last)).to.equal(undefined);
    expect(await bench.eventIds()).to.deep.equal([first.eventID, last.eventID]);
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 2, uncovered: 0 });
  });

  it('can be closed, and keeps its lock until the write has returned', async () => {
    disks = await hangDisks(bench.folder);
    const flying = append(makeRecord());
    await written();
    await trail.close();
    const unknown = await flying;
    expect(unknown).to.include({ code: 'unknown' });
    const next = bench.open();
    await disks.release();
    disks = undefined;
    await decided(unknown);
    await (await next).append(makeRecord());
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 2, uncovered: 0 });
  });

  it('is not told of where the process alone has stood still', async () => {
    const appended = append(makeRecord());
    await written();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
    expect(await appended).to.equal(undefined);
    expect(events).to.deep.equal([]);
  });

  it('throws what is decided already as it is', async () => {
    const error = new Error('no');
    expect(await decided(error).catch((thrown: unknown) => thrown)).to.equal(error);
  });
});
