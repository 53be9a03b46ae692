import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import type { Key, KeyOrigin } from '../keys/key.ts';
import { wrongOrigin } from '../keys/state.ts';

/** What the operations on imported material have in common. */

/** @throws KmsError UnsupportedOperationException */
export function requireOrigin(key: Key, origin: KeyOrigin): void {
  if (key.origin !== origin) throw wrongOrigin(keyArn(key, key.keyId), key.origin);
}

/** A material of the key is on its way into the token, or out of it. */
export function importUnderWay(key: Key): KmsError {
  return new KmsError(
    'KMSInvalidStateException',
    `Key material of ${keyArn(key, key.keyId)} is being imported or deleted: try again in a moment.`,
  );
}
