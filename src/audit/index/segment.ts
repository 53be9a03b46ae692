import { stat } from 'node:fs/promises';
import { setImmediate as turn } from 'node:timers/promises';
import { parseLine } from '../line.ts';
import { openToRead, readBlocks, splitLines } from '../read.ts';
import { type Chunk, ChunkBuilder } from './chunk.ts';

/** Lines taken before the event loop has its turn: some two milliseconds. */
const linesAtOnce = 256;
/** More than the first line of a segment takes. */
const firstLineBytes = 1_024;

export interface ReadChunk {
  readonly chunk: Chunk;
  readonly bytes: Buffer;
  /** The last one may not be. */
  readonly full: boolean;
  /** How many groups end in it. */
  readonly groups: number;
}

/**
 * Makes chunks of a segment's lines.
 * @param path of the segment
 * @param stream whose lines they are; others are passed over
 * @param from the first byte of a line
 */
export async function* readChunks(path: string, stream: string, from: number): AsyncGenerator<ReadChunk> {
  let builder = new ChunkBuilder(from);
  let groups = 0;
  let lines = 0;
  const finish = (full: boolean): ReadChunk => {
    const made = { ...builder.finish(), full, groups };
    builder = new ChunkBuilder(builder.to);
    groups = 0;
    return made;
  };
  for await (const block of readBlocks(path, from)) {
    for (const { bytes, whole } of splitLines(block)) {
      if (!whole) break;
      const line = parseLine(bytes);
      const known = typeof line === 'object' && line.stream === stream;
      if (known && line.type === 'record') builder.add(line.record, line.sequence, bytes.length);
      else builder.skip(bytes.length + 1);
      if (known && line.type === 'group') groups += 1;
      if (builder.full) yield finish(true);
      lines += 1;
      if (lines % linesAtOnce === 0) await turn();
    }
  }
  if (builder.to > builder.from) yield finish(false);
}

/**
 * How long a segment is, and which file: the same number is soon given to another file, where one was removed.
 * @param path of the segment
 */
export async function lookAt(path: string): Promise<{ readonly size: number; readonly identity: string }> {
  const { size, ino, birthtimeMs } = await stat(path);
  return { size, identity: `${ino} ${birthtimeMs}` };
}

/** @returns the stream that a segment's first line names; `undefined` where there is no such line yet */
export async function streamOf(path: string): Promise<string | undefined> {
  const handle = await openToRead(path);
  try {
    const bytes = Buffer.alloc(firstLineBytes);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    const end = bytes.subarray(0, bytesRead).indexOf(0x0a);
    const line = end === -1 ? 'foreign' : parseLine(bytes.subarray(0, end));
    return typeof line === 'object' ? line.stream : undefined;
  } finally {
    await handle.close();
  }
}
