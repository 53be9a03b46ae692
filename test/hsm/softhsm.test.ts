import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { initialise, type SoftHsm } from '../../softhsm/initialise.ts';
import { startTier } from '../contract/hsm/tier.ts';

const program = resolve(import.meta.dirname, '../../softhsm/initialise.ts');

/** Runs the program. @param killAfter milliseconds after which it is killed, with the process that it started */
async function run(folder: string, killAfter?: number): Promise<SoftHsm | undefined> {
  const child = spawn(process.execPath, [program, folder], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const closed = once(child, 'close');
  if (killAfter !== undefined) {
    await Promise.race([pause(killAfter), closed]);
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
  }
  const [code] = await closed;
  return code === 0 ? JSON.parse(output) : undefined;
}

describe('softhsm/initialise', function () {
  this.timeout(40_000);
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'coffer-soft-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('makes a token once, with PINs that only its owner reads, and finds it again', async () => {
    const folder = join(root, 'token');
    const made = await run(folder);
    expect(made).to.deep.equal({
      module: made?.module,
      label: 'coffer',
      pinFile: join(folder, 'pin'),
      environment: { SOFTHSM2_CONF: join(folder, 'softhsm2.conf') },
    });
    for (const file of ['pin', 'so-pin']) {
      expect(statSync(join(folder, file)).mode & 0o777).to.equal(0o600);
      expect(readFileSync(join(folder, file), 'utf8')).to.match(/^\d{20}\n$/);
    }
    expect(statSync(folder).mode & 0o777).to.equal(0o700);
    const before = [readFileSync(join(folder, 'pin'), 'utf8'), readdirSync(join(folder, 'tokens'))];
    expect(initialise(folder)).to.deep.equal(made);
    expect([readFileSync(join(folder, 'pin'), 'utf8'), readdirSync(join(folder, 'tokens'))]).to.deep.equal(
      before,
    );
    expect(() => initialise(folder, 'another')).to.throw(/`coffer` and not `another`/);
  });

  it('ends with a good token however often it was killed before', async () => {
    const folder = join(root, 'token');
    for (const after of [60, 120, 160, 200, 240, 280, 320]) await run(folder, after);
    const made = initialise(folder);
    expect(readdirSync(join(folder, 'tokens'))).to.have.length(1);
    const tier = await startTier(() => made, { hosts: 1 });
    expect((await tier.connect().identity()).label).to.equal('coffer');
    await tier.close();
  });
});
