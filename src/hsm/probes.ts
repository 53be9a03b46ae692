import type { Connection } from './connection.ts';
import { operationCodes } from './request.ts';
import { readJson } from './result.ts';

/** Asks hosts how they are. */
export class Probes {
  readonly #milliseconds: number;
  /** By host: the health check in flight, of which there is one at most. */
  readonly #inFlight = new Map<number, Promise<string | undefined>>();
  readonly #restarts: number[];

  /** @param milliseconds within which a host must answer */
  constructor(hosts: number, milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.#restarts = new Array<number>(hosts).fill(0);
  }

  /** How often a host had been started again when it last answered. */
  restarts(index: number): number {
    return this.#restarts[index] ?? 0;
  }

  /**
   * Whoever asks meanwhile gets the same answer: the service is asked by anybody whether it is ready, and a host
   * has one queue for everything.
   * @returns what is wrong with the host
   */
  ask(connection: Connection, index: number): Promise<string | undefined> {
    const probe =
      this.#inFlight.get(index) ??
      this.#ask(connection, index).finally(() => {
        this.#inFlight.delete(index);
      });
    this.#inFlight.set(index, probe);
    return probe;
  }

  async #ask(connection: Connection, index: number): Promise<string | undefined> {
    try {
      const { restarts, problem } = await connection.request(
        operationCodes.health,
        0,
        () => {},
        readJson<{ restarts: number; problem?: string }>,
        this.#milliseconds,
      );
      this.#restarts[index] = restarts;
      connection.sick = problem !== undefined;
      return problem;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}
