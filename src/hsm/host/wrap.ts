/** Wrapping as whoever imports does it, for finding out what a token unwraps; and unwrapping in the host's memory. */
import {
  constants,
  createCipheriv,
  createDecipheriv,
  type KeyObject,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { encryptionAlgorithms, type OaepAlgorithm } from '../../keys/spec/algorithm.ts';
import { type WrappingAlgorithm, wrappingAlgorithms } from '../../keys/spec/wrapping.ts';

/** The alternative initial value of RFC 5649 §3. */
const initial = Buffer.from('a65959a6', 'hex');
const ciphers: Readonly<Record<number, string>> = {
  16: 'id-aes128-wrap-pad',
  24: 'id-aes192-wrap-pad',
  32: 'id-aes256-wrap-pad',
};

export function wrap(publicKey: KeyObject, algorithm: WrappingAlgorithm, material: Buffer): Buffer {
  const { oaep, aesKeyWrap } = wrappingAlgorithms[algorithm];
  if (!aesKeyWrap) return encrypt(publicKey, oaep, material);
  const key = randomBytes(32);
  const cipher = createCipheriv('id-aes256-wrap-pad', key, initial);
  return Buffer.concat([encrypt(publicKey, oaep, key), cipher.update(material), cipher.final()]);
}

export function encrypt(publicKey: KeyObject, algorithm: OaepAlgorithm, plaintext: Buffer): Buffer {
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  return publicEncrypt(
    { key: publicKey, padding, oaepHash: encryptionAlgorithms[algorithm].hash },
    plaintext,
  );
}

/** @returns `undefined` where it isn't wrapped under the key */
export function unwrapAes(key: Buffer, wrapped: Buffer): Buffer | undefined {
  const cipher = ciphers[key.length];
  if (cipher === undefined) return undefined;
  try {
    const decipher = createDecipheriv(cipher, key, initial);
    const first = decipher.update(wrapped);
    const last = decipher.final();
    if (last.length === 0) return first;
    const whole = Buffer.concat([first, last]);
    first.fill(0);
    last.fill(0);
    return whole;
  } catch {
    return undefined;
  }
}
