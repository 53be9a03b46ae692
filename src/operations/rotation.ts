import { keyArn } from '../arn.ts';
import { recordServiceEvent } from '../audit/build.ts';
import type { AuditRecord } from '../audit/record.ts';
import type { Clock } from '../clock.ts';
import { KmsError } from '../errors.ts';
import {
  currentMaterialOf,
  type Key,
  type KeyOrigin,
  type Material,
  type RotationType,
} from '../keys/key.ts';
import { wrongOrigin } from '../keys/state.ts';

/** What the operations that rotate and the job have in common. */

/** @throws KmsError UnsupportedOperationException for a key whose material is never replaced */
export function checkRotates(key: Key, origins: readonly KeyOrigin[]): void {
  const arn = keyArn(key, key.keyId);
  if (key.keySpec !== 'SYMMETRIC_DEFAULT') {
    throw new KmsError(
      'UnsupportedOperationException',
      `${arn} key spec is ${String(key.keySpec)} which is not valid for this operation.`,
    );
  }
  if (!origins.includes(key.origin)) throw wrongOrigin(arn, key.origin);
}

/** As CloudTrail shows it (AWS KMS developer guide, "RotateKey" log entry). */
export function recordRotation(
  clock: Clock,
  key: Key,
  material: Pick<Material, 'keyMaterialId'>,
  type: RotationType,
): AuditRecord {
  const { region, account, keyId, origin } = key;
  return recordServiceEvent(clock, {
    name: 'RotateKey',
    region,
    account,
    resources: [{ accountId: account, type: 'AWS::KMS::Key', ARN: keyArn(key, keyId) }],
    details: {
      rotationType: type,
      keyOrigin: origin,
      previousKeyMaterialId: currentMaterialOf(key)?.keyMaterialId,
      currentKeyMaterialId: material.keyMaterialId,
    },
  });
}
