import type { StreamHead } from './checkpoint.ts';
import type { QuietHead } from './heads.ts';

/** What writers said, by slot. */
export type ToldHeads = ReadonlyMap<string, StreamHead | undefined>;

/** What was signed and is not there, or can't be read. */
export type Loss =
  /** A stream that was signed is in no folder of the trail. */
  | { readonly type: 'vanished'; readonly slot: string; readonly signed: StreamHead }
  /** A stream ends before the line that was signed, or has another in its place. */
  | {
      readonly type: 'cut-back';
      readonly slot: string;
      readonly signed: StreamHead;
      readonly found: StreamHead;
    }
  | { readonly type: 'unreadable'; readonly slot: string; readonly cause: unknown };

/**
 * The heads for the next checkpoint. What was signed before and has gone, or gone back, is signed again as it was:
 * the last checkpoint then still says all that must be there.
 * @param signed of the last checkpoint
 * @param before what writers said before the quiet streams were read
 * @param after and after that
 */
export function mergeHeads(
  signed: readonly StreamHead[],
  before: ToldHeads,
  quiet: readonly QuietHead[],
  after: ToldHeads,
): { readonly streams: readonly StreamHead[]; readonly losses: readonly Loss[] } {
  const losses: Loss[] = [];
  const found = new Map<string, StreamHead>();
  const find = (head: StreamHead | undefined) => {
    if (head === undefined || (found.get(head.stream)?.sequence ?? 0) > head.sequence) return;
    found.set(head.stream, head);
  };
  /** Slots whose silence says nothing. */
  const silent = new Set<string>();
  for (const item of quiet) {
    const slot = item.type === 'head' ? item.head.slot : item.slot;
    if (item.type === 'unreadable') {
      losses.push(item);
      silent.add(slot);
    } else if (after.has(slot)) {
      // It was read while its writer began: the writer knows better.
      silent.add(slot);
    } else {
      find(item.head);
    }
  }
  for (const told of [before, after]) {
    for (const [slot, head] of told) {
      find(head);
      if (head === undefined) silent.add(slot);
    }
  }
  for (const head of signed) {
    const now = found.get(head.stream);
    if (now === undefined) {
      found.set(head.stream, head);
      if (!silent.has(head.slot)) losses.push({ type: 'vanished', slot: head.slot, signed: head });
    } else if (now.sequence < head.sequence || (now.sequence === head.sequence && now.hash !== head.hash)) {
      found.set(head.stream, head);
      losses.push({ type: 'cut-back', slot: now.slot, signed: head, found: now });
    }
  }
  const streams = [...found.values()].sort((a, b) => (a.stream < b.stream ? -1 : 1));
  return { streams, losses };
}
