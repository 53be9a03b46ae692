/** Where a record stands among all: newest first. */
export interface Position {
  /** Seconds since the epoch. */
  readonly time: number;
  readonly stream: string;
  readonly sequence: number;
}

/** @returns less than zero where `a` comes first */
export function comparePositions(a: Position, b: Position): number {
  if (a.time !== b.time) return b.time - a.time;
  if (a.stream !== b.stream) return a.stream < b.stream ? 1 : -1;
  return b.sequence - a.sequence;
}

/** The first so many of all that are offered, in order. */
export class Best<T extends Position> {
  readonly #limit: number;
  readonly #items: T[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  get full(): boolean {
    return this.#items.length === this.#limit;
  }

  /** The last, once there is no room: what comes behind it is not wanted. */
  get last(): T | undefined {
    return this.full ? this.#items.at(-1) : undefined;
  }

  offer(item: T): void {
    const { last } = this;
    if (last !== undefined && comparePositions(item, last) >= 0) return;
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = this.#items[middle];
      const order = there === undefined ? -1 : comparePositions(item, there);
      // A stream that was copied within the folder has every record twice.
      if (order === 0) return;
      if (order < 0) high = middle;
      else low = middle + 1;
    }
    this.#items.splice(low, 0, item);
    if (this.#items.length > this.#limit) this.#items.pop();
  }
}
