import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import pino from 'pino';
import { type Control, connectControl, controlSocket, openControl } from '../../src/app/control.ts';
import { recordServiceEvent } from '../../src/audit/build.ts';
import type { AuditRecord } from '../../src/audit/record.ts';
import { systemClock } from '../../src/clock.ts';
import type { ChangeOutcome } from '../../src/keys/repository.ts';
import type { Change } from '../../src/store/store.ts';

const scope = { region: 'us-east-1', account: '111122223333' };
const record = recordServiceEvent(systemClock, {
  name: 'Test',
  ...scope,
  resources: [],
});
const status = (accessKeyId: string): Change => ({
  ...scope,
  type: 'access-key-status',
  accessKeyId,
  principalId: 'AIDA',
  active: false,
});

describe('the control socket', () => {
  let folder: string;
  let storeFile: string;
  let control: Control;
  const made: { change: Change; record: AuditRecord | undefined }[] = [];
  let outcome: () => Promise<ChangeOutcome>;
  let stopped: Socket | undefined;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'coffer-control-'));
    storeFile = join(folder, 'coffer.db');
    made.length = 0;
    outcome = async () => ({ type: 'done' });
    const changes = {
      apply(change: Change, given: AuditRecord | undefined) {
        made.push({ change, record: given });
        return outcome();
      },
    };
    control = await openControl(
      storeFile,
      changes,
      () => Promise.reject(new Error('nothing is reconciled here')),
      pino({ level: 'silent' }),
    );
  });
  afterEach(async () => {
    stopped?.destroy();
    await control.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function client() {
    const found = await connectControl(storeFile);
    if (found === undefined) throw new Error('nobody serves');
    return found;
  }

  it('has changes made as they are given, bytes among them, and tells what came of each', async () => {
    const link = await client();
    const sealed: Change = {
      ...scope,
      type: 'access-key-created',
      accessKeyId: 'AKIA',
      principalId: 'AIDA',
      sealedSecret: Buffer.from([0, 255, 10, 13]),
      createdAt: 1,
      limit: 2,
    };
    expect(await link.apply(sealed, record)).to.deep.equal({ type: 'done' });
    outcome = async () => ({ type: 'in-use', by: 'access-keys' });
    expect(await link.apply(status('two'), record)).to.deep.equal({ type: 'in-use', by: 'access-keys' });
    link.close();
    expect(made).to.deep.equal([
      { change: sealed, record },
      { change: status('two'), record },
    ]);
  });

  it('tells why a change failed, and goes on', async () => {
    const link = await client();
    outcome = () => Promise.reject(new Error('the trail can not be written'));
    const failed = await link.apply(status('one'), record).catch((error: unknown) => String(error));
    expect(failed).to.match(/could not make the change: .*the trail can not be written/);
    outcome = async () => ({ type: 'done' });
    expect(await link.apply(status('two'), record)).to.deep.equal({ type: 'done' });
    link.close();
  });

  it('is its user’s alone', () => {
    expect(statSync(controlSocket(storeFile)).mode & 0o777).to.equal(0o600);
  });

  for (const [what, line] of [
    ['no JSON', 'change\n'],
    ['another request', '{"type":"read"}\n'],
    ['null', 'null\n'],
    ['a line without end', 'x'.repeat(2_000_000)],
  ] as const) {
    it(`hangs up on ${what}, makes nothing of it and serves the next`, async () => {
      const socket = connect(controlSocket(storeFile));
      socket.on('error', () => undefined);
      socket.write(line);
      await new Promise((resolve) => socket.on('close', resolve).resume());
      expect(made).to.deep.equal([]);
      const link = await client();
      expect(await link.apply(status('one'), record)).to.deep.equal({ type: 'done' });
      link.close();
    });
  }

  it('answers what is under way before it closes', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    outcome = () => held.then(() => ({ type: 'done' }));
    const link = await client();
    const answered = link.apply(status('one'), record);
    while (made.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = control.close();
    release();
    expect(await answered).to.deep.equal({ type: 'done' });
    await closed;
    expect(existsSync(controlSocket(storeFile))).to.equal(false);
    expect(await connectControl(storeFile)).to.equal(undefined);
    link.close();
  });

  it('closes on a client that never hangs up', async () => {
    stopped = connect({ path: controlSocket(storeFile), allowHalfOpen: true });
    await once(stopped, 'connect');
    await control.close();
  });

  it('that closes before it has answered says that nothing is known', async () => {
    const link = await client();
    await control.close();
    const failed = await link.apply(status('one'), record).catch((error: unknown) => String(error));
    expect(failed).to.match(/ended before it answered/);
    expect(made).to.deep.equal([]);
  });
});
