import type { Clock } from '../clock.ts';

/** A token bucket: so many at once, so many a second. */
export class Sampler {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  #left: number;
  #at: number;

  constructor(clock: Clock, { perSecond, burst }: { perSecond: number; burst: number }) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#left = burst;
    this.#at = clock.monotonic();
  }

  /** Whether there was one left. */
  take(): boolean {
    const now = this.#clock.monotonic();
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#at) / 1000) * this.#perSecond);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

/**
 * Which requests without a valid signature are recorded: all of them could fill the disk. Those that name an access
 * key that there is have a bucket of their own, so that noise doesn't hide who tries to forge whose signature.
 */
export class RefusalSampler {
  readonly #noise: Sampler;
  readonly #forged: Sampler;
  readonly #exists: (accessKeyId: string) => Promise<boolean>;
  #unrecorded = 0;

  constructor(clock: Clock, exists: (accessKeyId: string) => Promise<boolean>) {
    this.#noise = new Sampler(clock, { perSecond: 10, burst: 100 });
    this.#forged = new Sampler(clock, { perSecond: 50, burst: 500 });
    this.#exists = exists;
  }

  /**
   * @param claimed the access key id that the request names, any text
   * @returns how many went unrecorded since the last that was recorded; `undefined` where this one is too
   */
  async take(claimed: string | undefined): Promise<number | undefined> {
    const named =
      claimed !== undefined && /^[A-Z0-9]{16,128}$/.test(claimed) && (await this.#exists(claimed));
    if (!(named ? this.#forged : this.#noise).take()) {
      this.#unrecorded += 1;
      return undefined;
    }
    const unrecorded = this.#unrecorded;
    this.#unrecorded = 0;
    return unrecorded;
  }
}
