import { keyArn } from '../arn.ts';
import { algorithmsOfKey, currentMaterialOf, type Key } from '../keys/key.ts';
import type { Algorithm } from '../keys/spec/algorithm.ts';
import { publicState } from '../keys/state.ts';

/** Timestamps on the wire are seconds since the epoch, with fractions. */
export function timestamp(milliseconds: number): number {
  return milliseconds / 1000;
}

/** `KeyMetadata` as CreateKey and DescribeKey answer it. */
export function keyMetadata(key: Key): object {
  const state = publicState(key.state);
  return {
    AWSAccountId: key.account,
    KeyId: key.keyId,
    Arn: keyArn(key, key.keyId),
    CreationDate: timestamp(key.createdAt),
    Enabled: state === 'Enabled',
    Description: key.description,
    KeyUsage: key.keyUsage,
    KeyState: state,
    ...(key.deletionDate !== undefined && { DeletionDate: timestamp(key.deletionDate) }),
    ...expirationOf(key),
    Origin: key.origin,
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: key.keySpec,
    KeySpec: key.keySpec,
    ...algorithmMembers(key),
    MultiRegion: false,
    // Only of keys that can have several: others never tell theirs.
    ...(key.keySpec === 'SYMMETRIC_DEFAULT' && {
      CurrentKeyMaterialId: currentMaterialOf(key)?.keyMaterialId,
    }),
  };
}

/** Of what is there of a key's imported material, the earliest end. */
function expirationOf({ materials }: Key): object | undefined {
  const there = materials.flatMap(({ import: given }) => (given?.state === 'Imported' ? [given] : []));
  if (there.length === 0) return undefined;
  const ends = there.flatMap(({ validTo }) => (validTo === undefined ? [] : [validTo]));
  return expirationMembers(ends.length === 0 ? undefined : Math.min(...ends));
}

/** @param validTo milliseconds since the epoch */
export function expirationMembers(validTo: number | undefined): object {
  return validTo === undefined
    ? { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' }
    : { ExpirationModel: 'KEY_MATERIAL_EXPIRES', ValidTo: timestamp(validTo) };
}

/** The key's algorithms under the name that they have for its usage. */
export function algorithmMembers(key: Key): { readonly [member: string]: readonly Algorithm[] } {
  const algorithms = algorithmsOfKey(key);
  switch (key.keyUsage) {
    case 'ENCRYPT_DECRYPT':
      return { EncryptionAlgorithms: algorithms };
    case 'SIGN_VERIFY':
      return { SigningAlgorithms: algorithms };
    case 'GENERATE_VERIFY_MAC':
      return { MacAlgorithms: algorithms };
    case 'KEY_AGREEMENT':
      return { KeyAgreementAlgorithms: algorithms };
  }
}
