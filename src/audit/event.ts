import type { TrailError } from './error.ts';

/** What one flush did. */
export interface TrailFlush {
  readonly outcome: 'durable' | 'failed';
  readonly records: number;
  /** Written, or tried. */
  readonly bytes: number;
  readonly milliseconds: number;
  /** Why the group has no MAC, if it has none. */
  readonly unsigned: string | undefined;
}

/** What an operator should hear of. */
export type TrailEvent =
  /** Not writable: a write failed. */
  | { readonly type: 'failed'; readonly error: TrailError }
  /** Not writable: a write has been under way for this long. `failed` or `recovered` follows when it returns. */
  | { readonly type: 'stalled'; readonly milliseconds: number; readonly error: TrailError }
  /** Writable again. */
  | { readonly type: 'recovered' }
  /** From here on groups have no MAC, for this reason. Told once, until `signed`. */
  | { readonly type: 'unsigned'; readonly reason: string }
  /** The MACs are back, and cover what had none; told when none was missing for a second. */
  | { readonly type: 'signed' }
  /** A segment was closed, and this one begun. */
  | { readonly type: 'rotated'; readonly segment: number }
  /** The stream ended in a torn line. */
  | { readonly type: 'cut'; readonly bytes: number; readonly sha256: string };
