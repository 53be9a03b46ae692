/** Time, injected: nothing else in src reads the machine's clock for a decision. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May jump, either way. */
  now(): number;
  /** Milliseconds that only ever go forward, shared by all processes of the machine (CLOCK_MONOTONIC). */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => Number(process.hrtime.bigint() / 1000n) / 1000,
};
