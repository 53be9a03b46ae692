import { createPublicKey, type KeyObject } from 'node:crypto';

/** Keys of the store are immutable, and so their public halves: each is read once. */
const read = new WeakMap<Buffer, KeyObject>();

/** @param spki SubjectPublicKeyInfo in DER, as the store has it */
export function keyObject(spki: Buffer): KeyObject {
  const known = read.get(spki);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  read.set(spki, key);
  return key;
}
