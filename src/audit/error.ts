/**
 * - `unwritable`: the disk refused; nothing of the record counts, and it may be tried again
 * - `overloaded`: too much waits already; may be tried again
 * - `record`: this record can't be written (too long, or not JSON)
 * - `closed`: the writer is closed
 * - `locked`: another process writes this stream
 * - `damaged`: what is on disk is no trail, or not all of it
 */
export type TrailErrorCode = 'unwritable' | 'overloaded' | 'record' | 'closed' | 'locked' | 'damaged';

/** The trail can't be had as asked. The message is for the log alone. */
export class TrailError extends Error {
  override readonly name = 'TrailError';
  readonly code: TrailErrorCode;

  constructor(code: TrailErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A short class for a cause, fit for the trail itself: `ENOSPC`, `unavailable`, `error`. */
export function reasonOf(cause: unknown): string {
  for (const member of ['kind', 'code'] as const) {
    const value: unknown =
      typeof cause === 'object' && cause !== null ? Reflect.get(cause, member) : undefined;
    if (typeof value === 'string' && /^[A-Za-z_-]{1,32}$/.test(value)) return value;
  }
  return 'error';
}
