import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { TrailError } from './error.ts';
import { maximalLine, type ParseFailure, parseLine, type TrailLine } from './line.ts';
import { listSegments, segmentPath, streamFolder } from './segment.ts';

/** A line as it stands on disk. */
export interface StoredLine {
  readonly segment: number;
  /** Of its first byte in the segment. */
  readonly offset: number;
  /** Without the newline. */
  readonly bytes: Buffer;
  /** False for what stands behind the last newline of a segment. */
  readonly whole: boolean;
  readonly parsed: TrailLine | ParseFailure;
}

/**
 * Every line of a slot's stream, in order. Lines that are none of a trail's are there too, as such: it is for
 * `verifyChain` to judge them.
 * @throws TrailError `damaged` where a file can't be read or a line is longer than any writer makes it
 */
export async function* readStream(folder: string, slot: string): AsyncGenerator<StoredLine> {
  const stream = streamFolder(folder, slot);
  for (const segment of await listSegments(stream)) {
    let offset = 0;
    for await (const block of readBlocks(segmentPath(stream, segment))) {
      for (const { start, bytes, whole } of splitLines(block)) {
        yield { segment, offset: offset + start, bytes, whole, parsed: parseLine(bytes) };
      }
      offset += block.length;
    }
  }
}

/** The lines of a block, without their newlines: views. The last is not whole where the block ends without one. */
export function* splitLines(block: Buffer): Generator<{ start: number; bytes: Buffer; whole: boolean }> {
  let start = 0;
  while (start < block.length) {
    const newline = block.indexOf(0x0a, start);
    const end = newline === -1 ? block.length : newline;
    yield { start, bytes: block.subarray(start, end), whole: newline !== -1 };
    start = end + 1;
  }
}

const eventIdMember = Buffer.from('"eventID":"', 'latin1');
const uuidLength = 36;
/** For file times that differ from the clock `since` was read from. */
const slackMilliseconds = 5 * 60_000;

/**
 * Which of these event ids have a record in a slot's stream. The answer is durable: what was found has been
 * synchronised to the disk before this resolves.
 * @param since milliseconds since the epoch: segments last written before then are passed over, except the last two
 * @throws TrailError `damaged` where a file can't be read
 */
export async function containsEvents(
  folder: string,
  slot: string,
  eventIds: ReadonlySet<string>,
  since: number,
): Promise<Set<string>> {
  const found = new Set<string>();
  if (eventIds.size === 0) return found;
  const stream = streamFolder(folder, slot);
  const segments = await listSegments(stream);
  for (const [index, number] of segments.entries()) {
    const path = segmentPath(stream, number);
    const handle = await openToRead(path);
    try {
      const recent = (await handle.stat()).mtimeMs >= since - slackMilliseconds;
      if (!recent && index < segments.length - 2) continue;
      const before = found.size;
      for await (const block of readBlocksOf(handle, path)) findEvents(block, eventIds, found);
      if (found.size > before) await handle.datasync();
    } finally {
      await handle.close();
    }
  }
  return found;
}

/** Looks for the member's bytes first: few lines need to be parsed. */
function findEvents(block: Buffer, eventIds: ReadonlySet<string>, found: Set<string>): void {
  for (let at = block.indexOf(eventIdMember); at !== -1; at = block.indexOf(eventIdMember, at + 1)) {
    const value = at + eventIdMember.length;
    const id = block.toString('latin1', value, value + uuidLength);
    if (!eventIds.has(id) || found.has(id)) continue;
    const end = block.indexOf(0x0a, at);
    if (end === -1) continue;
    // An encryption context may hold a member of that name: only the record's own counts.
    const line = parseLine(block.subarray(block.lastIndexOf(0x0a, at) + 1, end));
    if (typeof line === 'object' && line.type === 'record' && line.record.eventID === id) found.add(id);
  }
}

/** @throws TrailError `damaged` */
export async function openToRead(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    throw new TrailError('damaged', `can't read the trail's file \`${path}\`: see to its mode`, { cause });
  }
}

/**
 * A file of lines in blocks of whole lines; the last may lack its newline.
 * @param from where to begin: the first byte of a line
 * @throws TrailError `damaged` where it can't be read or a line is longer than any writer makes it
 */
export async function* readBlocks(path: string, from = 0): AsyncGenerator<Buffer> {
  const handle = await openToRead(path);
  try {
    yield* readBlocksOf(handle, path, from);
  } finally {
    await handle.close();
  }
}

async function* readBlocksOf(handle: FileHandle, path: string, from = 0): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  let position = from;
  for (;;) {
    const block = Buffer.allocUnsafe(rest.length + maximalLine);
    rest.copy(block);
    const { bytesRead } = await handle.read(block, rest.length, maximalLine, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const filled = block.subarray(0, rest.length + bytesRead);
    const end = filled.lastIndexOf(0x0a) + 1;
    if (end > 0) yield filled.subarray(0, end);
    rest = filled.subarray(end);
    if (rest.length > maximalLine) {
      throw new TrailError('damaged', `the trail's file \`${path}\` holds a line longer than 1 MiB`);
    }
  }
  if (rest.length > 0) yield rest;
}
