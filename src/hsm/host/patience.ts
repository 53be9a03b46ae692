/**
 * How often a token is asked before it is given up: while another process writes the token's file,
 * as each login does, SoftHSM answers GENERAL_ERROR or shows an empty serial number.
 */
export const patience = 3;
const pauseMilliseconds = 10;
const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks: nothing else could use the token meanwhile. */
export function pause(): void {
  Atomics.wait(never, 0, 0, pauseMilliseconds);
}
