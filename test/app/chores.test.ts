import { expect } from 'chai';
import pino from 'pino';
import { Chores } from '../../src/app/chores.ts';
import { createMetrics } from '../../src/metrics/registry.ts';
import { metricNames } from '../../src/operations/table.ts';
import { assemble } from '../jobs/assembly.ts';
import { day } from '../jobs/clock.ts';

describe('the chores of the primary', () => {
  it('tell that the clock was set ahead', async () => {
    const coffer = await assemble();
    const told: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => told.push(JSON.parse(line).msg) });
    try {
      const chores = new Chores({ ...coffer, log, metrics: createMetrics(metricNames) });
      coffer.clock.jump(30 * day);
      chores.start();
      await new Promise((resolve) => setImmediate(resolve));
      await chores.stop();
      expect(told).to.have.length(1);
      expect(told[0]).to.match(/^the clock was set ahead/);
    } finally {
      await coffer.close();
    }
  });
});
