import { constants, write } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TrailError } from './error.ts';

/** The files of a stream: `<folder>/<slot>/000001.jsonl` and on. */

const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_DSYNC | constants.O_NOFOLLOW;

const slotName = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** @throws TrailError where the slot's name is no plain folder name */
export function streamFolder(folder: string, slot: string): string {
  if (!slotName.test(slot)) {
    throw new TrailError('damaged', `\`${slot}\` is no name for a slot of the trail: use a-z, 0-9 and -`);
  }
  return join(folder, slot);
}

export function segmentPath(streamFolder: string, number: number): string {
  return join(streamFolder, `${String(number).padStart(6, '0')}.jsonl`);
}

/**
 * The slots that have a folder in the trail's, in order, written to or not: what was moved aside within it too.
 * @throws TrailError `damaged` where the trail's folder can't be read
 */
export async function listSlots(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory() && slotName.test(entry.name));
    return folders.map(({ name }) => name).sort();
  } catch (cause) {
    throw new TrailError('damaged', `can't read the trail's folder \`${folder}\`: see to its mode`, {
      cause,
    });
  }
}

/** The numbers of the segments there are, ascending; none where there is no folder. */
export async function listSegments(streamFolder: string): Promise<number[]> {
  let names: string[];
  try {
    names = await readdir(streamFolder);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return [];
    throw new TrailError('damaged', `can't read the trail's folder \`${streamFolder}\`: see to its mode`, {
      cause,
    });
  }
  return names
    .flatMap((name) => (/^\d{6,15}\.jsonl$/.test(name) ? [Number.parseInt(name, 10)] : []))
    .sort((a, b) => a - b);
}

/** Makes the folder (and those above it), mode 0700 whatever the umask, durably. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; ; made = dirname(made)) {
    await chmod(made, 0o700);
    await syncFolder(dirname(made));
    if (made === first || made === dirname(made)) return;
  }
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * One file of a stream, open for appending.
 *
 * A write is durable when it returns (O_DSYNC: one trip to the thread pool, and cheaper than `fdatasync` after
 * it). After one that failed nobody knows which of its pages reached the disk, and asking again would answer
 * "all well" (the kernel reports a failed write-back once). So nothing of it is kept: `cut` takes the file back
 * to its last durable length, which drops those pages; the one page shared with durable bytes is dirtied and
 * written whole by the next write, whose success then speaks for it.
 */
export class Segment {
  readonly number: number;
  readonly #handle: FileHandle;
  #length: number;
  #dirty = false;

  private constructor(number: number, handle: FileHandle, length: number) {
    this.number = number;
    this.#handle = handle;
    this.#length = length;
  }

  /** Opens the segment that is there, and makes durable what it holds. */
  static async open(streamFolder: string, number: number, length: number): Promise<Segment> {
    const handle = await open(segmentPath(streamFolder, number), flags);
    try {
      const segment = new Segment(number, handle, length);
      if ((await handle.stat()).size !== length) await segment.#takeBack();
      else await handle.datasync();
      return segment;
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }

  /** Makes the segment, empty, mode 0600 whatever the umask; the folder's entry is durable. */
  static async create(streamFolder: string, number: number): Promise<Segment> {
    const path = segmentPath(streamFolder, number);
    const handle = await open(path, flags | constants.O_CREAT, 0o600);
    try {
      // An empty one may be there: made by an attempt that failed on the way.
      if ((await handle.stat()).size !== 0) {
        throw new TrailError(
          'damaged',
          `\`${path}\` is there already: is another process writing this trail?`,
        );
      }
      await handle.chmod(0o600);
      await handle.sync();
      await syncFolder(streamFolder);
      // Its own entry too: who made the folder may have been killed before that was durable.
      await syncFolder(dirname(streamFolder));
      return new Segment(number, handle, 0);
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }

  /** In bytes, all of them durable. */
  get length(): number {
    return this.#length;
  }

  /** Appends; all of it is durable when this resolves. When it rejects, `cut` must succeed before the next. */
  async write(bytes: Buffer): Promise<void> {
    if (this.#dirty) throw new TrailError('unwritable', 'a failed write has not been cut off yet');
    this.#dirty = true;
    let done = 0;
    // A short write is no error of its own: writing the rest says what is wrong.
    while (done < bytes.length) done += await this.#append(bytes, done);
    this.#length += bytes.length;
    this.#dirty = false;
  }

  /** Takes back what a failed write may have left. */
  async cut(): Promise<void> {
    if (!this.#dirty) return;
    await this.#takeBack();
    this.#dirty = false;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  #append(bytes: Buffer, from: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#handle.fd, bytes, from, bytes.length - from, null, (error, written) => {
        if (error !== null) reject(error);
        else if (written === 0) reject(new TrailError('unwritable', 'the disk took no bytes'));
        else resolve(written);
      });
    });
  }

  async #takeBack(): Promise<void> {
    await this.#handle.truncate(this.#length);
    await this.#handle.datasync();
  }
}
