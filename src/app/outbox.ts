import type { Logger } from 'pino';
import { decided } from '../audit/error.ts';
import type { Trail } from '../audit/record.ts';
import type { PendingRecord, StoreWriter } from '../store/store.ts';

/** How many records go to the trail together. */
const batch = 256;
const retryMilliseconds = 500;
const closeMilliseconds = 10_000;
/** Segments of the trail are told apart by the machine's clock, records by the injected one. */
const slackMilliseconds = 3_600_000;

/** Which of these event ids stand in the primary's stream since that time. */
export type ContainsEvents = (ids: Set<string>, since: number) => Promise<Set<string>>;

/**
 * Brings the records of changes from the store's outbox to the trail. A record is durable from the moment its
 * change is, here or there; a crash in between leaves it in both for a moment, which the next start mends.
 */
export class Outbox {
  readonly #store: Pick<StoreWriter, 'pendingRecords' | 'removeRecords'>;
  readonly #trail: Trail;
  readonly #containsEvents: ContainsEvents;
  readonly #log: Logger;
  /** Rows whose record is in the trail and that could not be removed yet. */
  readonly #inTrail = new Set<number>();
  /** Whether rows of a process before this may be in the trail: until a look has found no more than one batch. */
  #doubt = true;
  #running: Promise<void> | undefined;
  #again = false;
  #closing = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    store: Pick<StoreWriter, 'pendingRecords' | 'removeRecords'>,
    trail: Trail,
    containsEvents: ContainsEvents,
    log: Logger,
  ) {
    this.#store = store;
    this.#trail = trail;
    this.#containsEvents = containsEvents;
    this.#log = log;
  }

  /** Brings over what is there; again where more came meanwhile. Never rejects: it tries again by itself. */
  drain(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      while (this.#again) {
        this.#again = false;
        for (;;) {
          const rows = await this.#store.pendingRecords(batch);
          if (rows.length === 0) break;
          await this.#bring(rows);
        }
      }
    } catch (cause) {
      this.#log.error(
        { err: cause },
        'records wait in the outbox: the trail or the store could not be written',
      );
      if (!this.#closing) this.#retry = setTimeout(() => void this.drain(), retryMilliseconds);
    }
  }

  async #bring(rows: readonly PendingRecord[]): Promise<void> {
    if (this.#doubt) await this.#recognise(rows);
    const missing = rows.filter(({ id }) => !this.#inTrail.has(id));
    // INVARIANT: an append is over when it is certain whether the trail has the record, however long its disk hangs:
    // appended again it would count twice, removed unwritten it would be lost.
    const settled = await Promise.allSettled(
      missing.map(({ record }) => this.#trail.append(record).catch(decided)),
    );
    const failures: unknown[] = [];
    for (const [index, { id }] of missing.entries()) {
      const result = settled[index];
      if (result?.status === 'fulfilled') this.#inTrail.add(id);
      else failures.push(result?.reason);
    }
    const done = rows.map(({ id }) => id).filter((id) => this.#inTrail.has(id));
    if (done.length > 0) {
      await this.#store.removeRecords(done);
      for (const id of done) this.#inTrail.delete(id);
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Finds out which of the rows the trail has already. */
  async #recognise(rows: readonly PendingRecord[]): Promise<void> {
    const oldest = Math.min(...rows.map(({ record }) => Date.parse(record.eventTime)));
    const ids = new Set(rows.map(({ record }) => record.eventID));
    const there = await this.#containsEvents(ids, oldest - slackMilliseconds);
    for (const { id, record } of rows) if (there.has(record.eventID)) this.#inTrail.add(id);
    // Rows beyond this batch are as doubtful, until a batch was not full.
    this.#doubt = rows.length === batch;
  }

  /** Brings over what it can in a while; the next start does the rest. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, closeMilliseconds);
    });
    await Promise.race([this.drain(), late]);
    clearTimeout(timer);
  }
}
