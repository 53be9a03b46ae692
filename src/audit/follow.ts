import { open, stat } from 'node:fs/promises';
import { maximalLine, parseLine } from './line.ts';
import { readBlocks, splitLines } from './read.ts';
import { listSegments, listSlots, segmentPath, streamFolder } from './segment.ts';

/** A record as it stands in the trail. */
export type StoredRecord = Readonly<Record<string, unknown>>;

interface Place {
  readonly segment: number;
  /** Behind the last line that was taken. */
  readonly offset: number;
}

/** Reads a trail's records as they come, from all streams, also those that begin meanwhile. */
export class Follower {
  readonly #folder: string;
  readonly #places = new Map<string, Place>();

  /** @param folder the trail's */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The last records there are, oldest first; what comes behind them is for `next`. @throws TrailError */
  async last(records: number): Promise<readonly StoredRecord[]> {
    const found: StoredRecord[] = [];
    for (const slot of await listSlots(this.#folder)) {
      const folder = streamFolder(this.#folder, slot);
      const segments = await listSegments(folder);
      const of: StoredRecord[] = [];
      for (const segment of segments.toReversed()) {
        if (segment !== segments.at(-1) && of.length >= records) break;
        const { records: read, end } = await readLast(segmentPath(folder, segment), records - of.length);
        of.unshift(...read);
        if (segment === segments.at(-1)) this.#places.set(slot, { segment, offset: end });
      }
      found.push(...of);
    }
    return found.sort(byTime).slice(Math.max(0, found.length - records));
  }

  /** What has come since the last call, oldest first. @throws TrailError */
  async next(): Promise<readonly StoredRecord[]> {
    const found: StoredRecord[] = [];
    for (const slot of await listSlots(this.#folder)) {
      const folder = streamFolder(this.#folder, slot);
      const place = this.#places.get(slot);
      for (const segment of await listSegments(folder)) {
        if (place !== undefined && segment < place.segment) continue;
        const path = segmentPath(folder, segment);
        const known = place?.segment === segment ? place.offset : 0;
        const { size } = await stat(path);
        // Shorter than it was: another stream has taken the folder.
        const from = size < known ? 0 : known;
        const { records, end } = await readFrom(path, from);
        found.push(...records);
        this.#places.set(slot, { segment, offset: end });
      }
    }
    return found.sort(byTime);
  }
}

function byTime(a: StoredRecord, b: StoredRecord): number {
  const [one, two] = [String(a.eventTime), String(b.eventTime)];
  return one < two ? -1 : one > two ? 1 : 0;
}

interface Read {
  readonly records: StoredRecord[];
  /** Behind the last whole line. */
  readonly end: number;
}

async function readFrom(path: string, from: number): Promise<Read> {
  const records: StoredRecord[] = [];
  let end = from;
  for await (const block of readBlocks(path, from)) {
    for (const { bytes, whole } of splitLines(block)) {
      if (!whole) break;
      end += bytes.length + 1;
      const line = parseLine(bytes);
      if (typeof line === 'object' && line.type === 'record') records.push(line.record);
    }
  }
  return { records, end };
}

/** @returns the last so many records, or all of the file */
async function readLast(path: string, records: number): Promise<Read> {
  const { size } = await stat(path);
  for (let window = 64 * 1024; ; window *= 4) {
    const from = await lineStart(path, Math.max(0, size - window));
    const read = await readFrom(path, from);
    const surplus = read.records.length - records;
    if (surplus >= 0 || from === 0) return { ...read, records: read.records.slice(Math.max(0, surplus)) };
  }
}

/** @returns the first byte of the first line that begins at this offset or behind it */
async function lineStart(path: string, offset: number): Promise<number> {
  if (offset === 0) return 0;
  const handle = await open(path, 'r');
  try {
    const bytes = Buffer.alloc(maximalLine);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset - 1);
    const newline = bytes.subarray(0, bytesRead).indexOf(0x0a);
    return newline === -1 ? offset + bytesRead : offset + newline;
  } finally {
    await handle.close();
  }
}
