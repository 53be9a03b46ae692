import type { Clock } from '../clock.ts';

/**
 * How long a worker may serve on what it last heard. The primary answers a change when every worker has taken
 * it or this long after it was sent: by then a worker that has not taken it has lost its lease, since leases
 * come down the same pipe, behind the change. So a worker that was stopped and goes on serves nothing stale.
 */
export const leaseMilliseconds = 1_000;
export const leaseEveryMilliseconds = 200;
/** How long a request waits for a lease before it fails. */
const patienceMilliseconds = 5_000;

export class Lease {
  readonly #clock: Clock;
  #at = Number.NEGATIVE_INFINITY;
  #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param at when the primary sent it, on the machine's monotonic clock */
  renew(at: number): void {
    this.#at = Math.max(this.#at, at);
    if (!this.held) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  get held(): boolean {
    return this.#clock.monotonic() - this.#at < leaseMilliseconds;
  }

  /** Resolves when the lease is held again, to false where that took too long. */
  async wait(): Promise<boolean> {
    if (this.held) return true;
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== go);
        resolve(false);
      }, patienceMilliseconds);
      this.#waiting.push(go);
    });
  }
}
