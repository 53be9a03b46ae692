/** What a host answers: code 0 and the result, or the code of an error and its message. */
import type { HsmErrorKind } from '../keys/hsm.ts';

export const okCode = 0;

const kinds = [
  'invalid-ciphertext',
  'timeout',
  'unavailable',
  'busy',
  'missing-object',
  'unsupported',
  'internal',
] as const satisfies readonly HsmErrorKind[];

/** The code of an error: its place in the list, from 1. */
export function errorCode(kind: HsmErrorKind): number {
  return kinds.indexOf(kind) + 1;
}

/** The kind that a code stands for; `undefined` for a code that isn't one. */
export function errorKind(code: number): HsmErrorKind | undefined {
  return kinds[code - 1];
}
