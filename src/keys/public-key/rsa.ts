/**
 * RSA signatures over a digest, and encryption. Node verifies messages alone, which it hashes itself: of a digest the
 * padding is looked at here. Nothing of it is secret.
 */
import { constants, hash as digestOf, type KeyObject, publicEncrypt } from 'node:crypto';
import { encryptionAlgorithms, type Hash, type OaepAlgorithm } from '../spec/algorithm.ts';

/** What is before the digest in a DigestInfo (RFC 8017 §9.2, note 1). */
const digestInfo = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
} as const satisfies Partial<Record<Hash, string>>;

export type SigningHash = keyof typeof digestInfo;

export function isSigningHash(hash: Hash): hash is SigningHash {
  return Object.hasOwn(digestInfo, hash);
}

/** RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2): what should be in the signature is made, and compared with what is. */
export function verifyPkcs1(key: KeyObject, hash: SigningHash, digest: Buffer, signature: Buffer): boolean {
  const encoded = open(key, signature);
  if (encoded === undefined) return false;
  const info = Buffer.concat([Buffer.from(digestInfo[hash], 'hex'), digest]);
  const expected = Buffer.alloc(encoded.length, 0xff);
  expected.set([0, 1]);
  expected[encoded.length - info.length - 1] = 0;
  info.copy(expected, encoded.length - info.length);
  return encoded.equals(expected);
}

/** RSASSA-PSS (RFC 8017 §9.1.2), with MGF1 of the same hash and as many bytes of salt as it has. */
export function verifyPss(key: KeyObject, hash: SigningHash, digest: Buffer, signature: Buffer): boolean {
  const encoded = open(key, signature);
  // Every modulus is of whole bytes: the encoded message has as many, and its first bit is 0.
  if (encoded === undefined || encoded.at(-1) !== 0xbc) return false;
  const { length } = digest;
  const end = encoded.length - length - 1;
  const block = encoded.subarray(0, end);
  const proof = encoded.subarray(end, -1);
  const first = block[0] ?? 0;
  if (first > 0x7f) return false;
  unmask(block, proof, hash, length);
  block[0] = (block[0] ?? 0) & 0x7f;
  const separator = end - length - 1;
  if (block[separator] !== 1 || block.subarray(0, separator).some((byte) => byte !== 0)) return false;
  const salt = block.subarray(separator + 1);
  return proof.equals(digestOf(hash, Buffer.concat([Buffer.alloc(8), digest, salt]), 'buffer'));
}

/** RSAES-OAEP with MGF1 of the same hash and no label (RFC 8017 §7.1.1). @param plaintext of a size that fits */
export function encryptOaep(key: KeyObject, algorithm: OaepAlgorithm, plaintext: Buffer): Buffer {
  const { hash } = encryptionAlgorithms[algorithm];
  return publicEncrypt({ key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash }, plaintext);
}

/** The encoded message of a signature; `undefined` where it is as long as the modulus and not smaller, or not as long. */
function open(key: KeyObject, signature: Buffer): Buffer | undefined {
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (signature.length !== modulusLength / 8) return undefined;
  try {
    return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, signature);
  } catch {
    return undefined;
  }
}

/** Exclusive-ors MGF1 (RFC 8017 §B.2.1) of the seed over the target. */
function unmask(target: Buffer, seed: Buffer, hash: SigningHash, hashBytes: number): void {
  for (let start = 0; start < target.length; start += hashBytes) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(start / hashBytes);
    const mask = digestOf(hash, Buffer.concat([seed, counter]), 'buffer');
    for (let index = start; index < Math.min(target.length, start + hashBytes); index += 1) {
      target[index] = (target[index] ?? 0) ^ (mask[index - start] ?? 0);
    }
  }
}
