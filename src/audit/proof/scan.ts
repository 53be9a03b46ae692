import { hashLine, type ParseFailure, parseLine, type TrailLine } from '../line.ts';
import { readBlocks, splitLines } from '../read.ts';
import { segmentPath, streamFolder } from '../segment.ts';
import type { Described } from './finding.ts';

/** A line as it stands in its file. */
export interface Scanned {
  readonly slot: string;
  readonly segment: number;
  /** 1 for the first of the file. */
  readonly line: number;
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly parsed: TrailLine | ParseFailure;
  readonly hash: string;
  /** A view. */
  readonly bytes: Buffer;
  /** Nothing stands behind it, and it has no newline: it is being written, or was torn. */
  readonly torn: boolean;
}

/**
 * The lines of a stream, some thousand at a time: a promise for each would cost more than reading it does.
 * @param segments the files to read, in order
 * @param from where to begin in the first of them
 */
export async function* scanStream(
  folder: string,
  slot: string,
  segments: readonly number[],
  from: Pick<Scanned, 'line' | 'offset'> = { line: 1, offset: 0 },
): AsyncGenerator<readonly Scanned[]> {
  const path = streamFolder(folder, slot);
  let { line, offset } = from;
  for (const segment of segments) {
    for await (const block of readBlocks(segmentPath(path, segment), offset)) {
      const lines: Scanned[] = [];
      for (const { start, bytes, whole } of splitLines(block)) {
        lines.push({
          slot,
          segment,
          line,
          offset: offset + start,
          parsed: parseLine(bytes),
          hash: hashLine(bytes),
          bytes,
          torn: !whole && segment === segments.at(-1),
        });
        line += 1;
      }
      yield lines;
      offset += block.length;
    }
    line = 1;
    offset = 0;
  }
}

/** What can be said of a line for a person to find it. */
export function describe({ slot, segment, line, parsed }: Scanned): Described {
  const place = { slot, segment, line };
  if (typeof parsed === 'string') return place;
  const { sequence } = parsed;
  if (parsed.type !== 'record') {
    return 'time' in parsed ? { ...place, sequence, time: parsed.time } : { ...place, sequence };
  }
  const { eventID, eventTime } = parsed.record;
  return {
    ...place,
    sequence,
    ...(typeof eventID === 'string' && { eventId: eventID }),
    ...(typeof eventTime === 'string' && { time: eventTime }),
  };
}
