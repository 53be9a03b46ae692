import { keyArn } from '../arn.ts';
import type { Key } from '../keys/key.ts';
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
    Origin: key.origin,
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: key.keySpec,
    KeySpec: key.keySpec,
    EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
    MultiRegion: false,
    CurrentKeyMaterialId: key.materials.find(({ materialId }) => materialId === key.currentMaterialId)
      ?.keyMaterialId,
  };
}
