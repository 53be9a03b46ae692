import {
  constants,
  createCipheriv,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
import { encryptionAlgorithms } from '../../../src/keys/spec/algorithm.ts';
import { factsOf, type KeySpec } from '../../../src/keys/spec/key-spec.ts';
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

/** Material of a spec as its owner makes it: a secret, or a private key in PKCS#8. */
export function newMaterialOf(keySpec: KeySpec): Buffer {
  const facts = factsOf(keySpec);
  const privateKeyEncoding = { type: 'pkcs8', format: 'der' } as const;
  const publicKeyEncoding = { type: 'spki', format: 'der' } as const;
  const encoding = { privateKeyEncoding, publicKeyEncoding };
  switch (facts.family) {
    case 'aes':
    case 'hmac':
      return randomBytes(facts.secretBytes);
    case 'rsa':
      return generateKeyPairSync('rsa', { modulusLength: facts.modulusBits, ...encoding }).privateKey;
    case 'ec':
      return generateKeyPairSync('ec', { namedCurve: facts.curve, ...encoding }).privateKey;
    case 'edwards':
      return generateKeyPairSync('ed25519', encoding).privateKey;
    case 'ml-dsa':
      throw new Error(`material of ${keySpec} is not imported`);
    default:
      return facts satisfies never;
  }
}
