import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { request } from 'node:https';
import { reasonOf } from './error.ts';
import { afterMilliseconds, type Schedule } from './schedule.ts';

/** A place outside that keeps checkpoints, out of reach of who can change the trail. */
export interface Anchor {
  readonly name: 'file' | 'webhook';
  /** @param line a checkpoint's, without a newline @throws where it isn't certain to be there */
  deliver(line: string): Promise<void>;
}

/** What an operator should hear of. */
export type AnchorEvent =
  /** Told once, until `recovered`. It is tried again. */
  | { readonly type: 'failed'; readonly anchor: string; readonly reason: string }
  | { readonly type: 'recovered'; readonly anchor: string }
  /** Too many waited: these many of the oldest never reach the anchor. Later ones vouch for what they covered. */
  | { readonly type: 'dropped'; readonly anchor: string; readonly lines: number };

/**
 * A file, on another mount or machine. Lines are appended and synchronised; nothing of it is ever read or changed, so
 * it may be one that can only be appended to. Its folder must be there: a mount that is missing is a failure.
 */
export function fileAnchor(path: string): Anchor {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
  return {
    name: 'file',
    async deliver(line) {
      const handle = await open(path, flags, 0o600);
      try {
        const { size } = await handle.stat();
        const last = Buffer.alloc(1);
        if (size > 0) await handle.read(last, 0, 1, size - 1);
        // What a write that failed has left is given a line of its own.
        const torn = size > 0 && last[0] !== 0x0a;
        await handle.appendFile(`${torn ? '\n' : ''}${line}\n`);
        await handle.sync();
      } finally {
        await handle.close();
      }
    },
  };
}

const webhookMilliseconds = 10_000;

/** @param url `https:` @param ca certificates (PEM) to trust beside those of the system */
export function webhookAnchor(url: string, ca?: string): Anchor {
  return {
    name: 'webhook',
    deliver: (line) =>
      new Promise((resolve, reject) => {
        const sent = request(
          url,
          {
            method: 'POST',
            headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(line) },
            signal: AbortSignal.timeout(webhookMilliseconds),
            ...(ca !== undefined && { ca }),
          },
          (answer) => {
            answer.resume();
            const { statusCode = 0 } = answer;
            if (statusCode >= 200 && statusCode < 300) answer.once('end', resolve);
            else reject(Object.assign(new Error(`status ${statusCode}`), { code: `status-${statusCode}` }));
            answer.once('error', reject);
          },
        );
        sent.once('error', reject);
        sent.end(line);
      }),
  };
}

const queueLines = 1_440;
const longestWaitMilliseconds = 60_000;

/** Brings lines to an anchor one after the other, again until it has them. */
export class AnchorQueue {
  readonly #anchor: Anchor;
  readonly #schedule: Schedule;
  readonly #onEvent: (event: AnchorEvent) => void;
  readonly #lines: string[] = [];
  #delivering: Promise<void> | undefined;
  #failures = 0;
  #cancel: (() => void) | undefined;

  constructor(anchor: Anchor, onEvent: (event: AnchorEvent) => void, schedule: Schedule = afterMilliseconds) {
    this.#anchor = anchor;
    this.#onEvent = onEvent;
    this.#schedule = schedule;
  }

  /** How many lines wait. */
  get waiting(): number {
    return this.#lines.length;
  }

  /** Neither waits nor throws. */
  offer(line: string): void {
    this.#lines.push(line);
    const surplus = this.#lines.length - queueLines;
    if (surplus > 0) {
      // The first may be under way.
      this.#lines.splice(this.#delivering === undefined ? 0 : 1, surplus);
      this.#onEvent({ type: 'dropped', anchor: this.#anchor.name, lines: surplus });
    }
    if (this.#cancel === undefined) this.#run();
  }

  /** Gives what waits one more try, for so long at most. */
  async close(milliseconds: number): Promise<void> {
    this.#cancel?.();
    this.#run();
    let cancel: (() => void) | undefined;
    const late = new Promise<void>((resolve) => {
      cancel = this.#schedule(milliseconds, resolve);
    });
    await Promise.race([this.#delivering, late]);
    cancel?.();
    this.#cancel?.();
  }

  #run(): void {
    this.#cancel = undefined;
    this.#delivering ??= this.#deliver().finally(() => {
      this.#delivering = undefined;
    });
  }

  async #deliver(): Promise<void> {
    const anchor = this.#anchor.name;
    for (let line = this.#lines[0]; line !== undefined; line = this.#lines[0]) {
      try {
        await this.#anchor.deliver(line);
      } catch (cause) {
        if (this.#failures === 0) this.#onEvent({ type: 'failed', anchor, reason: reasonOf(cause) });
        const wait = Math.min(1_000 * 2 ** this.#failures, longestWaitMilliseconds);
        this.#failures += 1;
        this.#cancel = this.#schedule(wait, () => this.#run());
        return;
      }
      this.#lines.shift();
      if (this.#failures > 0) this.#onEvent({ type: 'recovered', anchor });
      this.#failures = 0;
    }
  }
}
