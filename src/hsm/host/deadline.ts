import { Worker } from 'node:worker_threads';

/**
 * Tells the watchdog thread which call is in progress and how long it may take. The hot path makes two plain
 * stores a call and reads no clock: the watchdog notes when it first saw the call's number.
 */
export class Deadline {
  readonly #cells: Int32Array;
  readonly #milliseconds: number;
  #number = 0;

  private constructor(cells: Int32Array, milliseconds: number) {
    this.#cells = cells;
    this.#milliseconds = milliseconds;
  }

  /** Starts the watchdog and waits until it runs: the next call may hang. @param pipe descriptor to the supervisor */
  static async start(milliseconds: number, pipe: number): Promise<Deadline> {
    const cells = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(new URL('./watchdog.ts', import.meta.url), {
      workerData: { cells, pipe, heartbeatMilliseconds: 1_000 },
    });
    await new Promise<void>((resolve, reject) => {
      worker.once('message', () => resolve());
      worker.once('error', reject);
    });
    worker.on('error', () => process.kill(process.pid, 'SIGKILL'));
    worker.unref();
    return new Deadline(cells, milliseconds);
  }

  /** Marks the beginning of a call that may take `factor` times the configured deadline. */
  begin(factor = 1): void {
    Atomics.store(this.#cells, limitCell, this.#milliseconds * factor);
    this.#number = (this.#number + 1) & 0x3fff_ffff;
    Atomics.store(this.#cells, callCell, this.#number + 1);
  }

  end(): void {
    Atomics.store(this.#cells, callCell, 0);
  }
}

/** The number of the call in progress, 0 while there is none. */
export const callCell = 0;
/** How many milliseconds the call in progress may take. */
export const limitCell = 1;
