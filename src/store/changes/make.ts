import type { Transaction } from 'kysely';
import type { ChangeOutcome, Invalidation } from '../../keys/repository.ts';
import type { Schema } from '../schema.ts';
import type { Change } from '../store.ts';
import { createAccessKey, deleteAccessKey, setAccessKeyStatus } from './access-key.ts';
import { createAccount } from './account.ts';
import { createAlias, deleteAlias, updateAlias } from './alias.ts';
import { createGrant, removeGrant } from './grant.ts';
import {
  addMember,
  createGroup,
  createRole,
  createUser,
  deleteIdentity,
  putIdentityTags,
  removeIdentityTags,
  removeMember,
  renameIdentity,
  updateRole,
} from './identity.ts';
import {
  attachPolicy,
  createPolicy,
  createPolicyVersion,
  deleteInlinePolicy,
  deletePolicy,
  deletePolicyVersion,
  detachPolicy,
  putInlinePolicy,
  setBoundary,
  setDefaultVersion,
} from './identity-policy.ts';
import { beginDeletion, beginImport, finishImport, importAgain } from './import.ts';
import {
  beginKey,
  destroyKey,
  finishKey,
  giveUpKey,
  setDescription,
  setPolicy,
  setState,
  takeBackKey,
} from './key.ts';
import {
  beginMaterial,
  disableRotation,
  enableRotation,
  giveUpMaterial,
  rotateMaterial,
  takeBackMaterial,
} from './rotation.ts';
import { putTags, removeTags } from './tag.ts';
import {
  beginWrappingKey,
  endWrappingKey,
  finishWrappingKey,
  forgetWrappingKey,
  giveUpWrappingKey,
} from './wrapping-key.ts';

export type Trx = Transaction<Schema>;
export type ChangeOf<Type extends Change['type']> = Extract<Change, { type: Type }>;

/** Done, with what is stale now, keys and aliases by their names in its scope; or why nothing was written. */
export type Made =
  | ({ readonly type: 'done' } & Omit<Invalidation, 'sequence'>)
  | Exclude<ChangeOutcome, { type: 'done' }>;

export const conflict: Made = { type: 'conflict' };

export function done(keys: readonly string[], aliases: readonly string[] = []): Made {
  return { type: 'done', keys, aliases, grants: [], credentials: [], accounts: [] };
}

/** Grants on a key that name a grantee changed, and nothing else of the key. */
export function grantsDone(keyId: string, granteeId: string): Made {
  return {
    type: 'done',
    keys: [],
    aliases: [],
    grants: [`${keyId}/${granteeId}`],
    credentials: [],
    accounts: [],
  };
}

/** Identities of an account changed, and with them these access keys. */
export function identitiesDone(account: string, credentials: readonly string[] = []): Made {
  return { type: 'done', keys: [], aliases: [], grants: [], credentials, accounts: [account] };
}

/**
 * INVARIANT: an outcome other than `done` has written nothing: each change checks before it first writes.
 */
export function make(trx: Trx, change: Change): Promise<Made> {
  switch (change.type) {
    case 'key-creating':
      return beginKey(trx, change);
    case 'key-created':
      return finishKey(trx, change);
    case 'key-abandoning':
      return giveUpKey(trx, change);
    case 'key-abandoned':
      return takeBackKey(trx, change);
    case 'key-state':
      return setState(trx, change);
    case 'key-destroyed':
      return destroyKey(trx, change);
    case 'key-description':
      return setDescription(trx, change);
    case 'key-policy':
      return setPolicy(trx, change);
    case 'rotation-enabled':
      return enableRotation(trx, change);
    case 'rotation-disabled':
      return disableRotation(trx, change);
    case 'material-creating':
      return beginMaterial(trx, change);
    case 'material-rotated':
      return rotateMaterial(trx, change);
    case 'material-abandoning':
      return giveUpMaterial(trx, change);
    case 'material-abandoned':
      return takeBackMaterial(trx, change);
    case 'material-importing':
      return beginImport(trx, change);
    case 'material-importing-again':
      return importAgain(trx, change);
    case 'material-imported':
      return finishImport(trx, change);
    case 'material-deleting':
      return beginDeletion(trx, change);
    case 'wrapping-key-creating':
      return beginWrappingKey(trx, change);
    case 'wrapping-key-created':
      return finishWrappingKey(trx, change);
    case 'wrapping-key-destroying':
      return giveUpWrappingKey(trx, change);
    case 'wrapping-key-destroyed':
      return endWrappingKey(trx, change);
    case 'wrapping-key-forgotten':
      return forgetWrappingKey(trx, change);
    case 'alias-created':
      return createAlias(trx, change);
    case 'alias-updated':
      return updateAlias(trx, change);
    case 'alias-deleted':
      return deleteAlias(trx, change);
    case 'tags-put':
      return putTags(trx, change);
    case 'tags-removed':
      return removeTags(trx, change);
    case 'account-created':
      return createAccount(trx, change);
    case 'user-created':
      return createUser(trx, change);
    case 'group-created':
      return createGroup(trx, change);
    case 'role-created':
      return createRole(trx, change);
    case 'identity-renamed':
      return renameIdentity(trx, change);
    case 'role-updated':
      return updateRole(trx, change);
    case 'identity-deleted':
      return deleteIdentity(trx, change);
    case 'member-added':
      return addMember(trx, change);
    case 'member-removed':
      return removeMember(trx, change);
    case 'boundary-set':
      return setBoundary(trx, change);
    case 'identity-tags-put':
      return putIdentityTags(trx, change);
    case 'identity-tags-removed':
      return removeIdentityTags(trx, change);
    case 'inline-policy-put':
      return putInlinePolicy(trx, change);
    case 'inline-policy-deleted':
      return deleteInlinePolicy(trx, change);
    case 'policy-created':
      return createPolicy(trx, change);
    case 'policy-deleted':
      return deletePolicy(trx, change);
    case 'policy-version-created':
      return createPolicyVersion(trx, change);
    case 'policy-version-deleted':
      return deletePolicyVersion(trx, change);
    case 'policy-default-set':
      return setDefaultVersion(trx, change);
    case 'policy-attached':
      return attachPolicy(trx, change);
    case 'policy-detached':
      return detachPolicy(trx, change);
    case 'access-key-created':
      return createAccessKey(trx, change);
    case 'access-key-status':
      return setAccessKeyStatus(trx, change);
    case 'access-key-deleted':
      return deleteAccessKey(trx, change);
    case 'grant-created':
      return createGrant(trx, change);
    case 'recorded':
      return Promise.resolve(done([]));
    case 'grant-removed':
      return removeGrant(trx, change);
  }
}
