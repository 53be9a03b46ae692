import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import type { StreamHead } from '../audit/checkpoint.ts';
import type { Trail } from '../audit/record.ts';
import type { Clock } from '../clock.ts';
import { encryptionLimit } from '../keys/encryptions.ts';
import type { ChangeOutcome, ChangeRecord, ChangeWriter, Invalidation } from '../keys/repository.ts';
import { aggregate, type Metrics, type MetricsSnapshot } from '../metrics/registry.ts';
import { internalError } from '../operations/failure.ts';
import type { Change, StoreWriter } from '../store/store.ts';
import { leaseEveryMilliseconds, leaseMilliseconds } from './lease.ts';
import type { PrimaryMessage, WorkerMessage } from './message.ts';
import type { Outbox } from './outbox.ts';
import { UseRecorder } from './use-recorder.ts';

/** How long a worker is waited for that is asked for something. */
const answerMilliseconds = 2_000;
const respawnMilliseconds = [0, 250, 500, 1_000, 2_000, 5_000, 10_000] as const;
const wellMilliseconds = 30_000;

interface Member {
  readonly slot: string;
  readonly worker: Worker;
  listening: boolean;
  /** The number of the last change it has taken. */
  taken: number;
}

export interface NodeParts {
  readonly store: StoreWriter;
  readonly trail: Trail;
  readonly outbox: Outbox;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** A worker's stream has begun another segment. */
  readonly onRotated: () => void;
}

/**
 * The workers of a node and what they see: makes changes one after the other, and reports one made only when
 * every worker has taken it, or can't serve without having taken it (lease.ts).
 */
export class Node implements ChangeWriter<Change> {
  readonly #members = new Map<number, Member>();
  readonly #parts: NodeParts;
  readonly #takers = new Set<() => void>();
  readonly #uses: UseRecorder;
  /** Told that a worker's last uses are in the store, by the number of the question. */
  readonly #gathering = new Map<number, (answer: undefined) => void>();
  readonly #scrapes = new Map<number, (metrics: MetricsSnapshot) => void>();
  readonly #heads = new Map<number, (head: StreamHead | undefined) => void>();
  /** Told the URL of a worker, by its id, when it listens. */
  readonly #awaited = new Map<number, (url: string) => void>();
  #nextQuestion = 1;
  #leases: NodeJS.Timeout | undefined;
  #closing = false;
  #port = 0;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.#uses = new UseRecorder(parts.store, parts.log);
    cluster.on('message', (worker, message: WorkerMessage) => this.#hear(worker, message));
  }

  /**
   * Starts the workers.
   * @param port the one they share: the same for one that starts again @returns the URL they serve on, when all do
   */
  async start(workers: number, port: number): Promise<string> {
    this.#port = port;
    cluster.setupPrimary({ execArgv: process.execArgv, serialization: 'advanced' });
    this.#leases = setInterval(() => {
      for (const member of this.#members.values()) if (member.listening) this.#say(member, this.#lease());
    }, leaseEveryMilliseconds);
    const urls = Array.from({ length: workers }, (_, index) => this.#start(`worker-${index + 1}`));
    return (await Promise.all(urls))[0] ?? '';
  }

  async apply(change: Change, record: ChangeRecord): Promise<ChangeOutcome> {
    // Nothing may change that can't be recorded.
    if (!this.#parts.trail.writable)
      throw internalError('the trail can not be written, so nothing is changed');
    const { outcome, invalidation } = await this.#parts.store.apply(change, record);
    if (record !== undefined && outcome.type === 'done') void this.#parts.outbox.drain();
    if (invalidation !== undefined) await this.#spread(invalidation);
    return outcome;
  }

  /** Where the streams of the workers stand, by slot: `undefined` for one that doesn't say. */
  async heads(): Promise<ReadonlyMap<string, StreamHead | undefined>> {
    const asked = [...this.#members.values()].map(async (member) => {
      const head = await this.#head(member);
      return [member.slot, head] as const;
    });
    return new Map(await Promise.all(asked));
  }

  reload(): void {
    for (const member of this.#members.values()) this.#say(member, { type: 'reload' });
  }

  /** Lets every worker answer what it has begun. */
  async close(graceMilliseconds: number): Promise<void> {
    this.#closing = true;
    // A worker's last words come before its pipe is closed, and may come after its end is known.
    const ended = [...this.#members.values()].flatMap(({ worker }) => [
      new Promise((resolve) => worker.once('exit', resolve)),
      new Promise((resolve) => worker.once('disconnect', resolve)),
    ]);
    for (const member of this.#members.values()) this.#say(member, { type: 'close' });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, graceMilliseconds);
    });
    await Promise.race([Promise.all(ended), late]);
    clearTimeout(timer);
    clearInterval(this.#leases);
    for (const { worker } of this.#members.values()) worker.process.kill('SIGKILL');
  }

  #lease(): PrimaryMessage {
    return { type: 'lease', at: this.#parts.clock.monotonic() };
  }

  /** Starts a worker for a slot, and again whenever it dies. @returns its URL, when it serves for the first time */
  #start(slot: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let url: string | undefined;
      let failures = 0;
      const fork = () => {
        const begun = this.#parts.clock.monotonic();
        const worker = cluster.fork({ COFFER_SLOT: slot, COFFER_PORT: this.#port });
        const member: Member = { slot, worker, listening: false, taken: 0 };
        this.#members.set(worker.id, member);
        worker.on('error', (cause) =>
          this.#parts.log.warn({ slot, err: cause }, 'the pipe to an API process broke'),
        );
        this.#awaited.set(worker.id, (served) => {
          url = served;
          resolve(served);
        });
        worker.once('exit', (code, signal) => {
          this.#members.delete(worker.id);
          this.#awaited.delete(worker.id);
          for (const check of this.#takers) check();
          if (this.#closing) return;
          if (url === undefined) {
            return reject(
              new Error(
                `the API process ${slot} ended before it served (${signal ?? `code ${code}`}): see its log above`,
              ),
            );
          }
          failures = this.#parts.clock.monotonic() - begun > wellMilliseconds ? 0 : failures + 1;
          const wait = respawnMilliseconds[Math.min(failures - 1, respawnMilliseconds.length - 1)] ?? 0;
          this.#parts.log.error({ slot, code, signal, wait }, 'an API process ended: starting it again');
          setTimeout(() => this.#closing || fork(), wait);
        });
      };
      fork();
    });
  }

  #say({ worker }: Member, message: PrimaryMessage): void {
    // With a callback a pipe whose other end has just died is no event that nobody hears: `exit` follows.
    if (worker.isConnected()) worker.send(message, () => undefined);
  }

  #hear(worker: Worker, message: WorkerMessage): void {
    const member = this.#members.get(worker.id);
    if (member === undefined) return;
    switch (message.type) {
      case 'listening':
        // INVARIANT: no lease before this: from here on changes wait for this worker.
        member.listening = true;
        this.#say(member, this.#lease());
        this.#awaited.get(worker.id)?.(message.url);
        this.#awaited.delete(worker.id);
        return;
      case 'taken':
        member.taken = message.sequence;
        for (const check of this.#takers) check();
        return;
      case 'change':
        return void this.apply(message.change, message.record).then(
          (outcome) => this.#say(member, { type: 'change-outcome', id: message.id, outcome }),
          (cause: unknown) => {
            this.#parts.log.error({ err: cause, change: message.change.type }, 'a change failed');
            this.#say(member, { type: 'failed', id: message.id, detail: String(cause) });
          },
        );
      case 'head':
        this.#heads.get(message.id)?.(message.head);
        return;
      case 'rotated':
        this.#parts.onRotated();
        return;
      case 'encryptions-wanted':
        return void this.#parts.store
          .reserveEncryptions(message.material, message.encryptions, encryptionLimit)
          .then(
            (reserved) => this.#say(member, { type: 'encryptions-reserved', id: message.id, reserved }),
            (cause: unknown) => {
              this.#parts.log.error({ err: cause }, 'encryptions could not be counted');
              this.#say(member, { type: 'failed', id: message.id, detail: String(cause) });
            },
          );
      case 'uses':
        return void this.#uses.record(message.uses).then(() => {
          if (message.id !== undefined) this.#gathering.get(message.id)?.(undefined);
        });
      case 'uses-asked':
        return void this.#gatherUses().then(() =>
          this.#say(member, { type: 'uses-gathered', id: message.id }),
        );
      case 'metrics-asked':
        return void this.#scrape().then((text) =>
          this.#say(member, { type: 'metrics-text', id: message.id, text }),
        );
      case 'metrics':
        this.#scrapes.get(message.id)?.(message.metrics as MetricsSnapshot);
        return;
    }
  }

  /** Resolves when every worker has taken the change, or has lost its lease since it was sent. */
  #spread(invalidation: Invalidation): Promise<void> {
    const message: PrimaryMessage = { type: 'invalidation', invalidation };
    for (const member of this.#members.values()) this.#say(member, message);
    const { sequence } = invalidation;
    // A worker that doesn't listen yet was never given a lease: it serves nothing, and reads what it caches after this.
    const behind = () =>
      [...this.#members.values()].filter(({ listening, taken }) => listening && taken < sequence);
    if (behind().length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        this.#takers.delete(check);
        clearTimeout(timer);
        resolve();
      };
      const check = () => {
        if (behind().length === 0) end();
      };
      const timer = setTimeout(() => {
        const slots = behind().map(({ slot }) => slot);
        this.#parts.log.error(
          { slots, sequence },
          'API processes have not taken a change: they serve nothing until they have',
        );
        end();
      }, leaseMilliseconds);
      this.#takers.add(check);
    });
  }

  /** Resolves when the store has what every worker has noted, as far as they answer. */
  async #gatherUses(): Promise<void> {
    const listening = [...this.#members.values()].filter((member) => member.listening);
    await Promise.all(
      listening.map((member) => this.#ask(this.#gathering, member, (id) => ({ type: 'uses-wanted', id }))),
    );
  }

  async #scrape(): Promise<string> {
    const own = await this.#parts.metrics.snapshot();
    const others = [...this.#members.values()]
      .filter(({ listening }) => listening)
      .map((member) => this.#snapshot(member));
    const all = [own, ...(await Promise.all(others)).filter((snapshot) => snapshot !== undefined)];
    return aggregate(all);
  }

  #head(member: Member): Promise<StreamHead | undefined> {
    return this.#ask(this.#heads, member, (id) => ({ type: 'head-wanted', id }));
  }

  #snapshot(member: Member): Promise<MetricsSnapshot | undefined> {
    return this.#ask(this.#scrapes, member, (id) => ({ type: 'metrics-wanted', id }));
  }

  /** @returns what the worker answers, or `undefined` where it doesn't in time */
  #ask<T>(
    waiting: Map<number, (answer: T) => void>,
    member: Member,
    message: (id: number) => PrimaryMessage,
  ): Promise<T | undefined> {
    const id = this.#nextQuestion++;
    return new Promise((resolve) => {
      const settle = (answer: T | undefined) => {
        clearTimeout(timer);
        waiting.delete(id);
        resolve(answer);
      };
      const timer = setTimeout(() => settle(undefined), answerMilliseconds);
      waiting.set(id, settle);
      this.#say(member, message(id));
    });
  }
}
