import { Writable } from 'node:stream';
import { expect } from 'chai';
import pino from 'pino';
import { openStream } from '../../src/app/parts.ts';
import { systemClock } from '../../src/clock.ts';
import { aggregate, createMetrics } from '../../src/metrics/registry.ts';
import { Bench, mac, makeRecord, slot } from './fixture.ts';

describe('the stream of a process', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.end());

  it('says in log and metrics that it is not signed, and that it is again', async () => {
    const logged: { level: number; reason?: string; msg: string }[] = [];
    const log = pino(
      new Writable({
        write(chunk, _, done) {
          logged.push(JSON.parse(String(chunk)));
          done();
        },
      }),
    );
    const metrics = createMetrics([]);
    let now = 0;
    let there = true;
    const trail = await openStream({ trail: { folder: bench.folder, segmentBytes: 1_000_000 } }, slot, {
      hsm: {
        trailMac: (data) =>
          there ? mac(data) : Promise.reject(Object.assign(new Error('gone'), { kind: 'missing-object' })),
      },
      metrics,
      clock: { now: systemClock.now, monotonic: () => now },
      log,
      onRotated: () => undefined,
    });
    try {
      there = false;
      await trail.append(makeRecord());
      await trail.append(makeRecord());
      there = true;
      now = 5_000;
      await trail.append(makeRecord());
      const text = (await aggregate([await metrics.snapshot()])).split('\n');
      expect(text).to.include('coffer_trail_flushes_total{outcome="written"} 2');
      expect(text).to.include('coffer_trail_flushes_total{outcome="unsigned"} 2');
      expect(text).to.include('coffer_trail_flushes_total{outcome="failed"} 0');
      expect(text).to.include('coffer_missing_objects_total 1');
      expect(logged.map(({ level, reason }) => [log.levels.labels[level], reason])).to.deep.equal([
        ['error', 'missing-object'],
        ['info', undefined],
      ]);
    } finally {
      await trail.close();
    }
  });
});
