import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { TrailError } from './error.ts';
import { type Head, hashLine, maximalLine, origin, parseLine, type TrailLine } from './line.ts';
import { segmentPath } from './segment.ts';

/** No group is longer than this: what one write may leave torn. */
export const maximalGroup = 3 * maximalLine;

/** How a stream's last segment ends. */
export interface Tail {
  readonly segment: number;
  /** `undefined` where no line was ever whole. */
  readonly stream: string | undefined;
  readonly head: Head;
  /** Where the last whole line ends: how long the segment is to be. */
  readonly end: number;
  readonly lastType: TrailLine['type'] | undefined;
  /** What follows the last whole line, if anything does. */
  readonly torn: { readonly bytes: number; readonly sha256: string } | undefined;
}

/**
 * Finds where a stream goes on after a crash: behind its last line that is whole and chained.
 *
 * What one unfinished write can explain is torn: at most one group's bytes, with no end of a group before the
 * very end. Anything else that is wrong was not done by a crash, and is refused rather than cut.
 *
 * @param numbers the segments there are, ascending
 * @returns `undefined` where there is no segment
 * @throws TrailError `damaged`
 */
export async function readTail(streamFolder: string, numbers: readonly number[]): Promise<Tail | undefined> {
  const last = numbers.at(-1);
  if (last === undefined) return undefined;
  const found = await readEnd(segmentPath(streamFolder, last));
  if (found.line !== undefined) return { segment: last, ...found, ...found.line };
  // The last segment was made, and its first write torn: the chain stands at the end of the one before.
  const before = numbers.at(-2);
  if (before === undefined) {
    if (last === 1)
      return { segment: 1, stream: undefined, head: origin, end: 0, lastType: undefined, torn: found.torn };
    throw damaged(segmentPath(streamFolder, last), 'has no whole line and the segment before it is gone');
  }
  const path = segmentPath(streamFolder, before);
  const closed = await readEnd(path);
  if (closed.line === undefined || closed.torn !== undefined)
    throw damaged(path, 'does not end in a whole line');
  return { ...closed.line, segment: last, end: 0, torn: found.torn };
}

interface End {
  readonly line:
    | { readonly stream: string; readonly head: Head; readonly lastType: TrailLine['type'] }
    | undefined;
  readonly end: number;
  readonly torn: Tail['torn'];
}

async function readEnd(path: string): Promise<End> {
  let read: { bytes: Buffer; from: number };
  try {
    read = await readLast(path, maximalGroup + maximalLine);
  } catch (cause) {
    throw damaged(path, "can't be read", cause);
  }
  return findEnd(path, read.bytes, read.from);
}

/** @returns the file's last bytes, and the offset of the first of them */
async function readLast(path: string, length: number): Promise<{ bytes: Buffer; from: number }> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await handle.stat();
    const from = Math.max(0, size - length);
    const bytes = Buffer.allocUnsafe(size - from);
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await handle.read(bytes, done, bytes.length - done, from + done);
      if (bytesRead === 0) throw new Error('it grew shorter while it was read');
      done += bytesRead;
    }
    return { bytes, from };
  } finally {
    await handle.close();
  }
}

/** @param bytes the end of the file, from offset `from` */
function findEnd(path: string, bytes: Buffer, from: number): End {
  let start = from === 0 ? 0 : bytes.indexOf(0x0a) + 1;
  let line: TrailLine | undefined;
  let hash = '';
  for (;;) {
    const newline = bytes.indexOf(0x0a, start);
    if (newline === -1) break;
    const text = bytes.subarray(start, newline);
    const parsed = parseLine(text);
    if (parsed === 'foreign')
      throw damaged(path, `holds a line that is none of a trail's at byte ${from + start}`);
    if (parsed === 'not-json') break;
    const follows =
      line === undefined
        ? from > 0 || parsed.type === 'segment'
        : parsed.previous === hash && parsed.sequence === line.sequence + 1 && parsed.stream === line.stream;
    if (!follows) break;
    line = parsed;
    hash = hashLine(text);
    start = newline + 1;
  }
  const torn = describeTorn(path, bytes.subarray(start));
  if (line === undefined) {
    if (from > 0) throw damaged(path, 'has no whole line in its last 4 MiB');
    return { line, end: 0, torn };
  }
  const head = { sequence: line.sequence, hash };
  return { line: { stream: line.stream, head, lastType: line.type }, end: from + start, torn };
}

function describeTorn(path: string, bytes: Buffer): Tail['torn'] {
  if (bytes.length === 0) return undefined;
  if (bytes.length > maximalGroup) throw damaged(path, 'is damaged further back than one write can explain');
  let start = 0;
  for (;;) {
    const newline = bytes.indexOf(0x0a, start);
    if (newline === -1 || newline === bytes.length - 1) break;
    const line = parseLine(bytes.subarray(start, newline));
    if (typeof line === 'object' && line.type === 'group') {
      throw damaged(path, 'is damaged before the end of a group that was finished');
    }
    start = newline + 1;
  }
  return { bytes: bytes.length, sha256: hash('sha256', bytes, 'hex') };
}

function damaged(path: string, what: string, cause?: unknown): TrailError {
  return new TrailError(
    'damaged',
    `the trail's file \`${path}\` ${what}: move the stream's folder aside to begin a new stream, and keep it`,
    { cause },
  );
}
