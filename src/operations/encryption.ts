import { KmsError } from '../errors.ts';
import { currentMaterialOf, type Key } from '../keys/key.ts';
import type { Facts, Services, Subject } from './operation.ts';
import { requestAlias } from './resolve.ts';

/** What the operations that encrypt and decrypt have in common. */

/** A key that an operation encrypts or decrypts with, and what conditions of policies may ask of the request. */
export function use(
  key: Key,
  action: string,
  given: {
    readonly keyId: string | undefined;
    readonly context: Readonly<Record<string, string>> | undefined;
    readonly facts?: Facts;
  },
): Subject {
  const { keyId, context: encryptionContext, facts } = given;
  return {
    type: 'key',
    action,
    key,
    rule: 'use',
    usage: 'ENCRYPT_DECRYPT',
    ...(facts && { facts }),
    encryptionContext,
    requestAlias: requestAlias(keyId),
  };
}

const symmetric: Facts = { 'kms:encryptionalgorithm': 'SYMMETRIC_DEFAULT' };

/** What conditions of policies ask of the algorithm that a request names, or doesn't. */
export function algorithmFacts(named: string = 'SYMMETRIC_DEFAULT'): Facts {
  return named === 'SYMMETRIC_DEFAULT' ? symmetric : { 'kms:encryptionalgorithm': named };
}

/** The id, as the API shows it, of the material that encrypts. */
export function currentMaterial(key: Key): { keyId: string; materialId: string; keyMaterialId: string } {
  const material = currentMaterialOf(key);
  if (material === undefined) {
    throw new KmsError('KMSInternalException', 'The request failed.', {
      detail: `key ${key.keyId} has no current material`,
    });
  }
  return { keyId: key.keyId, materialId: material.materialId, keyMaterialId: material.keyMaterialId };
}

/**
 * The symmetric material that is to encrypt once: that is counted now.
 * @throws KmsError KMSInvalidStateException where it has encrypted as often as it may
 */
export async function encryptingMaterial(
  key: Key,
  { encryptions }: Pick<Services, 'encryptions'>,
): Promise<ReturnType<typeof currentMaterial>> {
  const counted = encryptions.spend(key);
  if (counted !== undefined) await counted;
  return currentMaterial(key);
}

/** Base64 for the answer; the bytes themselves are zeroed. */
export function takeBase64(plaintext: Buffer): string {
  const text = plaintext.toString('base64');
  plaintext.fill(0);
  return text;
}
