import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import type { StreamHead } from './checkpoint.ts';
import { listSegments, listSlots, segmentPath, streamFolder } from './segment.ts';
import { readTail } from './tail.ts';

/** What a stream that nobody writes comes to, or why it can't be said. */
export type QuietHead =
  | { readonly type: 'head'; readonly head: StreamHead }
  | { readonly type: 'unreadable'; readonly slot: string; readonly cause: unknown };

/**
 * Reads where the streams stand that no process writes. One that is being written is left to its writer: what can be
 * read of its file may not be durable, and may yet be taken back.
 */
export class QuietHeads {
  readonly #folder: string;
  /** What a slot's files looked like when they were read: nothing is read again that looks the same. */
  readonly #known = new Map<string, { readonly state: string; readonly head: StreamHead | undefined }>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param written slots to leave out @returns heads whose lines are all durable */
  async read(written: ReadonlySet<string>): Promise<QuietHead[]> {
    const found: QuietHead[] = [];
    for (const slot of await listSlots(this.#folder)) {
      if (written.has(slot)) continue;
      try {
        const head = await this.#readHead(slot);
        if (head !== undefined) found.push({ type: 'head', head });
      } catch (cause) {
        found.push({ type: 'unreadable', slot, cause });
      }
    }
    return found;
  }

  async #readHead(slot: string): Promise<StreamHead | undefined> {
    const folder = streamFolder(this.#folder, slot);
    const segments = await listSegments(folder);
    const last = segments.at(-1);
    if (last === undefined) return undefined;
    const handle = await open(segmentPath(folder, last), constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const { size, mtimeMs } = await handle.stat();
      const state = `${last} ${size} ${mtimeMs}`;
      const known = this.#known.get(slot);
      if (known?.state === state) return known.head;
      const tail = await readTail(folder, segments);
      // Its writer may have died between a write and its word that it is durable.
      await handle.datasync();
      const head =
        tail?.stream === undefined || tail.head.sequence === 0
          ? undefined
          : { slot, stream: tail.stream, segment: last, ...tail.head };
      this.#known.set(slot, { state, head });
      return head;
    } finally {
      await handle.close();
    }
  }
}
