import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { compareStoreAndToken } from '../jobs/compare.ts';
import { destroyDueKeys } from '../jobs/destroy.ts';
import { DueTime, holdMilliseconds } from '../jobs/due.ts';
import { endWrappingKeys, expireMaterials } from '../jobs/expire.ts';
import type { FindingKind } from '../jobs/finding.ts';
import { Unfinished } from '../jobs/reconcile.ts';
import { rotateDueKeys } from '../jobs/rotate.ts';
import { wornAtEncryptions } from '../keys/encryptions.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { ChangeWriter } from '../keys/repository.ts';
import type { Metrics } from '../metrics/registry.ts';
import type { StoreWriter } from '../store/store.ts';

const everyMilliseconds = 60_000;
const healthEveryMilliseconds = 10_000;
/** So late material may expire. */
const expiryEveryMilliseconds = 1_000;

export interface ChoreParts {
  readonly store: StoreWriter;
  readonly changes: ChangeWriter;
  readonly hsm: Hsm;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/** What the primary does by itself: clearing up at start, then every minute. */
export class Chores {
  readonly #parts: ChoreParts;
  readonly #unfinished: Unfinished;
  readonly #due: DueTime;
  #ending = false;
  /** Whether it was told that the clock was set ahead. */
  #told = false;
  #last: Promise<void> = Promise.resolve();
  #expiring: Promise<void> = Promise.resolve();
  #isExpiring = false;
  #timers: NodeJS.Timeout[] = [];

  constructor(parts: ChoreParts) {
    this.#parts = parts;
    this.#unfinished = new Unfinished(parts);
    this.#due = new DueTime(parts.clock);
  }

  /** Before anybody makes keys: takes back what a crash left half made, and compares store and token. */
  async clearUp(): Promise<void> {
    const { log } = this.#parts;
    const taken = await this.#unfinished.abandonAll();
    if (taken > 0)
      log.warn(
        { keys: taken },
        'took back keys and key materials that were being made when the service died',
      );
    const { findings } = await compareStoreAndToken(this.#parts);
    const of = (...kinds: FindingKind[]) =>
      findings.filter(({ kind }) => kinds.includes(kind)).map(({ kind, subject }) => `${kind}: ${subject}`);
    const strange = of('unexplained-key', 'unexplained-wrapping-key', 'unknown-object', 'ambiguous-key');
    const lost = of('lost-key', 'lost-half', 'lost-own-key');
    const left = of('shells', 'wrapping-key');
    if (strange.length > 0) {
      log.error({ objects: strange }, 'the token has objects that the store does not know');
    }
    if (left.length > 0) log.info({ objects: left }, 'the token has leftovers without a key in them');
    if (lost.length > 0) {
      log.fatal(
        { materials: lost },
        'the token has lost keys that the store knows: restore the token from its backup',
      );
    }
  }

  start(): void {
    const next = () => {
      this.#last = this.#last.then(() => this.#run());
    };
    next();
    this.#timers = [
      setInterval(next, everyMilliseconds),
      setInterval(() => {
        if (!this.#isExpiring) this.#expiring = this.#expire();
      }, expiryEveryMilliseconds),
      // For the metrics alone, which checkHealth feeds.
      setInterval(() => void this.#parts.hsm.checkHealth().catch(() => undefined), healthEveryMilliseconds),
    ];
  }

  async #run(): Promise<void> {
    const { store, changes, hsm, clock, log } = this.#parts;
    if (this.#ending) return;
    this.#watchClock();
    await this.#unfinished
      .abandonOld()
      .catch((cause: unknown) => log.error({ err: cause }, 'half-made keys could not be taken back'));
    await this.#rotate();
    await this.#endWrappingKeys();
    try {
      const { destroyed, held, failures } = await destroyDueKeys({
        store,
        changes,
        hsm,
        clock,
        due: this.#due,
        ending: () => this.#ending,
      });
      if (destroyed > 0) log.info({ keys: destroyed }, 'destroyed keys whose waiting period has ended');
      if (held > 0) {
        log.warn({ keys: held }, 'keys came due while the service was down: they are held for an hour');
      }
      for (const { keyId, cause } of failures)
        log.error({ keyId, err: cause }, 'a key could not be destroyed');
    } catch (cause) {
      log.error({ err: cause }, 'the deletion job failed: it tries again');
    }
  }

  /** Once: what waits for a start may wait for months. */
  #watchClock(): void {
    const milliseconds = this.#due.ahead();
    if (this.#told || milliseconds < holdMilliseconds) return;
    this.#told = true;
    this.#parts.log.warn(
      { milliseconds },
      'the clock was set ahead since the service started: keys that came due for deletion or rotation since then wait; where the clock is right now, start the service again',
    );
  }

  async #rotate(): Promise<void> {
    const { log, metrics } = this.#parts;
    try {
      const { rotated, held, failures } = await rotateDueKeys({
        ...this.#parts,
        due: this.#due,
        wornAt: wornAtEncryptions,
        ending: () => this.#ending,
      });
      metrics.rotations(rotated, failures.length);
      metrics.mostEncryptions(await this.#parts.store.mostEncryptions());
      if (rotated > 0) log.info({ keys: rotated }, 'rotated keys that were due');
      if (held > 0) {
        log.warn(
          { keys: held },
          'keys came due for rotation while the service was down: they are held for an hour',
        );
      }
      for (const { keyId, cause } of failures) log.error({ keyId, err: cause }, 'a key could not be rotated');
    } catch (cause) {
      log.error({ err: cause }, 'the rotation job failed: it tries again');
    }
  }

  async #expire(): Promise<void> {
    const { store, clock, log, metrics } = this.#parts;
    this.#isExpiring = true;
    try {
      const { expired, failures } = await expireMaterials({
        ...this.#parts,
        due: this.#due,
        ending: () => this.#ending,
      });
      for (const material of expired) {
        log.warn(
          material,
          'imported key material has expired: its key works again when it is imported again',
        );
      }
      for (const { keyId, cause } of failures) {
        log.error({ keyId, err: cause }, 'expired key material could not be destroyed: it is tried again');
      }
      const next = await store.nextExpiry();
      metrics.materialExpires(next === undefined ? undefined : (next - clock.now()) / 1000);
    } catch (cause) {
      log.error({ err: cause }, 'the job that deletes expired key material failed: it tries again');
    } finally {
      this.#isExpiring = false;
    }
  }

  async #endWrappingKeys(): Promise<void> {
    const { log } = this.#parts;
    try {
      const { ended, failures } = await endWrappingKeys({
        ...this.#parts,
        due: this.#due,
        ending: () => this.#ending,
      });
      if (ended > 0) log.info({ keys: ended }, 'destroyed wrapping keys of imports whose time has come');
      for (const { keyId, cause } of failures) {
        log.error({ keyId, err: cause }, 'a wrapping key could not be destroyed: it is tried again');
      }
    } catch (cause) {
      log.error({ err: cause }, 'the job that destroys wrapping keys failed: it tries again');
    }
  }

  /** Waits for the key in hand. */
  async stop(): Promise<void> {
    this.#ending = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#last;
    await this.#expiring;
  }
}
