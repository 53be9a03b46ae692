import { constants, createCipheriv, createPublicKey, publicEncrypt, randomBytes } from 'node:crypto';
import { encryptionAlgorithms } from '../../../src/keys/spec/algorithm.ts';
import { type WrappingAlgorithm, wrappingAlgorithms } from '../../../src/keys/spec/wrapping.ts';

/**
 * Wraps material as whoever imports it does.
 * @param publicKey SubjectPublicKeyInfo in DER @param keyBytes of the AES key between, where there is one
 */
export function wrap(
  publicKey: Buffer,
  algorithm: WrappingAlgorithm,
  material: Buffer,
  keyBytes = 32,
): Buffer {
  const key = createPublicKey({ key: publicKey, format: 'der', type: 'spki' });
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const { oaep, aesKeyWrap } = wrappingAlgorithms[algorithm];
  const oaepHash = encryptionAlgorithms[oaep].hash;
  if (!aesKeyWrap) return publicEncrypt({ key, padding, oaepHash }, material);
  const aes = randomBytes(keyBytes);
  const cipher = createCipheriv(`id-aes${8 * keyBytes}-wrap-pad`, aes, Buffer.from('a65959a6', 'hex'));
  return Buffer.concat([
    publicEncrypt({ key, padding, oaepHash }, aes),
    cipher.update(material),
    cipher.final(),
  ]);
}
