import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { cleanEnvironment } from '../service.ts';

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

describe('scripts/start', function () {
  this.timeout(90_000);
  let folder: string;
  let port: number;
  const started: ChildProcess[] = [];
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'coffer-start-'));
    port = await freePort();
  });
  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** Starts it in a group of its own and waits for its screen. */
  async function start(): Promise<{ child: ChildProcess; screen: string }> {
    const child = spawn(join(root, 'scripts/start'), [join(folder, 'data'), '--port', String(port)], {
      cwd: folder,
      detached: true,
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(child);
    let screen = '';
    const shown = new Promise<void>((settle, fail) => {
      const take = (chunk: Buffer) => {
        screen += chunk.toString();
        if (screen.includes('kms decrypt')) settle();
      };
      child.stdout?.on('data', take);
      child.stderr?.on('data', take);
      child.once('exit', (code) => fail(new Error(`it ended with ${code}:\n${screen}`)));
    });
    await shown;
    return { child, screen };
  }

  async function serving(): Promise<boolean> {
    return fetch(`http://127.0.0.1:${port}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  async function gone(): Promise<boolean> {
    const until = performance.now() + 20_000;
    while (performance.now() < until) {
      if (!(await serving())) return true;
      await pause(50);
    }
    return false;
  }

  it('makes everything, and what its screen says to paste works', async () => {
    const { child, screen } = await start();
    expect(screen).to.match(/made +everything in data\/.*SoftHSM `coffer`/s);
    for (const name of ['credentials', 'coffer.json', 'token/pin', 'store/coffer.db']) {
      expect(statSync(join(folder, 'data', name)).mode & 0o077, name).to.equal(0);
    }
    const pasted = screen.slice(screen.indexOf('  export AWS_SHARED'));
    const { stdout } = await run('/bin/bash', ['--norc', '-euc', pasted], {
      cwd: folder,
      // Debian's AWS CLI before any other.
      env: cleanEnvironment({ PATH: `/usr/bin:${process.env.PATH}`, AWS_PAGER: '' }),
    });
    expect(stdout).to.equal('attack at dawn');

    // Ctrl-C reaches the whole group of a terminal.
    process.kill(-(child.pid ?? 0), 'SIGINT');
    expect((await once(child, 'exit'))[0]).to.equal(0);
    expect(await serving()).to.equal(false);
  });

  it('finds everything as it was when started again, and leaves nothing behind when its terminal closes', async () => {
    const { child, screen } = await start();
    expect(screen).to.match(/found +everything in data\//);
    child.kill('SIGHUP');
    await once(child, 'exit');
    expect(await gone()).to.equal(true);
  });

  it('takes the service with it, however it ends', async () => {
    const { child } = await start();
    child.kill('SIGKILL');
    expect(await gone()).to.equal(true);
  });
});
