import { constants } from 'node:fs';
import { chmod, mkdir, open, readdir, truncate } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { reasonOf } from '../error.ts';
import { afterMilliseconds, type Schedule } from '../schedule.ts';
import { listSegments, listSlots, segmentPath, streamFolder } from '../segment.ts';
import { chunkBytes, chunkRows } from './chunk.ts';
import { Handles, IndexFile, indexFolder, indexPath } from './file.ts';
import { lookAt, type ReadChunk, readChunks, streamOf } from './segment.ts';

/** What an operator should hear of. Look-ups are right without an index, and slow. */
export type IndexEvent =
  /** Told once, until `recovered`. It is tried again. */
  | { readonly type: 'failed'; readonly reason: string; readonly cause: unknown }
  | { readonly type: 'recovered' };

export interface IndexerOptions {
  /** The trail's. */
  readonly folder: string;
  readonly onEvent?: (event: IndexEvent) => void;
  readonly schedule?: Schedule;
  readonly everyMilliseconds?: number;
}

/** A segment that is written to is read again when it has grown by so much at least. */
const growthBytes = 128 * 1024;
/** Groups that must stand behind a chunk of a segment that is written to: none of its lines is taken back then. */
const confirmations = 2;

/**
 * Keeps the index of a trail, a chunk at a time as its segments grow: one process does, all may look things up. The
 * index can be deleted at any time: it is made anew.
 */
export class Indexer {
  readonly #folder: string;
  readonly #onEvent: (event: IndexEvent) => void;
  readonly #schedule: Schedule;
  readonly #every: number;
  readonly #files = new Map<string, IndexFile>();
  /** The names of the indexes of segments that are closed and indexed to their ends. */
  readonly #done = new Map<string, string>();
  /** How long a segment was when it was last read to no end, and from which length on it is read again. */
  readonly #tried = new Map<string, { readonly size: number; readonly again: number }>();
  #cancel: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();
  #failing = false;
  #closed = false;

  constructor({ folder, onEvent, schedule, everyMilliseconds }: IndexerOptions) {
    this.#folder = folder;
    this.#onEvent = onEvent ?? (() => undefined);
    this.#schedule = schedule ?? afterMilliseconds;
    this.#every = everyMilliseconds ?? 1_000;
  }

  start(): void {
    this.#cancel = this.#schedule(0, () => this.#round());
  }

  #round(): void {
    void this.run().then(() => {
      if (!this.#closed) this.#cancel = this.#schedule(this.#every, () => this.#round());
    });
  }

  /** Indexes what has come since. Never rejects. */
  run(): Promise<void> {
    this.#running = this.#running.then(async () => {
      try {
        await this.#run();
        if (this.#failing) this.#onEvent({ type: 'recovered' });
        this.#failing = false;
      } catch (cause) {
        if (!this.#failing) this.#onEvent({ type: 'failed', reason: reasonOf(cause), cause });
        this.#failing = true;
      }
    });
    return this.#running;
  }

  /** Leaves off at the chunk in hand. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#running;
  }

  async #run(): Promise<void> {
    const index = join(this.#folder, indexFolder);
    const made = await mkdir(index, { recursive: true, mode: 0o700 });
    if (made !== undefined) {
      await chmod(index, 0o700);
      this.#done.clear();
      this.#files.clear();
      this.#tried.clear();
    }
    const handles = new Handles();
    try {
      const there = new Set(await readdir(index));
      for (const slot of await listSlots(this.#folder)) {
        const segments = await listSegments(streamFolder(this.#folder, slot));
        for (const segment of segments) {
          if (this.#closed) return;
          await this.#index(slot, segment, segment !== segments.at(-1), there, handles);
        }
      }
    } finally {
      await handles.close();
    }
  }

  /**
   * @param closed whether nothing more is written to the segment
   * @param there the names of the indexes there are
   */
  async #index(
    slot: string,
    segment: number,
    closed: boolean,
    there: ReadonlySet<string>,
    handles: Handles,
  ): Promise<void> {
    const path = segmentPath(streamFolder(this.#folder, slot), segment);
    const { size, identity } = await lookAt(path);
    const name = `${path} ${identity}`;
    if (there.has(this.#done.get(name) ?? '')) return;
    const tried = this.#tried.get(name);
    if (!closed && tried !== undefined && size >= tried.size && size < tried.again) return;
    const stream = await streamOf(path);
    if (stream === undefined) return;
    const file = await this.#file(indexPath(this.#folder, stream, segment), size, handles);
    const waiting: ReadChunk[] = [];
    if (size > file.end) {
      for await (const chunk of readChunks(path, stream, file.end)) {
        if (this.#closed) return;
        waiting.push(chunk);
        while (isCertain(waiting, closed)) await this.#append(file, waiting.shift());
      }
      if (closed) for (const chunk of waiting) await this.#append(file, chunk);
    }
    // And so much further that what stands behind it makes it certain.
    const again = Math.max(fullAt(waiting[0]), size) + growthBytes;
    this.#tried.set(name, { size, again });
    if (!closed) return;
    this.#done.set(name, basename(file.path));
    this.#tried.delete(name);
    this.#files.delete(file.path);
  }

  /** Opens an index, and cuts off what a crash has left of a chunk, and what is not as it was written. */
  async #file(path: string, size: number, handles: Handles): Promise<IndexFile> {
    const known = this.#files.get(path);
    if (known !== undefined) {
      await known.refresh(size, handles);
      return known;
    }
    const doubtful = new IndexFile(path);
    await doubtful.refresh(size, handles);
    for (const chunk of [...doubtful.chunks]) {
      if ((await doubtful.read(chunk, handles)) === undefined) break;
    }
    if ((await handles.open(path)) !== undefined) await truncate(path, doubtful.length);
    const file = new IndexFile(path);
    await file.refresh(size, handles);
    this.#files.set(path, file);
    return file;
  }

  async #append(file: IndexFile, made: ReadChunk | undefined): Promise<void> {
    if (made === undefined) return;
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
    const handle = await open(file.path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
    try {
      const { size } = await handle.stat();
      try {
        await handle.appendFile(made.bytes);
      } catch (cause) {
        // A full disk takes a part: what is appended behind it later could not be believed.
        await handle.truncate(size);
        throw cause;
      }
    } finally {
      await handle.close();
    }
  }
}

/** Whether the first chunk will never change: in a segment that is written to the last group may be taken back. */
function isCertain([first, ...rest]: readonly ReadChunk[], closed: boolean): boolean {
  if (first === undefined || !first.full) return false;
  return closed || rest.reduce((groups, chunk) => groups + chunk.groups, 0) >= confirmations;
}

/** How long the segment will be when a chunk that has only begun is full, by the length of the lines so far. */
function fullAt(begun: ReadChunk | undefined): number {
  if (begun === undefined || begun.full) return 0;
  const { from, to, rows } = begun.chunk.header;
  return from + Math.min(chunkBytes, ((to - from) * chunkRows) / Math.max(1, rows));
}
