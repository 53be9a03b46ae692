import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { compile } from '../fault/build.ts';
import { makeTier, root, type Tier } from '../fault/tier.ts';
import type { Seen, Visit } from './visitor.ts';

const run = promisify(execFile);
const visitor = fileURLToPath(new URL('visitor.ts', import.meta.url));
const eacces = 'EACCES';
const eperm = '1';

const bind = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';

/** A command line that runs what is appended to it as a user, who finds the checkout at `place`. */
function as(user: string, place: string): readonly [string, ...string[]] {
  const change = ['setpriv', '--reuid', user, '--regid', user, '--init-groups'] as const;
  if (place === root) return change;
  // In a mount namespace that ends with the process: nothing is left mounted.
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', bind, 'sh', root, place, ...change];
}

/** Making users needs root: run by anyone else, these are skipped. */
describe('with the tiers under two users (as root)', () => {
  const tag = `cof${process.pid}`;
  const tokenUser = `${tag}t`;
  const apiUser = `${tag}a`;
  const stranger = `${tag}s`;
  const group = `${tag}g`;
  const made: [command: string, name: string][] = [];
  let place = root;
  let tier: Tier;
  let visit: Visit;
  let byApi: Seen;
  let byStranger: Seen;

  async function look(user: string): Promise<Seen> {
    const [command, ...options] = as(user, place);
    const [node, program] = [process.execPath, visitor].map((path) => path.replace(root, place));
    const { stdout } = await run(command, [...options, `${node}`, `${program}`, JSON.stringify(visit)]);
    return JSON.parse(stdout);
  }

  before(async function () {
    if (process.getuid?.() !== 0) return this.skip();
    this.timeout(30_000);
    await run('groupadd', ['--system', group]);
    made.push(['groupdel', group]);
    for (const user of [tokenUser, apiUser, stranger]) {
      const groups = user === stranger ? [] : ['--groups', group];
      const shell = ['--no-create-home', '--shell', '/usr/sbin/nologin'];
      await run('useradd', ['--system', '--user-group', ...groups, ...shell, user]);
      made.unshift(['userdel', user]);
    }
    const mayEnter = run('setpriv', ['--reuid', stranger, '--clear-groups', 'test', '-r', visitor]);
    if (!(await mayEnter.then(() => true).catch(() => false))) {
      // A clone under /root, say.
      place = `${mkdtempSync(join(tmpdir(), 'cof-'))}/`;
      chmodSync(place, 0o755);
    }

    tier = makeTier({ hosts: 2, socketGroup: group, prefix: as(tokenUser, place), root: place });
    await run('chown', ['-R', `${tokenUser}:${tokenUser}`, tier.folder]);
    chmodSync(tier.folder, 0o711);
    await tier.start();
    const processes = [tier.supervisorPid, ...tier.hostPids()].map((pid) => ({
      pid,
      address: readFileSync(`/proc/${pid}/maps`, 'utf8').split('-')[0] ?? '',
    }));
    const { pinFile, tokens, socketFolder, hosts } = tier;
    visit = {
      pinFile,
      tokens,
      socketFolder,
      hosts,
      processes,
      tracer: compile(join(visitor, '../trace.c'), []),
    };
    [byApi, byStranger] = [await look(apiUser), await look(stranger)];
  });

  after(async () => {
    await tier?.close();
    if (place !== root) rmdirSync(place);
    for (const [command, name] of made) await run(command, [name]);
  });

  it('every process of the token tier runs as its own user', () => {
    const { uid } = statSync(tier.pinFile);
    expect(uid).to.not.equal(0);
    for (const { pid } of visit.processes) expect(statSync(`/proc/${pid}`).uid).to.equal(uid);
  });

  it("the API's user attaches to the hosts", () => {
    expect(byApi.attach).to.equal('ok');
    expect(byApi.socket).to.equal('ok');
  });

  it("a stranger reaches neither the hosts' sockets nor the attach secret", () => {
    expect(byStranger).to.include({ socket: eacces, 'attach secret': eacces, attach: 'unavailable' });
  });

  for (const [who, seen] of [
    ["the API's user", () => byApi],
    ['a stranger', () => byStranger],
  ] as const) {
    it(`${who} gets EACCES on the PIN file and the token folder`, () => {
      expect(seen()).to.include({ 'pin file': eacces, 'token folder': eacces });
    });

    it(`${who} can't read, trace or signal any process of the token tier`, () => {
      expect(visit.processes).to.have.length(3);
      for (const { pid } of visit.processes) {
        expect(seen()).to.include({
          [`mem of ${pid}`]: eacces,
          [`environ of ${pid}`]: eacces,
          [`maps of ${pid}`]: eacces,
          [`fd of ${pid}`]: eacces,
          [`signal to ${pid}`]: 'EPERM',
          [`trace of ${pid}`]: eperm,
          [`process_vm_readv of ${pid}`]: eperm,
        });
      }
    });
  }
});
