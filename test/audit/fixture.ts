import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import {
  closeSync,
  constants,
  mkdtempSync,
  open,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordApiCall, userIdentity } from '../../src/audit/build.ts';
import type { StoredLine } from '../../src/audit/read.ts';
import { readStream } from '../../src/audit/read.ts';
import type { AuditRecord } from '../../src/audit/record.ts';
import { type Verdict, verifyChain } from '../../src/audit/verify.ts';
import { openTrail, type TrailOptions, type TrailWriter } from '../../src/audit/writer.ts';
import { systemClock } from '../../src/clock.ts';

export const slot = 'worker-1';

/** Stands in for the token: the chain only needs some HMAC. */
export const mac = async (data: Buffer): Promise<Buffer> =>
  createHmac('sha256', 'the trail key').update(data).digest();

export function makeRecord(context: Record<string, string> = { purpose: 'test' }): AuditRecord {
  const scope = { region: 'us-east-1', account: '111122223333' };
  return recordApiCall(systemClock, {
    ...scope,
    identity: userIdentity(
      {
        type: 'IAMUser',
        arn: 'arn:aws:iam::111122223333:user/alice',
        principalId: 'AIDAAAAAAAAAAAAAAAAAA',
        account: '111122223333',
        userName: 'alice',
      },
      'AKIAAAAAAAAAAAAAAAAA',
    ),
    operation: 'Encrypt',
    sourceIp: '127.0.0.1',
    userAgent: 'aws-sdk-js/3.0',
    requestId: '6a2fcf7d-7a9f-4c7e-9c5b-2d6f2b6b1a55',
    readOnly: true,
    parameters: {
      keyId: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      encryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      encryptionContext: context,
    },
    resources: [
      {
        accountId: '111122223333',
        type: 'AWS::KMS::Key',
        ARN: 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      },
    ],
  });
}

/**
 * Makes every disk of this process hang: who opens a pipe to read waits for who writes it, and so many waits leave
 * Node's thread pool no thread.
 */
export async function hangDisks(folder: string): Promise<{ release(): Promise<void> }> {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const threads = Number(process.env.UV_THREADPOOL_SIZE ?? 4);
  const opened = Array.from(
    { length: threads },
    () =>
      new Promise<void>((resolve, reject) => {
        open(path, constants.O_RDONLY, (error, fd) => {
          if (error !== null) return reject(error);
          closeSync(fd);
          resolve();
        });
      }),
  );
  return {
    async release() {
      const writer = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
      await Promise.all(opened);
      closeSync(writer);
      rmSync(path);
    },
  };
}

/** Writers and folders of one test, all gone after it. */
export class Bench {
  readonly folder = mkdtempSync(join(tmpdir(), 'coffer-trail-'));
  readonly #writers: TrailWriter[] = [];

  async open(options: Partial<TrailOptions> = {}): Promise<TrailWriter> {
    const writer = await openTrail({
      folder: this.folder,
      slot,
      segmentBytes: 1024 * 1024,
      mac,
      clock: systemClock,
      ...options,
    });
    this.#writers.push(writer);
    return writer;
  }

  async end(): Promise<void> {
    for (const writer of this.#writers) await writer.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  path(segment: number): string {
    return join(this.folder, slot, `${String(segment).padStart(6, '0')}.jsonl`);
  }

  segments(): string[] {
    return readdirSync(join(this.folder, slot))
      .filter((name) => name.endsWith('.jsonl'))
      .sort();
  }

  text(segment = 1): string {
    return readFileSync(this.path(segment), 'utf8');
  }

  async lines(): Promise<StoredLine[]> {
    return Array.fromAsync(readStream(this.folder, slot));
  }

  verify(): Promise<Verdict> {
    return verifyChain(readStream(this.folder, slot), mac);
  }

  /** Without checking the MACs. */
  verifyUnsigned(): Promise<Verdict> {
    return verifyChain(readStream(this.folder, slot));
  }

  /** The event ids on disk, as often as they are there. */
  async eventIds(): Promise<string[]> {
    return (await this.lines()).flatMap(({ parsed }) =>
      typeof parsed === 'object' && parsed.type === 'record' ? [String(parsed.record.eventID)] : [],
    );
  }
}
