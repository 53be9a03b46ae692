import { KmsError } from '../errors.ts';
import type { Hsm } from '../keys/hsm.ts';
import { factsOf, type KeySpec, type KeyUsage } from '../keys/spec/key-spec.ts';
import type { WrappingAlgorithm } from '../keys/spec/wrapping.ts';
import { notSupported } from './key-kind.ts';

/** What the token can't do is refused before anything is made. */

/** @throws KmsError UnsupportedOperationException where no material can be imported for such a key */
export async function requireImports(keySpec: KeySpec, keyUsage: KeyUsage, hsm: Hsm): Promise<void> {
  if (!factsOf(keySpec).importable) throw notSupported('Origin', `EXTERNAL with KeySpec ${keySpec}`);
  const ways = await waysOf(keySpec, keyUsage, hsm);
  if (ways.some(({ where }) => where !== undefined)) return;
  throw new KmsError(
    'UnsupportedOperationException',
    `The token of this key store lacks what importing key material for KeySpec ${keySpec} with KeyUsage ${keyUsage} needs.`,
    { detail: ways.map(({ wrappingAlgorithm, problem }) => `${wrappingAlgorithm}: ${problem}`).join('; ') },
  );
}

/** @throws KmsError UnsupportedOperationException where material that is wrapped like that can't be imported */
export async function requireWay(
  algorithm: WrappingAlgorithm,
  keySpec: KeySpec,
  keyUsage: KeyUsage,
  hsm: Hsm,
): Promise<void> {
  const ways = await waysOf(keySpec, keyUsage, hsm);
  const way = ways.find(({ wrappingAlgorithm }) => wrappingAlgorithm === algorithm);
  if (way?.where !== undefined) return;
  const others = ways.flatMap(({ where, wrappingAlgorithm }) => (where ? [wrappingAlgorithm] : []));
  throw new KmsError(
    'UnsupportedOperationException',
    `The token of this key store can not unwrap ${algorithm} for KeySpec ${keySpec}${
      others.length === 0 ? '' : `: it can unwrap ${others.join(', ')}`
    }.`,
    { detail: way?.problem ?? 'the token tier does not know this way' },
  );
}

async function waysOf(keySpec: KeySpec, keyUsage: KeyUsage, hsm: Hsm) {
  const { imports } = await hsm.capabilities();
  return imports.filter((way) => way.keySpec === keySpec && way.keyUsage === keyUsage);
}
