import type { Clock } from '../../src/clock.ts';

export const day = 86_400_000;

/** A clock that a test moves. `pass` is time passing; `jump` is somebody setting the wall clock. */
export class TestClock implements Clock {
  #wall = Date.UTC(2026, 0, 1);
  #monotonic = 1_000;

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  pass(milliseconds: number): void {
    this.#wall += milliseconds;
    this.#monotonic += milliseconds;
  }

  jump(milliseconds: number): void {
    this.#wall += milliseconds;
  }
}
