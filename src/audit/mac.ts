import { reasonOf } from './error.ts';
import type { TrailEvent } from './event.ts';

export type Signed = { readonly mac: string } | { readonly mac: null; readonly reason: string };

const patienceMilliseconds = 1_000;
const patienceWhileFailingMilliseconds = 100;

/**
 * Bounds the wait for the token's MAC: a token that is away must not keep records from the disk. While it is away
 * each group tries again, with less patience.
 * @param mac resolves to 32 bytes
 * @returns a function that never rejects
 */
export function macSource(mac: (data: Buffer) => Promise<Buffer>): (data: Buffer) => Promise<Signed> {
  let failing = false;
  return (data) =>
    new Promise((resolve) => {
      const settle = (signed: Signed) => {
        clearTimeout(timer);
        failing = signed.mac === null;
        resolve(signed);
      };
      const timer = setTimeout(
        () => settle({ mac: null, reason: 'timeout' }),
        failing ? patienceWhileFailingMilliseconds : patienceMilliseconds,
      );
      const refused = (cause: unknown) => settle({ mac: null, reason: reasonOf(cause) });
      try {
        mac(data).then(
          (bytes) =>
            settle(bytes.length === 32 ? { mac: bytes.toString('hex') } : { mac: null, reason: 'malformed' }),
          refused,
        );
      } catch (cause) {
        refused(cause);
      }
    });
}

/** A token that comes and goes is told of once, not with every group. */
const signedMilliseconds = 1_000;

/** Whether the groups that are written have MACs, and what an operator should hear of that. */
export class Coverage {
  /** Why the last group has none, if it has none. */
  unsigned: string | undefined;
  /** When the last group without one was written, until `signed` is told. */
  #since: number | undefined;

  /**
   * Takes note of a group that was written.
   * @param unsigned why it has no MAC
   * @param clock its monotonic clock
   */
  note(unsigned: string | undefined, clock: { monotonic(): number }): TrailEvent | undefined {
    this.unsigned = unsigned;
    const since = this.#since;
    if (unsigned !== undefined) {
      this.#since = clock.monotonic();
      return since === undefined ? { type: 'unsigned', reason: unsigned } : undefined;
    }
    if (since === undefined || clock.monotonic() - since < signedMilliseconds) return undefined;
    this.#since = undefined;
    return { type: 'signed' };
  }
}
