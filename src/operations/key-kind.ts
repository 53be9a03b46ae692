import { KmsError } from '../errors.ts';
import type { Hsm } from '../keys/hsm.ts';
import { type Algorithm, namesOf } from '../keys/spec/algorithm.ts';
import {
  algorithmsOf,
  factsOf,
  isRefusedKeySpec,
  type KeySpec,
  type KeyUsage,
  keySpecs,
  keyUsages,
  refusedKeySpecs,
  refusedKeyUsages,
  usagesOf,
} from '../keys/spec/key-spec.ts';

/** The names that CreateKey takes, also of what it then refuses. */
export const specNames = [...namesOf(keySpecs), ...namesOf(refusedKeySpecs)] as const;
export const usageNames = [...keyUsages, ...refusedKeyUsages] as const;

interface GivenKind {
  readonly KeySpec?: (typeof specNames)[number] | undefined;
  readonly CustomerMasterKeySpec?: (typeof specNames)[number] | undefined;
  readonly KeyUsage?: (typeof usageNames)[number] | undefined;
}

/**
 * What kind of key is asked for.
 * @throws KmsError ValidationException where it is none; UnsupportedOperationException where AWS has it and Coffer doesn't
 */
export function wantedKind(given: GivenKind): { keySpec: KeySpec; keyUsage: KeyUsage } {
  if (given.KeySpec !== undefined && given.CustomerMasterKeySpec !== undefined) {
    throw new KmsError(
      'ValidationException',
      'You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.',
    );
  }
  const keySpec = given.KeySpec ?? given.CustomerMasterKeySpec ?? 'SYMMETRIC_DEFAULT';
  if (isRefusedKeySpec(keySpec)) {
    const member = given.KeySpec === undefined ? 'CustomerMasterKeySpec' : 'KeySpec';
    throw notSupported(member, `${keySpec}: ${refusedKeySpecs[keySpec]}`);
  }
  const wanted = given.KeyUsage ?? factsOf(keySpec).defaultUsage;
  if (wanted === undefined) {
    throw new KmsError(
      'ValidationException',
      'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    );
  }
  const keyUsage = usagesOf(keySpec).find((usage) => usage === wanted);
  if (keyUsage === undefined) {
    throw new KmsError('ValidationException', `KeyUsage ${wanted} is not compatible with KeySpec ${keySpec}`);
  }
  return { keySpec, keyUsage };
}

/**
 * Asks the token what it truly does, before anything is made.
 * @returns the algorithms of the kind that it can't do; `undefined` where it can do all
 * @throws KmsError UnsupportedOperationException where it can do none
 */
export async function lackingAlgorithms(
  keySpec: KeySpec,
  keyUsage: KeyUsage,
  hsm: Hsm,
): Promise<readonly Algorithm[] | undefined> {
  // No token is taken into service that can't do this.
  if (keySpec === 'SYMMETRIC_DEFAULT') return undefined;
  const { keys } = await hsm.capabilities();
  const found = keys.find((one) => one.keySpec === keySpec && one.keyUsage === keyUsage);
  if (found === undefined || found.algorithms.length === 0) {
    throw new KmsError(
      'UnsupportedOperationException',
      `The token of this key store lacks what KeySpec ${keySpec} with KeyUsage ${keyUsage} needs.`,
      { detail: found?.problem ?? 'the token tier does not know the key spec' },
    );
  }
  const lacking = algorithmsOf(keySpec, keyUsage).filter((one) => !found.algorithms.includes(one));
  return lacking.length === 0 ? undefined : lacking;
}

/** What AWS has and Coffer doesn't. */
export function notSupported(member: string, value: string): KmsError {
  return new KmsError('UnsupportedOperationException', `CreateKey does not support ${member} ${value}.`);
}
