import { KmsError } from '../errors.ts';
import type { Key } from '../keys/key.ts';
import type { Algorithm } from '../keys/spec/algorithm.ts';
import { algorithmsOf } from '../keys/spec/key-spec.ts';

/**
 * The algorithm that a request names, where the key can do it.
 * @param table the algorithms of the operation's kind
 * @throws KmsError InvalidKeyUsageException where the key's spec doesn't have it; UnsupportedOperationException where
 *   the key's token lacks it
 */
export function requireAlgorithm<Name extends Algorithm>(
  key: Key,
  named: string,
  table: Readonly<Record<Name, unknown>>,
): Name {
  const { keySpec, keyUsage, lacking } = key;
  const offered: readonly string[] = algorithmsOf(keySpec, keyUsage);
  if (!isOf(table, named) || !offered.includes(named)) {
    throw new KmsError(
      'InvalidKeyUsageException',
      `Algorithm ${named} is incompatible with key spec ${keySpec}.`,
    );
  }
  if (lacking?.includes(named)) throw tokenLacks(named);
  return named;
}

/** @param what for example an algorithm */
export function tokenLacks(what: string): KmsError {
  return new KmsError(
    'UnsupportedOperationException',
    `The token of this key store does not support ${what}.`,
  );
}

function isOf<Name extends string>(table: Readonly<Record<Name, unknown>>, name: string): name is Name {
  return Object.hasOwn(table, name);
}
