import type { Key } from '../keys/key.ts';
import { internalError } from './failure.ts';

/** The public half of a pair that is made: SubjectPublicKeyInfo in DER. @throws KmsError KMSInternalException */
export function publicKeyOf(key: Key): Buffer {
  if (key.publicKey === undefined) throw internalError(`key ${key.keyId} has no public key in the store`);
  return key.publicKey;
}
