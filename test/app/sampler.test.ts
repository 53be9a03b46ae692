import { expect } from 'chai';
import { RefusalSampler } from '../../src/app/sampler.ts';
import { TestClock } from '../jobs/clock.ts';

const real = 'AKIAREALREALREALREAL';

describe('refusals without a valid signature', () => {
  const sampler = (clock: TestClock) => new RefusalSampler(clock, async (id) => id === real);

  it('are recorded up to a rate, and the next record says how many were not', async () => {
    const clock = new TestClock();
    const refusals = sampler(clock);
    let recorded = 0;
    for (let count = 0; count < 1_000; count += 1)
      if ((await refusals.take(undefined)) !== undefined) recorded += 1;
    expect(recorded).to.equal(100);
    clock.pass(1_000);
    expect(await refusals.take('nonsense')).to.equal(900);
    expect(await refusals.take(undefined)).to.equal(0);
  });

  it('that name a real access key are not hidden by noise', async () => {
    const refusals = sampler(new TestClock());
    for (let count = 0; count < 1_000; count += 1) await refusals.take('AKIAMADEUPMADEUPMADE');
    expect(await refusals.take(undefined)).to.equal(undefined);
    expect(await refusals.take(real)).to.equal(901);
  });
});
