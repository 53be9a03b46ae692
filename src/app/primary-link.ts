import type { Scope } from '../arn.ts';
import type { StreamHead } from '../audit/checkpoint.ts';
import type { KmsError } from '../errors.ts';
import type { EncryptionCounts } from '../keys/encryptions.ts';
import type { MaterialRef } from '../keys/hsm.ts';
import type { ChangeOutcome, ChangeRecord, ChangeWriter, Invalidation } from '../keys/repository.ts';
import type { KeyUse } from '../keys/uses.ts';
import type { Metrics } from '../metrics/registry.ts';
import { internalError } from '../operations/failure.ts';
import type { Change } from '../store/store.ts';
import type { Lease } from './lease.ts';
import type { PrimaryMessage, WorkerMessage } from './message.ts';

type Answer = Extract<PrimaryMessage, { id: number }>;

/** A worker's end of the pipe to the primary: the store's writer, as seen from here. */
export class PrimaryLink implements ChangeWriter<Change>, EncryptionCounts {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #next = 1;

  constructor(on: {
    readonly lease: Lease;
    readonly metrics: Metrics;
    /** The last durable line of this process's stream. */
    head(): StreamHead | undefined;
    /** Takes a change into the caches; when it returns, every look-up that begins sees the change. */
    take(invalidation: Invalidation): void;
    /** Hands over what was done last with keys. */
    takeUses(): readonly KeyUse[];
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
        case 'encryptions-reserved':
        case 'failed':
        case 'metrics-text':
        case 'uses-gathered':
          return this.#settle(message);
        case 'head-wanted':
          return this.say({ type: 'head', id: message.id, head: on.head() });
        case 'metrics-wanted':
          return void on.metrics
            .snapshot()
            .then((metrics) => this.say({ type: 'metrics', id: message.id, metrics }));
        case 'uses-wanted':
          return this.say({ type: 'uses', id: message.id, uses: on.takeUses() });
        case 'reload':
          return on.reload();
        case 'close':
          return on.close();
      }
    });
  }

  say(message: WorkerMessage): void {
    // Where it can't be sent the primary is gone, and `disconnect` follows.
    process.send?.(message, undefined, undefined, () => undefined);
  }

  async apply(change: Change, record: ChangeRecord): Promise<ChangeOutcome> {
    const answer = await this.#ask((id) => ({ type: 'change', id, change, record }));
    if (answer.type === 'change-outcome') return answer.outcome;
    throw this.#failure(answer);
  }

  async reserve(material: Scope & MaterialRef, encryptions: number): Promise<boolean> {
    const answer = await this.#ask((id) => ({ type: 'encryptions-wanted', id, material, encryptions }));
    if (answer.type === 'encryptions-reserved') return answer.reserved;
    throw this.#failure(answer);
  }

  /** @returns the metrics of the whole node */
  async scrape(): Promise<string> {
    const answer = await this.#ask((id) => ({ type: 'metrics-asked', id }));
    return answer.type === 'metrics-text' ? answer.text : '';
  }

  #failure(answer: Answer): KmsError {
    return internalError(answer.type === 'failed' ? answer.detail : 'the primary answered something else');
  }

  /** Resolves when the store has what every worker of the node has noted of the uses of keys. */
  async gatherUses(): Promise<void> {
    await this.#ask((id) => ({ type: 'uses-asked', id }));
  }

  /** Resolves when the message is on its way, or the primary gone. */
  sayLast(message: WorkerMessage): Promise<void> {
    return new Promise((resolve) => {
      if (process.send === undefined) return resolve();
      process.send(message, undefined, undefined, () => resolve());
    });
  }

  /**
   * INVARIANT: a change is waited for until its outcome is known: to give up would report failed what may yet be
   * done. Pipe and primary share one fate, and without them this process ends.
   */
  #ask(message: (id: number) => WorkerMessage): Promise<Answer> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.say(message(id));
    });
  }

  #settle(answer: Answer): void {
    this.#waiting.get(answer.id)?.(answer);
    this.#waiting.delete(answer.id);
  }
}
