import type { Logger } from 'pino';
import type { Trail } from '../audit/record.ts';
import type { StoreWriter } from '../store/store.ts';

/** How many records go to the trail together. */
const batch = 256;
const retryMilliseconds = 500;

/**
 * Brings the records of changes from the store's outbox to the trail. A record is durable from the moment its
 * change is, here or there; a crash in between leaves it in both for a moment, which the start mends.
 */
export class Outbox {
  readonly #store: StoreWriter;
  readonly #trail: Trail;
  readonly #log: Logger;
  #running: Promise<void> | undefined;
  #again = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(store: StoreWriter, trail: Trail, log: Logger) {
    this.#store = store;
    this.#trail = trail;
    this.#log = log;
  }

  /**
   * At start, before any drain: takes out what the trail has already.
   * @param containsEvents which of these event ids stand in the primary's stream since that time
   */
  async recover(containsEvents: (ids: Set<string>, since: number) => Promise<Set<string>>): Promise<void> {
    for (;;) {
      const rows = await this.#store.pendingRecords(batch);
      if (rows.length === 0) return;
      const oldest = Math.min(...rows.map(({ record }) => Date.parse(record.eventTime)));
      // An hour of slack: segments are told apart by the machine's clock, records by the injected one.
      const there = await containsEvents(
        new Set(rows.map(({ record }) => record.eventID)),
        oldest - 3_600_000,
      );
      const missing = rows.filter(({ record }) => !there.has(record.eventID));
      await Promise.all(missing.map(({ record }) => this.#trail.append(record)));
      await this.#store.removeRecords(rows.map(({ id }) => id));
    }
  }

  /** Brings over what is there; again where more came meanwhile. Never rejects: it tries again by itself. */
  drain(): Promise<void> {
    if (this.#running !== undefined) {
      this.#again = true;
      return this.#running;
    }
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      do {
        this.#again = false;
        for (;;) {
          const rows = await this.#store.pendingRecords(batch);
          if (rows.length === 0) break;
          const settled = await Promise.allSettled(rows.map(({ record }) => this.#trail.append(record)));
          // INVARIANT: what append rejected is not in the trail, what it accepted is: only the latter leaves.
          const done = rows.filter((_, index) => settled[index]?.status === 'fulfilled').map(({ id }) => id);
          if (done.length > 0) await this.#remove(done);
          const failed = settled.find((result) => result.status === 'rejected');
          if (failed !== undefined) throw failed.reason;
        }
      } while (this.#again);
    } catch (cause) {
      this.#log.error(
        { err: cause },
        'records wait in the outbox: the trail or the store could not be written',
      );
      this.#retry = setTimeout(() => void this.drain(), retryMilliseconds);
    }
  }

  /** A record that is in the trail must leave the outbox before anything else is drained, or it counts twice. */
  async #remove(ids: readonly number[]): Promise<void> {
    for (;;) {
      try {
        return await this.#store.removeRecords(ids);
      } catch (cause) {
        this.#log.error({ err: cause }, 'the outbox can not be emptied: trying again');
        await new Promise((resolve) => setTimeout(resolve, retryMilliseconds));
      }
    }
  }

  async close(): Promise<void> {
    await this.drain();
    clearTimeout(this.#retry);
  }
}
