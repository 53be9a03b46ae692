import type { Clock } from '../clock.ts';

/** How long a key that came due while nobody watched is held: time to mend a wrong clock, or to cancel. */
export const holdMilliseconds = 3_600_000;

/**
 * When a waiting period has truly passed. A machine's clock may jump forward (a wrong RTC at boot, a slip of
 * an operator), and destruction can't be undone, so the time that counts here is the wall clock at start plus
 * what the monotonic clock has counted since, or the wall clock where that is less. What was due at start, or by
 * a clock that may have been wrong then, waits for `holdMilliseconds` of this process's life.
 */
export class DueTime {
  readonly #clock: Clock;
  readonly #startWall: number;
  readonly #startMonotonic: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startWall = clock.now();
    this.#startMonotonic = clock.monotonic();
  }

  /** The time that a deletion date is compared with: milliseconds since the epoch. */
  now(): number {
    return Math.min(this.#clock.now(), this.#startWall + this.#elapsed());
  }

  /** By how many milliseconds the wall clock was set ahead since the start, or the machine slept. */
  ahead(): number {
    return Math.max(0, this.#clock.now() - this.now());
  }

  /** Whether what fell due at that time may be done now. */
  isDue(date: number): boolean {
    if (date > this.now()) return false;
    return date > this.#startWall || this.#elapsed() >= holdMilliseconds;
  }

  #elapsed(): number {
    return this.#clock.monotonic() - this.#startMonotonic;
  }
}
