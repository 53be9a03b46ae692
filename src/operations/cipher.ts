import { KmsError } from '../errors.ts';
import { canonicalContext } from '../keys/context.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { Key } from '../keys/key.ts';
import { keyObject } from '../keys/public-key/key-object.ts';
import { encryptOaep } from '../keys/public-key/rsa.ts';
import { type EncryptionAlgorithm, encryptionAlgorithms, oaepLimit } from '../keys/spec/algorithm.ts';
import { factsOf } from '../keys/spec/key-spec.ts';
import { requireAlgorithm } from './algorithm.ts';
import { currentMaterial, encryptingMaterial } from './encryption.ts';
import { validationError } from './input.ts';
import type { Services } from './operation.ts';
import { publicKeyOf } from './public-key.ts';

type Context = Readonly<Record<string, string>> | undefined;

/**
 * The algorithm by which a key encrypts or decrypts for a request.
 * @param named `SYMMETRIC_DEFAULT` where the request names none
 * @throws KmsError InvalidKeyUsageException, UnsupportedOperationException; ValidationException where there is a context
 *   and the algorithm binds none
 */
export function cipherOf(
  key: Key,
  named: string = 'SYMMETRIC_DEFAULT',
  context: Context,
): EncryptionAlgorithm {
  const algorithm = requireAlgorithm(key, named, encryptionAlgorithms);
  if (algorithm !== 'SYMMETRIC_DEFAULT' && context !== undefined && Object.keys(context).length > 0) {
    throw new KmsError(
      'ValidationException',
      'EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.',
    );
  }
  return algorithm;
}

/** (AWS KMS API reference, Encrypt, the table of sizes) @throws KmsError ValidationException where it doesn't fit */
export function checkPlaintext(key: Key, algorithm: EncryptionAlgorithm, length: number): void {
  if (length < 1) {
    throw validationError([
      "Value at 'plaintext' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ]);
  }
  const facts = factsOf(key.keySpec);
  if (algorithm === 'SYMMETRIC_DEFAULT' || facts.family !== 'rsa') return;
  const limit = oaepLimit(facts.modulusBits / 8, algorithm);
  if (length <= limit) return;
  throw new KmsError(
    'ValidationException',
    `Algorithm ${algorithm} and key spec ${key.keySpec} cannot encrypt data larger than ${limit} bytes.`,
  );
}

/**
 * Encrypts what `checkPlaintext` lets pass: in the token, or with a public half at once.
 * @returns the ciphertext blob, and which material encrypted, where keys of the spec tell that
 */
export async function encryptWith(
  key: Key,
  algorithm: EncryptionAlgorithm,
  context: Context,
  plaintext: Buffer,
  services: Pick<Services, 'hsm' | 'encryptions'>,
): Promise<{ readonly blob: Buffer; readonly keyMaterialId?: string }> {
  if (algorithm !== 'SYMMETRIC_DEFAULT') {
    return { blob: encryptOaep(keyObject(publicKeyOf(key)), algorithm, plaintext) };
  }
  const material = await encryptingMaterial(key, services);
  const blob = await services.hsm.encrypt(material, canonicalContext(context), plaintext);
  return { blob, keyMaterialId: material.keyMaterialId };
}

/** Decrypts in the token. @returns the plaintext, which the caller zeroes */
export function decryptWith(
  key: Key,
  algorithm: EncryptionAlgorithm,
  context: Context,
  ciphertext: Buffer,
  hsm: Hsm,
): Promise<Buffer> {
  return algorithm === 'SYMMETRIC_DEFAULT'
    ? hsm.decrypt(ciphertext, canonicalContext(context))
    : hsm.rsaDecrypt(currentMaterial(key), algorithm, ciphertext);
}
