import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  attachSecretFile,
  FolderError,
  lockSocketFile,
  prepareFolder,
  writeAttachSecret,
} from '../../src/hsm/folder.ts';
import { lockFolder } from '../../src/hsm/lock.ts';
import { PinError, pinSource } from '../../src/hsm/pin.ts';
import { startSupervisor } from '../../src/hsm/supervisor.ts';
import { log, startTier, tokens } from '../contract/hsm/tier.ts';

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('the folder of the token tier', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'coffer-folder-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is its user’s alone, also where it was open to others', () => {
    const folder = join(root, 'a/b');
    expect(prepareFolder(folder, 2, undefined)).to.deep.equal({ group: undefined, socketMode: 0o600 });
    expect(modeOf(folder)).to.equal('700');
    chmodSync(folder, 0o777);
    prepareFolder(folder, 2, undefined);
    expect(modeOf(folder)).to.equal('700');
  });

  it('lets a group in where one is named', function () {
    if (process.getuid?.() !== 0) return this.skip();
    const folder = join(root, 'group');
    const access = prepareFolder(folder, 1, 'daemon');
    writeAttachSecret(folder, Buffer.alloc(32), access);
    expect(access.socketMode).to.equal(0o660);
    expect(modeOf(folder)).to.equal('750');
    expect(modeOf(join(folder, attachSecretFile))).to.equal('640');
    expect(statSync(join(folder, attachSecretFile)).gid).to.equal(access.group);
    expect(statSync(folder).gid).to.equal(access.group);
  });

  it('is refused where the group isn’t there, or the folder is another user’s', function () {
    expect(() => prepareFolder(root, 1, 'no such group')).to.throw(FolderError, /no such group/);
    if (process.getuid?.() !== 0) return this.skip();
    const folder = join(root, 'theirs');
    mkdirSync(folder);
    chownSync(folder, 1, 1);
    expect(() => prepareFolder(folder, 1, undefined)).to.throw(FolderError, /belongs to/);
  });

  it('is refused where its path leaves no room for a socket’s name', () => {
    const folder = join(root, 'x'.repeat(107 - Buffer.byteLength(root) - '/supervisor.sock'.length - 1));
    expect(() => prepareFolder(folder, 1, undefined)).to.not.throw();
    expect(() => prepareFolder(`${folder}y`, 1, undefined)).to.throw(FolderError, /108 bytes/);
  });

  it('holds one tier at a time, and is taken over from one that was killed', async () => {
    const tier = await startTier(tokens['SoftHSM 2'], { hosts: 1 });
    const secret = readFileSync(join(tier.config.socketFolder, attachSecretFile));
    const error = await startSupervisor(tier.config, log).catch((refusal: unknown) => refusal);
    expect(error).to.be.instanceOf(FolderError);
    expect(readFileSync(join(tier.config.socketFolder, attachSecretFile)).equals(secret)).to.equal(true);
    expect(await tier.connect().random(4)).to.have.length(4);
    await tier.close();
  });
});

describe('the lock of a folder', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'coffer-lock-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** A socket that a process left which was killed. */
  async function leaveStale(): Promise<void> {
    const server = createServer();
    const left = join(root, 'left.sock');
    await new Promise<void>((resolve) => server.listen(left, resolve));
    linkSync(left, join(root, lockSocketFile));
    await new Promise((resolve) => server.close(resolve));
  }

  it('is one process’s, of many at once that find what a dead one left', async () => {
    for (let round = 0; round < 10; round++) {
      await leaveStale();
      const tries = await Promise.allSettled(Array.from({ length: 2 }, () => lockFolder(root)));
      const locks = tries.filter((attempt) => attempt.status === 'fulfilled');
      expect(locks).to.have.length(1);
      for (const { value } of locks) await value.release();
      expect(readdirSync(root)).to.deep.equal([]);
    }
  });

  it('can be had again once it is released', async () => {
    for (let round = 0; round < 3; round++) {
      const lock = await lockFolder(root);
      const refusal = await lockFolder(root).catch((error: unknown) => error);
      expect(refusal).to.be.instanceOf(FolderError);
      await lock.release();
    }
  });
});

describe('the PIN', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'coffer-pin-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('ends before the line does, and is read anew each time', () => {
    const pinFile = join(root, 'pin');
    writeFileSync(pinFile, '12 34\r\n', { mode: 0o600 });
    const read = pinSource({ pinFile });
    expect(String(read())).to.equal('12 34');
    writeFileSync(pinFile, '5678');
    expect(String(read())).to.equal('5678');
  });

  it('is refused where others could read it, where it is empty, and where it isn’t there', () => {
    const pinFile = join(root, 'pin');
    expect(() => pinSource({ pinFile })()).to.throw(PinError);
    writeFileSync(pinFile, '\n', { mode: 0o600 });
    expect(() => pinSource({ pinFile })()).to.throw(PinError, /empty/);
    writeFileSync(pinFile, '1234');
    for (const mode of [0o640, 0o604, 0o660, 0o602]) {
      chmodSync(pinFile, mode);
      expect(() => pinSource({ pinFile })(), mode.toString(8)).to.throw(PinError, /chmod 600/);
    }
  });
});
