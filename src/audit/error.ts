/**
 * - `unwritable`: the disk refused, or a write has hung for a while; nothing of the record counts, and it may be
 *   tried again
 * - `unknown`: the write has hung for longer still, and the record may be in the trail or come to be in it. What is
 *   thrown is a TrailUndecided, which tells when that is known
 * - `overloaded`: too much waits already; may be tried again
 * - `record`: this record can't be written (too long, or not JSON)
 * - `closed`: the writer is closed
 * - `locked`: another process writes this stream
 * - `damaged`: what is on disk is no trail, or not all of it
 */
export type TrailErrorCode =
  | 'unwritable'
  | 'unknown'
  | 'overloaded'
  | 'record'
  | 'closed'
  | 'locked'
  | 'damaged';

/** The trail can't be had as asked. The message is for the log alone. */
export class TrailError extends Error {
  override readonly name = 'TrailError';
  readonly code: TrailErrorCode;

  constructor(code: TrailErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The write that has the record hangs: who only owes an answer fails it, who must know awaits `settled`. */
export class TrailUndecided extends TrailError {
  /**
   * Resolves when the record is durable, rejects with a TrailError of another code when it is certain never to be.
   * Until then, which may be for ever, what a reader finds of it in the trail counts for nothing, and appending it
   * again would write it twice.
   */
  readonly settled: Promise<void>;

  constructor(settled: Promise<void>) {
    super('unknown', 'the trail has not answered whether the record is written: its disk hangs');
    this.settled = settled;
    settled.catch(() => undefined);
  }
}

/**
 * Waits for what an append comes to in the end: `trail.append(record).catch(decided)`.
 * @param cause what the append rejected with
 * @throws TrailError of any code but `unknown`: nothing of the record counts
 */
export async function decided(cause: unknown): Promise<void> {
  if (!(cause instanceof TrailUndecided)) throw cause;
  await cause.settled;
}

/** A short class for a cause, fit for the trail itself: `ENOSPC`, `unavailable`, `error`. */
export function reasonOf(cause: unknown): string {
  for (const member of ['kind', 'code'] as const) {
    const value: unknown =
      typeof cause === 'object' && cause !== null ? Reflect.get(cause, member) : undefined;
    if (typeof value === 'string' && /^[A-Za-z0-9_-]{1,32}$/.test(value)) return value;
  }
  return 'error';
}
