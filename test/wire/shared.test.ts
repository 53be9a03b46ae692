import { expect } from 'chai';
import { shared } from '../../src/wire/shared.ts';

function setup() {
  const runs: { resolve: (value: number) => void; reject: (error: Error) => void }[] = [];
  const time = { now: 0 };
  const ask = shared(
    () => new Promise<number>((resolve, reject) => runs.push({ resolve, reject })),
    1_000,
    () => time.now,
  );
  return { runs, time, ask };
}

describe('what many share', () => {
  it('runs once for those who ask while it runs, however long that takes', async () => {
    const { runs, time, ask } = setup();
    const first = ask();
    time.now = 60_000;
    const second = ask();
    runs[0]?.resolve(7);
    expect(await Promise.all([first, second])).to.deep.equal([7, 7]);
    expect(runs.length).to.equal(1);
  });

  it('serves for a second from its end on, and then is made anew', async () => {
    const { runs, time, ask } = setup();
    const first = ask();
    time.now = 5_000;
    runs[0]?.resolve(1);
    await first;
    time.now = 5_999;
    expect(await ask()).to.equal(1);
    time.now = 6_000;
    const second = ask();
    expect(runs.length).to.equal(2);
    runs[1]?.resolve(2);
    expect(await second).to.equal(2);
  });

  it('is a failure for all of them where it failed, for no longer', async () => {
    const { runs, time, ask } = setup();
    const failures = [ask(), ask()].map((asked) => asked.then(String, (error: Error) => error.message));
    runs[0]?.reject(new Error('no token'));
    expect(await Promise.all(failures)).to.deep.equal(['no token', 'no token']);
    expect(await ask().then(String, (error: Error) => error.message)).to.equal('no token');
    time.now = 1_000;
    const again = ask();
    runs[1]?.resolve(1);
    expect(await again).to.equal(1);
  });
});
