import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import type { AuditRecord } from '../../src/audit/record.ts';
import { show } from '../../src/cli/trail-tail.ts';
import { makeRecord } from '../audit/fixture.ts';
import { SignedBench } from '../audit/signed.ts';

const root = resolve(import.meta.dirname, '../..');
const node = join(root, 'scripts/node');
const main = join(root, 'src/main.ts');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function coffer(...args: string[]): Promise<Ended> {
  return new Promise((done) => {
    execFile(node, [main, 'trail', ...args], (error, stdout, stderr) =>
      done({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

describe('coffer trail', () => {
  let bench: SignedBench;
  beforeEach(() => {
    bench = new SignedBench();
  });
  afterEach(() => bench.end());

  describe('verify', () => {
    beforeEach(() => bench.fill());

    it('exits with 0 where the trail is whole, and says what it can’t know', async () => {
      await bench.write('worker-1', 2);
      const { code, stdout, stderr } = await coffer('verify', '--trail', bench.folder);
      expect([code, stderr]).to.deep.equal([0, '']);
      expect(stdout)
        .to.include('WHOLE')
        .and.include('checkpoints: 3 signed')
        .and.match(/worker-1: stream [0-9a-f]{16}, 22 records in \d+ lines/)
        .and.match(/after checkpoint 3 of \S+; lines behind the last signed one: worker-1 \d+ since 20/)
        .and.include('--public-key')
        .and.include('--anchor');
    });

    it('takes key and anchor, and the trail and its anchor from a configuration', async () => {
      const key = join(bench.folder, 'copy.pem');
      writeFileSync(key, bench.signer.pem);
      const config = join(bench.folder, 'coffer.json');
      const token = { module: 'softhsm', label: 'coffer', pinFile: 'pin' };
      writeFileSync(
        config,
        JSON.stringify({ trail: { folder: '.', anchor: { file: 'anchor.jsonl' } }, token }),
      );
      const { code, stdout } = await coffer('verify', '--config', config, '--public-key', key);
      expect(code).to.equal(0);
      expect(stdout)
        .to.include('anchor: 3 signed')
        .and.not.include('--public-key')
        .and.not.include('--anchor');
    });

    it('exits with 1 and names the record where it is wrong', async () => {
      bench.edit(bench.file('worker-1', 2), (lines) =>
        lines.map((line) => line.replace('"eventName":"Encrypt"', '"eventName":"Decrypt"')),
      );
      const { code, stdout } = await coffer('verify', '--trail', bench.folder);
      expect(code).to.equal(1);
      expect(stdout).to.match(
        /WRONG: line \d+ of worker-1\/000002\.jsonl \(sequence \d+, \S+Z, event [0-9a-f-]{36}\) was changed\n/,
      );
      const { code: same, stdout: json } = await coffer('verify', '--trail', bench.folder, '--json');
      expect(same).to.equal(1);
      expect(JSON.parse(json)).to.deep.include({ verdict: 'wrong' });
    });

    it('exits with 2 where that can’t be said', async () => {
      for (const args of [
        ['--trail', join(bench.folder, 'nowhere')],
        ['--trail', bench.folder, '--public-key', join(bench.folder, 'nowhere')],
        ['--trail', bench.folder, '--config', 'too'],
        ['--config', join(bench.folder, 'nowhere')],
        ['--nothing'],
      ]) {
        const { code, stdout, stderr } = await coffer('verify', ...args);
        expect([code, stdout]).to.deep.equal([2, '']);
        expect(stderr).to.match(/^coffer trail verify: /);
      }
      rmSync(bench.checkpoints);
      rmSync(join(bench.folder, 'checkpoint-key.pem'));
      const { code, stdout } = await coffer('verify', '--trail', bench.folder);
      expect(code).to.equal(2);
      expect(stdout).to.include('UNKNOWN');
    });
  });

  describe('tail', () => {
    const record = (second: number, more: Partial<AuditRecord> = {}): AuditRecord => ({
      ...makeRecord(),
      eventTime: `2026-01-31T00:00:${String(second).padStart(2, '0')}Z`,
      ...more,
    });
    const times = (text: string) => text.split('\n').flatMap((line) => /^\S+:(\d\d)Z/.exec(line)?.[1] ?? []);

    async function write(slot: string, ...records: AuditRecord[]): Promise<void> {
      const writer = await bench.open({ slot, segmentBytes: 4_096 });
      for (const one of records) await writer.append(one);
      await writer.close();
    }

    it('shows the last records of all streams in the order of time', async () => {
      await write('worker-1', ...[1, 3, 5, 7, 9, 11].map((second) => record(second)));
      await write('worker-2', ...[2, 4, 6, 8, 10, 12].map((second) => record(second)));
      const { code, stdout } = await coffer('tail', '--trail', bench.folder, '-n', '7');
      expect(code).to.equal(0);
      expect(times(stdout)).to.deep.equal(['06', '07', '08', '09', '10', '11', '12']);
      expect((await coffer('tail', '--trail', bench.folder, '-n', '0')).stdout).to.equal('');
    });

    it('shows time, who, what, outcome, address and which', () => {
      const fields = (more: Partial<AuditRecord>) => show({ ...record(1, more) }).split(/ {2,}/);
      expect(fields({})).to.deep.equal([
        '2026-01-31T00:00:01Z',
        'alice',
        'kms:Encrypt',
        'ok',
        '127.0.0.1',
        'key/1234abcd-12ab-34cd-56ef-1234567890ab',
      ]);
      const issuer = {
        type: 'Role',
        principalId: '',
        arn: '',
        accountId: '',
        userName: 'application',
      } as const;
      const attributes = { creationDate: '', mfaAuthenticated: 'false' } as const;
      const session = {
        type: 'AssumedRole',
        principalId: 'AROA:blue',
        sessionContext: { sessionIssuer: issuer, attributes },
      } as const;
      expect(fields({ userIdentity: session })[1]).to.equal('application/blue');
      expect(fields({ userIdentity: { type: 'Root' } })[1]).to.equal('root');
      expect(fields({ userIdentity: { type: 'Unknown', accessKeyId: 'AKIA' } })[1]).to.equal('?AKIA');
      expect(fields({ errorCode: 'AccessDeniedException', resources: [] }).slice(3)).to.deep.equal([
        'AccessDeniedException',
        '127.0.0.1',
        '-',
      ]);
    });

    it('lets nobody’s name move the cursor or pass for a column', () => {
      expect(show({ ...record(1, { eventName: 'a\u001b[2J\n  b\u202e' }) })).to.include(
        'kms:a\ufffd[2J\ufffd\ufffd\ufffdb\ufffd',
      );
    });

    it('follows what is written, into the next file and a new stream, and waits for whole lines', async () => {
      await write('worker-1', record(1), record(2));
      const tail: ChildProcess = spawn(node, [
        main,
        'trail',
        'tail',
        '--trail',
        bench.folder,
        '-n',
        '1',
        '-f',
      ]);
      let text = '';
      const seen = async (second: string) => {
        while (!times(text).includes(second)) await once(tail.stdout ?? tail, 'data');
      };
      tail.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      try {
        await seen('02');
        await write('worker-1', ...[3, 4, 5, 6, 7, 8].map((second) => record(second)));
        await write('worker-2', record(9));
        await seen('08');
        await seen('09');
        const link = { stream: '0'.repeat(16), sequence: 9, previous: '0'.repeat(64) };
        const line = JSON.stringify({ ...record(10), trail: link });
        appendFileSync(bench.file('worker-2', 1), line.slice(0, 100));
        await write('worker-3', record(11));
        await seen('11');
        appendFileSync(bench.file('worker-2', 1), `${line.slice(100)}\n`);
        await seen('10');
        expect(times(text)).to.deep.equal(['02', '03', '04', '05', '06', '07', '08', '09', '11', '10']);
      } finally {
        tail.kill();
        await once(tail, 'exit');
      }
    });
  });

  it('says how it is used', async () => {
    expect((await coffer()).stderr).to.include('coffer trail verify');
    expect((await coffer('nothing')).stderr).to.include('no command `nothing`');
  });
});
