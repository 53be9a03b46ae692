import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { Chunk, type ChunkHeader, headerBytes, parseHeader } from './chunk.ts';

/** The folder of the index, in the trail's: no slot can have this name. */
export const indexFolder = '.index';

/** The index of one segment: chunks, one behind the other. Named by the stream, which keeps its name when it is moved. */
export function indexPath(folder: string, stream: string, segment: number): string {
  return join(folder, indexFolder, `${stream}-${String(segment).padStart(6, '0')}.idx`);
}

/** A chunk that lies in a file. */
export interface StoredChunk {
  readonly header: ChunkHeader;
  readonly at: number;
}

/**
 * Reads an index as it grows. Nothing in it is believed without its checksum.
 *
 * INVARIANT: the chunks that are taken speak for the segment from its first byte to `end`, with no gap.
 */
export class IndexFile {
  readonly path: string;
  readonly #chunks: StoredChunk[] = [];
  #length = 0;
  /** Where something is that can't be believed: nothing from there on is, until the file was made anew. */
  #bad = Number.POSITIVE_INFINITY;

  constructor(path: string) {
    this.path = path;
  }

  get chunks(): readonly StoredChunk[] {
    return this.#chunks;
  }

  /** Up to where the segment is indexed. */
  get end(): number {
    return this.#chunks.at(-1)?.header.to ?? 0;
  }

  /** How long the file is, as far as it is taken. */
  get length(): number {
    return this.#length;
  }

  /** Believes nothing from this byte of the file on. */
  distrust(at: number): void {
    const kept = this.#chunks.findIndex((chunk) => chunk.at >= at);
    if (kept !== -1) this.#chunks.length = kept;
    this.#length = Math.min(this.#length, at);
    this.#bad = Math.min(this.#bad, at);
  }

  /** Takes what has come since. @param size of the segment, beyond which no chunk can speak */
  async refresh(size: number, handles: Handles): Promise<void> {
    const handle = await handles.open(this.path);
    if (handle === undefined) {
      this.#forget();
      this.#bad = Number.POSITIVE_INFINITY;
      return;
    }
    const bytes = (await handle.stat()).size;
    if (bytes < this.#bad) this.#bad = Number.POSITIVE_INFINITY;
    if (bytes < this.#length || this.end > size) this.#forget();
    const head = Buffer.alloc(headerBytes);
    while (this.#length + headerBytes <= Math.min(bytes, this.#bad)) {
      await handle.read(head, 0, headerBytes, this.#length);
      const header = parseHeader(head);
      if (header === undefined || header.from !== this.end || header.to > size) break;
      if (this.#length + header.bytes > bytes) break;
      this.#chunks.push({ header, at: this.#length });
      this.#length += header.bytes;
    }
  }

  #forget(): void {
    this.#chunks.length = 0;
    this.#length = 0;
  }

  /** @returns `undefined` where it is not whole, and then neither it nor what follows is believed any more */
  async read({ header, at }: StoredChunk, handles: Handles): Promise<Chunk | undefined> {
    const handle = await handles.open(this.path);
    const bytes = Buffer.alloc(header.bytes);
    const read = await handle?.read(bytes, 0, bytes.length, at);
    const chunk = read?.bytesRead === bytes.length ? Chunk.read(bytes) : undefined;
    if (chunk === undefined) this.distrust(at);
    return chunk;
  }
}

const handleLimit = 32;

/** Files that are open while a look-up goes on: the last ones that were used. */
export class Handles {
  readonly #open = new Map<string, FileHandle>();

  /** @returns `undefined` where there is no such file */
  async open(path: string): Promise<FileHandle | undefined> {
    let handle = this.#open.get(path);
    if (handle === undefined) {
      handle = await openFile(path);
      if (handle === undefined) return undefined;
    } else {
      this.#open.delete(path);
    }
    this.#open.set(path, handle);
    if (this.#open.size > handleLimit) {
      for (const [oldest, file] of this.#open) {
        this.#open.delete(oldest);
        await file.close();
        break;
      }
    }
    return handle;
  }

  async close(): Promise<void> {
    for (const handle of this.#open.values()) await handle.close();
    this.#open.clear();
  }
}

async function openFile(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw cause;
  }
}
