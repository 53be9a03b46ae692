import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { initialise } from '../../softhsm/initialise.ts';
import { connectHsm } from '../../src/hsm/client.ts';
import type { Hsm } from '../../src/keys/hsm.ts';
import { log } from '../contract/hsm/tier.ts';

const program = resolve(import.meta.dirname, '../../src/main.ts');

describe('`coffer token`', function () {
  this.timeout(30_000);
  let root: string;
  let child: ChildProcess | undefined;
  let hsm: Hsm | undefined;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'coffer-token-'));
  });
  afterEach(async () => {
    await hsm?.close();
    if (child !== undefined && child.exitCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(root, { recursive: true, force: true });
  });

  it('reads the PIN from a descriptor once, and has it still when a host has died', async () => {
    const { pinFile, ...token } = initialise(join(root, 'soft'));
    const socketFolder = join(root, 'sockets');
    const config = join(root, 'coffer.json');
    writeFileSync(config, JSON.stringify({ token: { ...token, pinDescriptor: 3, socketFolder, hosts: 1 } }));
    const descriptor = openSync(pinFile, 'r');
    child = spawn(process.execPath, [program, 'token', '--config', config], {
      stdio: ['ignore', 'ignore', 'pipe', descriptor],
    });
    closeSync(descriptor);
    let output = '';
    const served = new Promise<number>((found) => {
      child?.stderr?.on('data', (chunk) => {
        output += chunk;
        const pid = /"process":(\d+)/.exec(output)?.[1];
        if (pid !== undefined) found(Number(pid));
      });
    });
    const pid = await served;
    hsm = connectHsm({ socketFolder, hosts: 1, deadlineMilliseconds: 5_000, log });
    expect(await hsm.random(4)).to.have.length(4);
    rmSync(pinFile);
    process.kill(pid, 'SIGKILL');
    const deadline = performance.now() + 2_000;
    let answered = false;
    while (!answered && performance.now() < deadline) {
      answered = await hsm.random(4).then(
        () => true,
        () => false,
      );
    }
    expect(answered).to.equal(true);
    expect((await hsm.checkHealth()).hosts[0]).to.include({ restarts: 1, problem: undefined });
  });

  it('ends with 78 and says which member of the configuration is wrong', async () => {
    const config = join(root, 'coffer.json');
    writeFileSync(config, JSON.stringify({ token: { module: 'x', pinFile: 'y' } }));
    child = spawn(process.execPath, [program, 'token', '--config', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    child.stderr?.on('data', (chunk) => {
      output += chunk;
    });
    expect(await once(child, 'close')).to.deep.equal([78, null]);
    expect(output).to.include('`label`').and.to.include('coffer.json');
  });

  it('ends with 78 where the library isn’t there, with 75 where the token isn’t, and says what to do', async () => {
    const { label, pinFile, module, environment } = initialise(join(root, 'soft'));
    const rows: [object, string, number][] = [
      [{ module: join(root, 'none.so'), label, pinFile, environment }, 'none.so', 78],
      [{ module, label: 'another', pinFile, environment }, '`another`', 75],
      [{ module, serial: '0000', pinFile, environment }, '`0000`', 75],
    ];
    for (const [token, named, code] of rows) {
      const config = join(root, 'coffer.json');
      writeFileSync(config, JSON.stringify({ token: { ...token, socketFolder: join(root, 'sockets') } }));
      child = spawn(process.execPath, [program, 'token', '--config', config], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let output = '';
      child.stderr?.on('data', (chunk) => {
        output += chunk;
      });
      expect(await once(child, 'close')).to.deep.equal([code, null]);
      expect(output).to.include(named);
      expect(output).to.not.include(readFileSync(pinFile, 'utf8').trim());
    }
  });
});
