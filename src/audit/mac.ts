import { reasonOf } from './error.ts';

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
