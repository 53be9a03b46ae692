/** A trail of two streams with checkpoints, made by the real writers. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { copyFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StreamHead } from '../../src/audit/checkpoint.ts';
import { checkpointsName } from '../../src/audit/checkpoint-file.ts';
import { Checkpointer, type CheckpointerOptions } from '../../src/audit/checkpointer.ts';
import { hashLine } from '../../src/audit/line.ts';
import { type TrailReport, type VerifyOptions, verifyTrail } from '../../src/audit/proof/trail.ts';
import type { TrailWriter } from '../../src/audit/writer.ts';
import { systemClock } from '../../src/clock.ts';
import { Bench, makeRecord } from './fixture.ts';

export const storeId = '0123456789abcdef0123456789abcdef';

/** Stands in for the token's key. */
export function makeSigner(): Pick<CheckpointerOptions, 'sign' | 'publicKey'> & { readonly pem: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return {
    sign: async (data) => sign('sha256', data, { key: privateKey, dsaEncoding: 'der' }),
    publicKey: async () => publicKey.export({ format: 'der', type: 'spki' }),
    pem: Buffer.from(publicKey.export({ format: 'pem', type: 'spki' })),
  };
}

export function headOf(slot: string, { streamId, head, segment }: TrailWriter): StreamHead {
  return { slot, stream: streamId, segment, ...head };
}

export class SignedBench extends Bench {
  readonly signer = makeSigner();
  readonly anchor = join(this.folder, 'anchor.jsonl');
  readonly anchored: string[] = [];
  readonly #checkpointers: Checkpointer[] = [];

  checkpointer(options: Partial<CheckpointerOptions> = {}): Checkpointer {
    const checkpointer = new Checkpointer({
      folder: this.folder,
      storeId,
      clock: systemClock,
      ...this.signer,
      heads: async () => new Map(),
      offer: (line) => this.anchored.push(line),
      ...options,
    });
    this.#checkpointers.push(checkpointer);
    return checkpointer;
  }

  /** Writes so many records to a slot, each a group of its own, in files of a few lines, and closes it. */
  async write(slot: string, records: number): Promise<void> {
    const writer = await this.open({ slot, segmentBytes: 8_192 });
    for (let i = 0; i < records; i += 1) await writer.append(makeRecord());
    await writer.close();
  }

  /** Two streams, three checkpoints: after 10 and 20 records each, and after the last of worker-2. */
  async fill(): Promise<void> {
    const checkpointer = this.checkpointer();
    for (let round = 0; round < 2; round += 1) {
      await this.write('worker-1', 10);
      await this.write('worker-2', 10);
      await checkpointer.take();
    }
    await this.write('worker-2', 4);
    await checkpointer.close();
    writeFileSync(this.anchor, this.anchored.map((line) => `${line}\n`).join(''));
  }

  override async end(): Promise<void> {
    for (const checkpointer of this.#checkpointers) await checkpointer.close();
    await super.end();
  }

  prove(options: Partial<VerifyOptions> = {}): Promise<TrailReport> {
    return verifyTrail({ folder: this.folder, ...options });
  }

  get checkpoints(): string {
    return join(this.folder, checkpointsName);
  }

  file(slot: string, segment: number): string {
    return join(this.folder, slot, `${String(segment).padStart(6, '0')}.jsonl`);
  }

  /** Changes the lines of a file. */
  edit(path: string, change: (lines: string[]) => string[]): void {
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    writeFileSync(
      path,
      change(lines)
        .map((line) => `${line}\n`)
        .join(''),
    );
  }

  /** What somebody with all the code and none of the keys can do: every link of a stream made good again. */
  rehash(slot: string): void {
    let previous = '0'.repeat(64);
    let sequence = 0;
    const names = readdirSync(join(this.folder, slot)).filter((name) => name.endsWith('.jsonl'));
    for (const name of names.sort()) {
      this.edit(join(this.folder, slot, name), (lines) =>
        lines.map((line) => {
          sequence += 1;
          const relinked = line.replace(
            /"sequence":\d+,"previous":"[0-9a-f]{64}"(?=[^{]*\}\}$)/,
            `"sequence":${sequence},"previous":"${previous}"`,
          );
          previous = hashLine(Buffer.from(relinked));
          return relinked;
        }),
      );
    }
  }

  /** A copy of the folder as it is. */
  copy(to: string): void {
    cpSync(this.folder, to, { recursive: true });
  }

  keepAnchor(to: string): void {
    copyFileSync(this.anchor, to);
  }
}
