/**
 * Makes many who ask share one run: those who come while it is under way wait for it, and its outcome, also a failure,
 * serves those who come within `milliseconds` of its end.
 * @param monotonic milliseconds of a clock that is never set
 */
export function shared<T>(
  run: () => Promise<T>,
  milliseconds: number,
  monotonic: () => number,
): () => Promise<T> {
  let outcome: Promise<T> | undefined;
  /** When it ended; `undefined` as long as it is under way. */
  let ended: number | undefined;
  return () => {
    if (outcome !== undefined && (ended === undefined || monotonic() - ended < milliseconds)) return outcome;
    ended = undefined;
    outcome = run().finally(() => {
      ended = monotonic();
    });
    return outcome;
  };
}
