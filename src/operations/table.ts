import { KmsError } from '../errors.ts';
import type { ServiceName } from '../service.ts';
import { lookupEvents } from './cloudtrail/lookup-events.ts';
import { createAlias } from './create-alias.ts';
import { createGrant } from './create-grant.ts';
import { createKey } from './create-key.ts';
import { decrypt } from './decrypt.ts';
import { deleteAlias } from './delete-alias.ts';
import { deleteImportedKeyMaterial } from './delete-imported-key-material.ts';
import { deriveSharedSecret } from './derive-shared-secret.ts';
import { describeKey } from './describe-key.ts';
import { disableKeyRotation } from './disable-key-rotation.ts';
import { enableKeyRotation } from './enable-key-rotation.ts';
import { encrypt } from './encrypt.ts';
import { generateDataKey } from './generate-data-key.ts';
import { generateDataKeyPair } from './generate-data-key-pair.ts';
import { generateDataKeyPairWithoutPlaintext } from './generate-data-key-pair-without-plaintext.ts';
import { generateDataKeyWithoutPlaintext } from './generate-data-key-without-plaintext.ts';
import { generateMac } from './generate-mac.ts';
import { generateRandom } from './generate-random.ts';
import { getKeyLastUsage } from './get-key-last-usage.ts';
import { getKeyPolicy } from './get-key-policy.ts';
import { getKeyRotationStatus } from './get-key-rotation-status.ts';
import { getParametersForImport } from './get-parameters-for-import.ts';
import { getPublicKey } from './get-public-key.ts';
import { iamOperations } from './iam/all.ts';
import { importKeyMaterial } from './import-key-material.ts';
import { cancelKeyDeletion, disableKey, enableKey } from './key-state-change.ts';
import { listAliases } from './list-aliases.ts';
import { listGrants } from './list-grants.ts';
import { listKeyPolicies } from './list-key-policies.ts';
import { listKeyRotations } from './list-key-rotations.ts';
import { listKeys } from './list-keys.ts';
import { listResourceTags } from './list-resource-tags.ts';
import { listRetirableGrants } from './list-retirable-grants.ts';
import { operationNames } from './names.ts';
import type { Operation } from './operation.ts';
import { putKeyPolicy } from './put-key-policy.ts';
import { reEncrypt } from './re-encrypt.ts';
import { retireGrant } from './retire-grant.ts';
import { revokeGrant } from './revoke-grant.ts';
import { rotateKeyOnDemand } from './rotate-key-on-demand.ts';
import { scheduleKeyDeletion } from './schedule-key-deletion.ts';
import { sign } from './sign.ts';
import { stsOperations } from './sts/table.ts';
import { tagResource } from './tag-resource.ts';
import { untagResource } from './untag-resource.ts';
import { updateAlias } from './update-alias.ts';
import { updateKeyDescription } from './update-key-description.ts';
import { verify } from './verify.ts';
import { verifyMac } from './verify-mac.ts';

const all: readonly Operation[] = [
  cancelKeyDeletion,
  createAlias,
  createGrant,
  createKey,
  decrypt,
  deleteAlias,
  deleteImportedKeyMaterial,
  deriveSharedSecret,
  describeKey,
  disableKey,
  disableKeyRotation,
  enableKey,
  enableKeyRotation,
  encrypt,
  generateDataKey,
  generateDataKeyPair,
  generateDataKeyPairWithoutPlaintext,
  generateDataKeyWithoutPlaintext,
  generateMac,
  generateRandom,
  getKeyLastUsage,
  getKeyPolicy,
  getKeyRotationStatus,
  getParametersForImport,
  getPublicKey,
  importKeyMaterial,
  listAliases,
  listGrants,
  listKeyPolicies,
  listKeyRotations,
  listKeys,
  listResourceTags,
  putKeyPolicy,
  listRetirableGrants,
  reEncrypt,
  retireGrant,
  revokeGrant,
  rotateKeyOnDemand,
  scheduleKeyDeletion,
  sign,
  tagResource,
  untagResource,
  updateAlias,
  updateKeyDescription,
  verify,
  verifyMac,
  ...stsOperations,
  lookupEvents,
  ...iamOperations,
];

function tableOf(service: ServiceName): ReadonlyMap<string, Operation> {
  const own = all.filter((operation) => operation.service === service);
  return new Map(own.map((operation) => [operation.name, operation]));
}

const tables: Readonly<Record<ServiceName, ReadonlyMap<string, Operation>>> = {
  kms: tableOf('kms'),
  iam: tableOf('iam'),
  sts: tableOf('sts'),
  cloudtrail: tableOf('cloudtrail'),
};

/** The operations of KMS that are there. */
export const operations = tables.kms;

export function findOperation(service: ServiceName, name: string): Operation | undefined {
  return tables[service].get(name);
}

const known: ReadonlySet<string> = new Set(operationNames);

/** What is answered to a name that `findOperation` doesn't know. */
export function noSuchOperation(service: ServiceName, name: string): KmsError {
  return service === 'kms' && known.has(name)
    ? new KmsError('UnsupportedOperationException', `The operation ${name} is not supported.`)
    : new KmsError('UnknownOperationException', '');
}

/** An operation's label in metrics: of KMS its name, of another service `iam:CreateUser`. */
export function metricName(service: ServiceName, operation: string): string {
  return service === 'kms' ? operation : `${service}:${operation}`;
}

/** Every label that `metricName` may give a request of an operation that there is. */
export const metricNames: readonly string[] = [
  ...operationNames,
  ...all.filter(({ service }) => service !== 'kms').map(({ service, name }) => metricName(service, name)),
];
