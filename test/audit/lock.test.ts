import { expect } from 'chai';
import { Bench, makeRecord } from './fixture.ts';

describe('a stream of the trail', () => {
  let bench: Bench;
  beforeEach(() => {
    bench = new Bench();
  });
  afterEach(() => bench.end());

  const open = (lockMilliseconds: number) =>
    bench.open({ lockMilliseconds }).then(
      () => 'opened',
      (error: { code: string }) => error.code,
    );

  it('has one writer at a time', async function () {
    // Elsewhere than on Linux nothing stands guard.
    if (process.platform !== 'linux') this.skip();
    const first = await bench.open();
    expect(await open(0)).to.equal('locked');
    const second = open(5_000);
    await first.append(makeRecord());
    await first.close();
    expect(await second).to.equal('opened');
    expect(await bench.verify()).to.deep.include({ type: 'whole', records: 1 });
  });
});
