import type { Clock } from '../clock.ts';
import { TrailError } from './error.ts';
import { maximalLine } from './line.ts';

/** UTF-16 units of records in one group. */
const groupUnits = maximalLine / 3;
/** And in all that waits. */
const queueUnits = 64 * 1024 * 1024;

/** Records that become durable together: one promise for all of them. */
interface Group {
  readonly records: string[];
  units: number;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface QueueOptions {
  readonly clock: Clock;
  readonly gatherMilliseconds: number;
  readonly gatherRecords: number;
  /** Makes a group durable, or rejects. One is under way at a time. */
  readonly flush: (records: readonly string[]) => Promise<void>;
}

/** Gathers records into groups and flushes one group after the other. */
export class Queue {
  readonly #options: QueueOptions;
  readonly #groups: Group[] = [];
  #units = 0;
  #running: Promise<void> | undefined;
  #closed = false;
  /** Ends the gathering early; set while it goes on. */
  #hurry: (() => void) | undefined;
  #lastBegan = Number.NEGATIVE_INFINITY;
  #lastRecords = 0;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  /** @param json a record @returns the promise of its group */
  add(json: string): Promise<void> {
    if (this.#closed) return Promise.reject(new TrailError('closed', 'the trail is closed'));
    if (this.#units + json.length > queueUnits) {
      return Promise.reject(new TrailError('overloaded', 'too many records wait for the trail'));
    }
    let group = this.#groups.at(-1);
    if (group === undefined || group.units + json.length > groupUnits) group = this.#addGroup();
    group.records.push(json);
    group.units += json.length;
    this.#units += json.length;
    if (group.records.length >= this.#options.gatherRecords) this.#hurry?.();
    return group.promise;
  }

  /** Has a flush done also if there is no record. */
  addEmpty(): Promise<void> {
    if (this.#closed) return Promise.reject(new TrailError('closed', 'the trail is closed'));
    const group = this.#groups.at(-1) ?? this.#addGroup();
    return group.promise;
  }

  /** Refuses what comes, and waits for what is there. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#hurry?.();
    await this.#running;
  }

  #addGroup(): Group {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const group: Group = { records: [], units: 0, promise, resolve, reject };
    this.#groups.push(group);
    this.#running ??= this.#run();
    return group;
  }

  async #run(): Promise<void> {
    // Answers that came in one turn of the event loop share a group.
    await new Promise(setImmediate);
    for (;;) {
      await this.#gather();
      const group = this.#groups.shift();
      if (group === undefined) break;
      this.#units -= group.units;
      this.#lastBegan = this.#options.clock.monotonic();
      this.#lastRecords = group.records.length;
      try {
        await this.#options.flush(group.records);
        group.resolve();
      } catch (error) {
        group.reject(error);
      }
      if (this.#groups.length === 0) break;
    }
    this.#running = undefined;
  }

  async #gather(): Promise<void> {
    if (this.#lastRecords <= 1 || this.#closed) return;
    const [first] = this.#groups;
    if (this.#groups.length !== 1 || (first?.records.length ?? 0) >= this.#options.gatherRecords) return;
    const { clock, gatherMilliseconds } = this.#options;
    const wait = this.#lastBegan + gatherMilliseconds - clock.monotonic();
    // A timer can't be set for less than a millisecond.
    if (wait < 0.5) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = undefined;
  }
}
