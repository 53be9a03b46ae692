import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { Bench, makeRecord, slot } from './fixture.ts';

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

  it('is locked for another container too, by a file that its owner alone can open', async function () {
    const unshare = (...command: string[]) =>
      spawnSync('unshare', ['--net', ...command], { encoding: 'utf8' });
    // Needs CAP_SYS_ADMIN for a network of its own.
    if (process.platform !== 'linux' || unshare('true').status !== 0) this.skip();
    const writer = await bench.open();
    const file = join(bench.folder, slot, 'lock');
    expect(statSync(file).mode & 0o7777).to.equal(0o600);
    const script = `
      import { lockFolder } from ${JSON.stringify(import.meta.resolve('../../src/audit/lock.ts'))};
      await lockFolder(${JSON.stringify(join(bench.folder, slot))}, 0).then(
        (lock) => { console.log('held'); return lock.release(); },
        (error) => console.log(error.code),
      );`;
    const other = () => unshare(process.execPath, '--input-type=module', '--eval', script).stdout;
    expect(other()).to.equal('locked\n');
    await writer.close();
    expect(other()).to.equal('held\n');
  });
});
