import type { KeyObject } from 'node:crypto';
import type { Clock } from '../clock.ts';
import {
  type Checkpoint,
  firstPrevious,
  hashCheckpoint,
  isSignedBy,
  readPublicKey,
  type SignedCheckpoint,
  type StreamHead,
  signedBytes,
} from './checkpoint.ts';
import { CheckpointFile } from './checkpoint-file.ts';
import { reasonOf, TrailError } from './error.ts';
import { QuietHeads } from './heads.ts';
import { type Loss, mergeHeads, type ToldHeads } from './merge.ts';
import { afterMilliseconds, type Schedule } from './schedule.ts';

/** What an operator should hear of. */
export type CheckpointEvent =
  | { readonly type: 'taken'; readonly checkpoint: Checkpoint; readonly milliseconds: number }
  /** No checkpoint could be signed or written; it is tried again. Told once, until `recovered`. */
  | { readonly type: 'failed'; readonly reason: string; readonly cause: unknown }
  | { readonly type: 'recovered' }
  /** Something that was signed is not there any more, or a stream can't be read. Told once for each. */
  | { readonly type: 'loss'; readonly loss: Loss };

export interface CheckpointerOptions {
  /** The trail's folder. */
  readonly folder: string;
  /** 32 hex digits. */
  readonly storeId: string;
  readonly clock: Clock;
  /** ECDSA over P-256 with SHA-256. @returns DER */
  readonly sign: (data: Buffer) => Promise<Buffer>;
  /** @returns SPKI DER */
  readonly publicKey: () => Promise<Buffer>;
  /**
   * Asks the writers of this node, by slot, for the last durable line of each: `undefined` for one that doesn't
   * answer in time, or has written nothing. A slot that isn't named is one that no process writes.
   */
  readonly heads: () => Promise<ToldHeads>;
  /** Told each checkpoint's line when it is durable; must neither wait nor throw. */
  readonly offer?: (line: string) => void;
  readonly onEvent?: (event: CheckpointEvent) => void;
  readonly schedule?: Schedule;
  readonly everyMilliseconds?: number;
}

const minute = 60_000;
const retryMilliseconds = 5_000;
/** Segments that are closed so soon after another share a checkpoint. */
const gapMilliseconds = 1_000;

/** Signs checkpoints over the heads of all streams: every minute, and when it is asked to. */
export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #quiet: QuietHeads;
  readonly #schedule: Schedule;
  readonly #every: number;
  #open: { readonly file: CheckpointFile; readonly key: KeyObject } | undefined;
  #cancel: (() => void) | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #failing = false;
  /** What has been told of. */
  #losses = new Set<string>();
  #hurried = false;
  #closed = false;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#quiet = new QuietHeads(options.folder);
    this.#schedule = options.schedule ?? afterMilliseconds;
    this.#every = options.everyMilliseconds ?? minute;
  }

  /** Signs one now, and on and on. */
  start(): void {
    this.#plan(0);
  }

  /** Has one signed soon: a segment was closed. */
  hurry(): void {
    if (this.#hurried || this.#failing) return;
    this.#hurried = true;
    this.#plan(gapMilliseconds);
  }

  /** Signs one more over what was written last, and closes the file. Call when every writer of the node is closed. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancel?.();
    await this.take();
    await this.#open?.file.close();
  }

  /** Signs one now. @returns `undefined` where there is nothing to sign yet, or it failed (which `onEvent` hears) */
  take(): Promise<SignedCheckpoint | undefined> {
    const taking = this.#running.then(() => this.#take());
    this.#running = taking;
    return taking;
  }

  #plan(milliseconds: number): void {
    if (this.#closed) return;
    this.#cancel?.();
    this.#cancel = this.#schedule(milliseconds, () => {
      this.#hurried = false;
      void this.take().then(() => {
        // One that was asked for meanwhile is planned already.
        if (!this.#hurried)
          this.#plan(this.#failing ? Math.min(retryMilliseconds, this.#every) : this.#every);
      });
    });
  }

  async #take(): Promise<SignedCheckpoint | undefined> {
    const began = this.#options.clock.monotonic();
    let signed: SignedCheckpoint | undefined;
    try {
      signed = await this.#make();
    } catch (cause) {
      if (!this.#failing) this.#tell({ type: 'failed', reason: reasonOf(cause), cause });
      this.#failing = true;
      return undefined;
    }
    if (this.#failing) this.#tell({ type: 'recovered' });
    this.#failing = false;
    if (signed !== undefined) {
      const milliseconds = this.#options.clock.monotonic() - began;
      this.#tell({ type: 'taken', checkpoint: signed.checkpoint, milliseconds });
    }
    return signed;
  }

  async #make(): Promise<SignedCheckpoint | undefined> {
    const { clock, sign, storeId, offer } = this.#options;
    const { file, key } = await this.#file();
    const last = file.last?.checkpoint;
    const streams = await this.#heads(last?.streams ?? []);
    if (streams.length === 0) return undefined;
    const checkpoint: Checkpoint = {
      store: storeId,
      number: (last?.number ?? 0) + 1,
      time: new Date(clock.now()).toISOString(),
      previous: last === undefined ? firstPrevious : hashCheckpoint(last),
      streams,
    };
    const signed = { checkpoint, signature: await sign(signedBytes(checkpoint)) };
    if (!isSignedBy(key, signed)) throw new Error('the token made a signature that its own key refuses');
    const line = await file.append(signed);
    offer?.(line);
    return signed;
  }

  async #file(): Promise<{ readonly file: CheckpointFile; readonly key: KeyObject }> {
    if (this.#open === undefined) {
      const { folder, storeId, publicKey } = this.#options;
      const bytes = await publicKey();
      const file = await CheckpointFile.open(folder, bytes);
      const store = file.last?.checkpoint.store ?? storeId;
      if (store !== storeId) {
        await file.close();
        throw new TrailError('damaged', `the checkpoints in \`${folder}\` are another store's: ${store}`);
      }
      this.#open = { file, key: readPublicKey(bytes) };
    }
    return this.#open;
  }

  /**
   * INVARIANT: a head claims only lines that are durable and that no writer takes back, and every line that was
   * durable when this began is covered, unless its writer can't be heard. So writers are asked before the quiet
   * streams are read, and again after, for a writer may have begun meanwhile.
   */
  async #heads(signed: readonly StreamHead[]): Promise<readonly StreamHead[]> {
    const before = await this.#options.heads();
    const quiet = await this.#quiet.read(new Set(before.keys()));
    const after = await this.#options.heads();
    const { streams, losses } = mergeHeads(signed, before, quiet, after);
    const told = new Set<string>();
    for (const loss of losses) {
      const name = `${loss.type} ${loss.slot}`;
      told.add(name);
      if (!this.#losses.has(name)) this.#tell({ type: 'loss', loss });
    }
    this.#losses = told;
    return streams;
  }

  #tell(event: CheckpointEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {}
  }
}
