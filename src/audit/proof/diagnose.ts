import { type Head, hashLine, origin, renderMark, renderRecordEnd } from '../line.ts';
import type { StreamFinding } from './finding.ts';
import { describe, type Scanned } from './scan.ts';

/** How far a stream's chain holds. */
export interface Sound {
  readonly stream: string | undefined;
  readonly head: Head;
  /** The line at the head; `undefined` at the beginning. */
  readonly last: Scanned | undefined;
  /** Whether a checkpoint has signed the head: then its line is as it was. */
  readonly signed: boolean;
}

/** Whether a line is chained to what is sound. */
export function follows({ stream, head }: Pick<Sound, 'stream' | 'head'>, { parsed }: Scanned): boolean {
  return (
    typeof parsed === 'object' &&
    (stream === undefined || parsed.stream === stream) &&
    parsed.sequence === head.sequence + 1 &&
    parsed.previous === head.hash
  );
}

/**
 * What happened where a chain breaks, as far as the bytes tell.
 * @param rest reads the stream from the first line on that doesn't follow
 */
export async function diagnose(
  sound: Sound,
  rest: () => AsyncIterable<readonly Scanned[]>,
): Promise<StreamFinding> {
  const { head, last, stream } = sound;
  const [first, second] = await peek(rest());
  if (first === undefined) throw new Error('a chain breaks at a line');
  const at = describe(first);
  const next = head.sequence + 1;
  // What should stand here stands right behind.
  const inserted = second !== undefined && follows(sound, second);
  const { parsed } = first;
  if (typeof parsed === 'string' || (stream !== undefined && parsed.stream !== stream)) {
    if (inserted) return { type: 'added', at };
    return { type: 'changed', at: { ...at, sequence: next }, orNext: false };
  }
  if (parsed.previous === head.hash) return { type: 'changed', at, orNext: false };
  if (parsed.sequence === next) {
    if (inserted) return { type: 'added', at };
    if (last === undefined || sound.signed) return { type: 'changed', at, orNext: false };
    // The line after it vouches for this one as it stands, or for this one with the link that it should have.
    if (second !== undefined && follows({ stream, head: headOf(first) }, second)) {
      return { type: 'changed', at: describe(last), orNext: false };
    }
    if (typeof second?.parsed === 'object' && second.parsed.previous === hashRelinked(first, head)) {
      return { type: 'changed', at, orNext: false };
    }
    return { type: 'changed', at: describe(last), orNext: true };
  }
  if (parsed.sequence <= head.sequence) {
    // Two lines claim one place: the next vouches for one of them.
    const twin = last !== undefined && parsed.sequence === head.sequence && !sound.signed;
    const vouched = second !== undefined && follows({ stream, head: headOf(first) }, second);
    return { type: 'added', at: twin && vouched ? describe(last) : at };
  }
  const { found, copied } = await lookAhead(sound, first, rest());
  if (!found) return { type: 'dropped', at, first: next, last: parsed.sequence - 1 };
  return copied ? { type: 'added', at } : { type: 'reordered', at };
}

async function peek(rest: AsyncIterable<readonly Scanned[]>): Promise<Scanned[]> {
  const lines: Scanned[] = [];
  for await (const block of rest) {
    lines.push(...block.slice(0, 2 - lines.length));
    if (lines.length === 2) break;
  }
  return lines;
}

/** @returns whether the line that should stand here does later, and whether this one stands there a second time */
async function lookAhead(
  sound: Sound,
  first: Scanned,
  rest: AsyncIterable<readonly Scanned[]>,
): Promise<{ found: boolean; copied: boolean }> {
  let found = false;
  let copies = 0;
  for await (const block of rest) {
    for (const line of block) {
      found ||= follows(sound, line);
      if (line.hash === first.hash) copies += 1;
    }
  }
  return { found, copied: copies > 1 };
}

function headOf({ parsed, hash }: Scanned): Head {
  return typeof parsed === 'object' ? { sequence: parsed.sequence, hash } : origin;
}

/** The hash that a line would have, were it chained to this head. */
function hashRelinked({ parsed, bytes }: Scanned, head: Head): string | undefined {
  if (typeof parsed === 'string') return undefined;
  const link = { stream: parsed.stream, sequence: head.sequence + 1, previous: head.hash };
  if (parsed.type !== 'record')
    return hashLine(Buffer.from(renderMark(link, { ...parsed, ...link }), 'utf8'));
  const old = renderRecordEnd(parsed.stream, parsed.sequence, parsed.previous);
  const end = renderRecordEnd(link.stream, link.sequence, link.previous);
  return hashLine(Buffer.concat([bytes.subarray(0, bytes.length - old.length), Buffer.from(end, 'latin1')]));
}
