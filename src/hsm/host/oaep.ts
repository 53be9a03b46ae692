/** Taking OAEP's padding off, where the token only decrypts without one. */
import { hash as digest } from 'node:crypto';
import { encryptionAlgorithms, type OaepAlgorithm } from '../../keys/spec/algorithm.ts';

/**
 * EME-OAEP decoding (RFC 8017 §7.1.2, step 3) with an empty label.
 *
 * INVARIANT: no branch and no index depends on what was decrypted until all of it is looked at, and one answer stands
 * for whatever was wrong: else a ciphertext could be decrypted by asking often enough (Manger, CRYPTO 2001).
 * @param encoded what RSA made of the ciphertext, as long as the modulus; it is zeroed
 * @returns `undefined` where it isn't padded
 */
export function unpad(encoded: Buffer, algorithm: OaepAlgorithm): Buffer | undefined {
  const { hash, hashBytes } = encryptionAlgorithms[algorithm];
  const seed = encoded.subarray(1, 1 + hashBytes);
  const block = encoded.subarray(1 + hashBytes);
  mask(seed, block, hash, hashBytes);
  mask(block, seed, hash, hashBytes);
  const label = digest(hash, '', 'buffer');
  let wrong = encoded[0] ?? 1;
  for (let index = 0; index < hashBytes; index++) wrong |= (block[index] ?? 0) ^ (label[index] ?? 0);
  let looking = 1;
  let separator = 0;
  for (let index = hashBytes; index < block.length; index++) {
    const byte = block[index] ?? 0;
    const zero = isZero(byte);
    const one = isZero(byte ^ 1);
    separator |= index & -(looking & one);
    wrong |= looking & (1 ^ zero ^ one);
    looking &= zero;
  }
  wrong |= looking;
  const message = Buffer.from(block.subarray(separator + 1));
  encoded.fill(0);
  if (wrong === 0) return message;
  message.fill(0);
  return undefined;
}

/** 1 where a byte is 0, else 0. */
function isZero(byte: number): number {
  return (byte - 1) >>> 31;
}

/** Exclusive-ors MGF1 (RFC 8017 §B.2.1) of the source over the target. */
function mask(target: Buffer, source: Buffer, hash: string, hashBytes: number): void {
  const input = Buffer.alloc(source.length + 4);
  source.copy(input);
  for (let counter = 0; counter * hashBytes < target.length; counter++) {
    input.writeUInt32BE(counter, source.length);
    const output = digest(hash, input, 'buffer');
    const start = counter * hashBytes;
    const end = Math.min(target.length, start + hashBytes);
    for (let index = start; index < end; index++) {
      target[index] = (target[index] ?? 0) ^ (output[index - start] ?? 0);
    }
    output.fill(0);
  }
  input.fill(0);
}
