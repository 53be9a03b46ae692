import type { Clock } from '../clock.ts';
import { TrailError, TrailUndecided } from './error.ts';
import { maximalLine } from './line.ts';

/** UTF-16 units of records in one group. */
const groupUnits = maximalLine / 3;
/** And in all that waits. */
const queueUnits = 64 * 1024 * 1024;

interface Outcome {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Records that become durable together: one promise for all of them. */
interface Group extends Outcome {
  readonly records: string[];
  units: number;
  /** Set when the appenders have been told that nobody knows: what it comes to in the end. */
  later: Outcome | undefined;
}

export interface QueueOptions {
  readonly clock: Clock;
  readonly gatherMilliseconds: number;
  readonly gatherRecords: number;
  /** A flush under way for this long has hung. */
  readonly stallMilliseconds: number;
  /** And after this long its appenders are told that nobody knows. */
  readonly giveUpMilliseconds: number;
  /** Makes a group durable, or rejects. One is under way at a time. */
  readonly flush: (records: readonly string[]) => Promise<void>;
  /** A flush has hung, and nothing more is to be added until it returns. @returns what those who wait are told */
  readonly stalled: (milliseconds: number) => TrailError;
}

/**
 * Gathers records into groups and flushes one group after the other.
 *
 * INVARIANT: a flush that hangs keeps nobody waiting. A record that was not handed to it is refused for certain; one
 * that was is reported as of unknown outcome, since the write can neither be taken back nor be waited for. So a
 * record may come to stand in the trail whose request was answered with a failure: the trail may hold more than was
 * answered, never less.
 */
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
  /** The group that is being flushed. */
  #flying: Group | undefined;
  #stalled = false;
  /** Looks at the flush under way now and then: a timer for each would be noticed under load. */
  #watch: NodeJS.Timeout | undefined;
  #abandon: (() => void) | undefined;

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

  /** Refuses what comes, and waits for what is there, for ever where a flush hangs. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#hurry?.();
    await this.#running;
  }

  /** Resolves when the flush under way is given up, or was. */
  abandoned(): Promise<void> {
    return new Promise((resolve) => {
      this.#abandon = resolve;
      if (this.#flying?.later !== undefined) resolve();
    });
  }

  #addGroup(): Group {
    const group: Group = { records: [], units: 0, later: undefined, ...Promise.withResolvers<void>() };
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
      this.#flying = group;
      this.#watchFor(this.#options.stallMilliseconds);
      try {
        await this.#options.flush(group.records);
        (group.later ?? group).resolve();
      } catch (error) {
        (group.later ?? group).reject(error);
      }
      this.#flying = undefined;
      this.#stalled = false;
      if (this.#groups.length === 0) break;
    }
    this.#running = undefined;
  }

  #watchFor(milliseconds: number): void {
    this.#watch ??= setTimeout(() => {
      // Timers come first after the process was stopped: what the disk has answered meanwhile is to be heard before.
      setImmediate(() => {
        this.#watch = undefined;
        if (this.#flying !== undefined) this.#judge(this.#flying);
      });
    }, milliseconds).unref();
  }

  #judge(flying: Group): void {
    const { clock, stallMilliseconds, giveUpMilliseconds, stalled } = this.#options;
    const age = clock.monotonic() - this.#lastBegan;
    if (!this.#stalled && age >= stallMilliseconds) {
      this.#stalled = true;
      const error = stalled(age);
      for (const group of this.#groups.splice(0)) group.reject(error);
      this.#units = 0;
    }
    if (flying.later === undefined && age >= giveUpMilliseconds) {
      flying.later = Promise.withResolvers<void>();
      flying.reject(new TrailUndecided(flying.later.promise));
      this.#abandon?.();
    }
    if (flying.later === undefined)
      this.#watchFor((this.#stalled ? giveUpMilliseconds : stallMilliseconds) - age);
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
