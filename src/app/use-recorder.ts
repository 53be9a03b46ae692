import type { Logger } from 'pino';
import type { KeyUse } from '../keys/uses.ts';
import type { StoreWriter } from '../store/store.ts';

/** How often a worker hands over what it has noted: what is lost with one that is killed is no older. */
export const handOverMilliseconds = 10_000;

/** Brings what workers hand over into the store; what it doesn't take is tried again with the next. */
export class UseRecorder {
  readonly #store: Pick<StoreWriter, 'recordUses'>;
  readonly #log: Logger;
  #waiting = new Map<string, KeyUse>();
  #last: Promise<void> = Promise.resolve();

  constructor(store: Pick<StoreWriter, 'recordUses'>, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** Resolves when these, and all that were given before, are in the store or wait for the next. */
  record(uses: readonly KeyUse[]): Promise<void> {
    for (const use of uses) this.#keep(use);
    this.#last = this.#last.then(() => this.#write());
    return this.#last;
  }

  async #write(): Promise<void> {
    const batch = [...this.#waiting.values()];
    this.#waiting = new Map();
    try {
      await this.#store.recordUses(batch);
    } catch (cause) {
      for (const use of batch) this.#keep(use);
      this.#log.error({ err: cause, keys: this.#waiting.size }, 'last uses of keys could not be kept');
    }
  }

  #keep(use: KeyUse): void {
    const name = `${use.region}/${use.account}/${use.keyId}`;
    const known = this.#waiting.get(name);
    if (known === undefined || known.at <= use.at) this.#waiting.set(name, use);
  }
}
