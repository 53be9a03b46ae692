import { randomBytes, randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { iamArn, type Scope } from '../../../src/arn.ts';
import type { AuditRecord } from '../../../src/audit/record.ts';
import type { Clock } from '../../../src/clock.ts';
import type { Group, ManagedPolicy, Role, User } from '../../../src/identity/entity.ts';
import { newIdentifier } from '../../../src/identity/identifier.ts';
import type { Grant } from '../../../src/keys/grant.ts';
import type { Alias, Key } from '../../../src/keys/key.ts';
import type { Applied, Change, StoreReader, StoreWriter } from '../../../src/store/store.ts';
import type { Tag } from '../../../src/tag.ts';

/** Where one store is. Every database that can hold a store has a way to make these. */
export interface Place {
  openWriter(clock: Clock): Promise<StoreWriter>;
  openReader(): Promise<StoreReader>;
  /** Closes nothing: readers and writers are closed by who opened them. */
  remove(): Promise<void>;
}

export type MakePlace = () => Promise<Place>;

/** A store that is open both ways, with one account. */
export interface Opened {
  readonly place: Place;
  readonly writer: StoreWriter;
  readonly reader: StoreReader;
}

export const clock: Clock = { now: () => 1_700_000_000_000, monotonic: () => 0 };
export const scope: Scope = { region: 'us-east-1', account: '111122223333' };

export async function open(make: MakePlace): Promise<Opened> {
  const place = await make();
  const writer = await place.openWriter(clock);
  await writer.createAccount(scope.account, 'main');
  return { place, writer, reader: await place.openReader() };
}

export async function close({ place, writer, reader }: Opened): Promise<void> {
  await reader.close();
  await writer.close();
  await place.remove();
}

/** A key that the token makes the material of. */
export type MadeKey = Key & { readonly currentMaterialId: string };

export function newKey(over: Partial<Key> = {}): MadeKey {
  const materialId = randomBytes(16).toString('hex');
  return {
    ...scope,
    keyId: randomUUID(),
    state: 'Creating',
    description: 'for a test',
    keySpec: 'SYMMETRIC_DEFAULT',
    keyUsage: 'ENCRYPT_DECRYPT',
    origin: 'AWS_KMS',
    createdAt: 1_700_000_000_001,
    materials: [{ materialId, keyMaterialId: randomBytes(32).toString('hex'), createdAt: 1_700_000_000_002 }],
    policy: undefined,
    tags: [],
    aliases: [],
    ...over,
    currentMaterialId: over.currentMaterialId ?? materialId,
  };
}

export function newAlias(aliasName: string, targetKeyId: string, where: Scope = scope): Alias {
  return {
    region: where.region,
    account: where.account,
    aliasName,
    targetKeyId,
    createdAt: 1_700_000_000_003,
    updatedAt: 1_700_000_000_003,
  };
}

export function newUser(name: string, over: Partial<User> = {}): User {
  const path = over.path ?? '/';
  return {
    type: 'User',
    account: scope.account,
    id: newIdentifier('AIDA'),
    name,
    path,
    arn: iamArn(scope.account, 'user', path, name),
    createdAt: 1_700_000_000_004,
    boundary: undefined,
    tags: [],
    ...over,
  };
}

export function newGroup(name: string): Group {
  return {
    type: 'Group',
    account: scope.account,
    id: newIdentifier('AGPA'),
    name,
    path: '/',
    arn: iamArn(scope.account, 'group', '/', name),
    createdAt: 1_700_000_000_005,
  };
}

export function newRole(name: string, over: Partial<Role> = {}): Role {
  return {
    type: 'Role',
    account: scope.account,
    id: newIdentifier('AROA'),
    name,
    path: '/',
    arn: iamArn(scope.account, 'role', '/', name),
    createdAt: 1_700_000_000_006,
    boundary: undefined,
    tags: [],
    trustPolicy: '{"trust":"nobody"}',
    description: undefined,
    maxSessionDuration: 3_600,
    ...over,
  };
}

export function newPolicy(name: string, over: Partial<ManagedPolicy> = {}): ManagedPolicy {
  return {
    account: scope.account,
    id: newIdentifier('ANPA'),
    name,
    path: '/',
    arn: iamArn(scope.account, 'policy', '/', name),
    createdAt: 1_700_000_000_007,
    description: undefined,
    defaultVersion: 1,
    lastVersion: 1,
    updatedAt: 1_700_000_000_007,
    tags: [],
    ...over,
  };
}

export function newGrant(over: Partial<Grant> & Pick<Grant, 'keyId'>): Grant {
  return {
    ...scope,
    grantId: randomBytes(32).toString('hex'),
    name: undefined,
    granteeId: 'AIDAGRANTEE',
    retiringId: undefined,
    operations: ['Decrypt'],
    constraints: {},
    issuingAccount: scope.account,
    createdAt: 1_700_000_000_004,
    ...over,
  };
}

export function newRecord(eventName: string): AuditRecord {
  return {
    eventVersion: '1.11',
    userIdentity: { type: 'IAMUser', accountId: scope.account },
    eventTime: '2026-01-31T23:59:59Z',
    eventSource: 'kms.amazonaws.com',
    eventName,
    awsRegion: scope.region,
    sourceIPAddress: '127.0.0.1',
    userAgent: 'a test',
    requestParameters: { description: 'snow ☃ and a quote "' },
    responseElements: null,
    requestID: randomUUID(),
    eventID: randomUUID(),
    readOnly: false,
    resources: [],
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: scope.account,
    eventCategory: 'Management',
  };
}

export const all = [
  'Creating',
  'Abandoning',
  'Enabled',
  'Disabled',
  'PendingDeletion',
  'Destroying',
] as const;

/** Applies what must be `done`. */
export async function apply(writer: StoreWriter, change: Change): Promise<Applied> {
  const applied = await writer.apply(change, undefined);
  expect(applied.outcome).to.deep.equal({ type: 'done' });
  return applied;
}

/** A user that is there, in as many groups. */
export async function addUser(writer: StoreWriter, user: User, groups: readonly Group[] = []): Promise<User> {
  await apply(writer, { ...scope, type: 'user-created', user, limit: 100 });
  for (const group of groups) {
    await apply(writer, { ...scope, type: 'group-created', group, limit: 100 });
    await apply(writer, { ...scope, type: 'member-added', groupId: group.id, userId: user.id, limit: 100 });
  }
  return user;
}

/** A key that is there, in the state asked for. */
export async function addKey(
  writer: StoreWriter,
  over: Partial<Key> = {},
  tags: readonly Tag[] = [],
): Promise<MadeKey> {
  const { state = 'Enabled', deletionDate = 1_700_000_600_000 } = over;
  const key = newKey({ tags, ...over, state: 'Creating' });
  const where = { region: key.region, account: key.account };
  const { keyId } = key;
  await apply(writer, { ...where, type: 'key-creating', key });
  if (state === 'Creating') return key;
  if (state === 'Abandoning') {
    await apply(writer, { ...where, type: 'key-abandoning', keyId });
    return { ...key, state };
  }
  await apply(writer, { ...where, type: 'key-created', keyId });
  if (state === 'Enabled') return { ...key, state };
  if (state === 'Disabled') {
    await apply(writer, { ...where, type: 'key-state', keyId, from: ['Enabled'], to: state });
    return { ...key, state };
  }
  await apply(writer, { ...where, type: 'key-state', keyId, from: all, to: 'PendingDeletion', deletionDate });
  if (state === 'Destroying') {
    await apply(writer, { ...where, type: 'key-state', keyId, from: all, to: 'Destroying' });
  }
  return { ...key, state, deletionDate };
}

/** @returns the error that `work` rejects with, which must be one of the store's */
export async function rejection(work: Promise<unknown>): Promise<{ kind: string; message: string }> {
  const error = await work.then(
    () => expect.fail('it was accepted'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof Error) || !('kind' in error)) throw error;
  expect(error.name).to.equal('StoreError');
  return { kind: String(error.kind), message: error.message };
}
