import type { AuditRecord } from '../audit/record.ts';
import type { Change, ChangeOutcome, ChangeWriter, Invalidation } from '../keys/repository.ts';
import type { Metrics } from '../metrics/registry.ts';
import { internalError } from '../operations/failure.ts';
import type { Lease } from './lease.ts';
import type { PrimaryMessage, WorkerMessage } from './message.ts';

/** How long a worker waits for the primary to make a change or gather metrics. */
const patienceMilliseconds = 10_000;

interface Waiting {
  resolve(message: Extract<PrimaryMessage, { id: number }>): void;
  reject(cause: Error): void;
  readonly timer: NodeJS.Timeout;
}

/** A worker's end of the pipe to the primary: the store's writer, as seen from here. */
export class PrimaryLink implements ChangeWriter {
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  constructor(on: {
    readonly lease: Lease;
    readonly metrics: Metrics;
    /** Takes a change into the caches; when it returns, every look-up that begins sees the change. */
    take(invalidation: Invalidation): void;
    reload(): void;
    close(): void;
  }) {
    // A worker without its primary would serve what may have been revoked.
    process.on('disconnect', () => process.exit(1));
    process.on('message', (message: PrimaryMessage) => {
      switch (message.type) {
        case 'lease':
          return on.lease.renew(message.at);
        case 'invalidation':
          on.take(message.invalidation);
          return this.say({ type: 'taken', sequence: message.invalidation.sequence });
        case 'change-outcome':
        case 'change-failed':
        case 'metrics-text':
          return this.#settle(message);
        case 'metrics-wanted':
          return void on.metrics
            .snapshot()
            .then((metrics) => this.say({ type: 'metrics', id: message.id, metrics }));
        case 'reload':
          return on.reload();
        case 'close':
          return on.close();
      }
    });
  }

  say(message: WorkerMessage): void {
    process.send?.(message);
  }

  async apply(change: Change, record: AuditRecord | undefined): Promise<ChangeOutcome> {
    const answer = await this.#ask((id) => ({ type: 'change', id, change, record }));
    if (answer.type === 'change-outcome') return answer.outcome;
    throw internalError(
      answer.type === 'change-failed' ? answer.detail : 'the primary answered something else',
    );
  }

  /** @returns the metrics of the whole node */
  async scrape(): Promise<string> {
    const answer = await this.#ask((id) => ({ type: 'metrics-asked', id }));
    return answer.type === 'metrics-text' ? answer.text : '';
  }

  #ask(message: (id: number) => WorkerMessage): Promise<Extract<PrimaryMessage, { id: number }>> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(internalError('the primary did not answer in time: whether the change was made is unknown'));
      }, patienceMilliseconds);
      this.#waiting.set(id, { resolve, reject, timer });
      this.say(message(id));
    });
  }

  #settle(message: Extract<PrimaryMessage, { id: number }>): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) return;
    this.#waiting.delete(message.id);
    clearTimeout(waiting.timer);
    waiting.resolve(message);
  }
}
