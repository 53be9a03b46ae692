import type { Transaction } from 'kysely';
import type { ChangeOutcome } from '../../keys/repository.ts';
import type { Schema } from '../schema.ts';
import type { Change } from '../store.ts';
import { createAlias, deleteAlias, updateAlias } from './alias.ts';
import { createGrant, removeGrant } from './grant.ts';
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
import { putTags, removeTags } from './tag.ts';

export type Trx = Transaction<Schema>;
export type ChangeOf<Type extends Change['type']> = Extract<Change, { type: Type }>;

/** Done, with the names in its scope that are stale now; or the reason why nothing was written. */
export type Made =
  | {
      readonly type: 'done';
      readonly keys: readonly string[];
      readonly aliases: readonly string[];
      /** `<key id>/<grantee's id>`. */
      readonly grants: readonly string[];
    }
  | Exclude<ChangeOutcome, { type: 'done' }>;

export const conflict: Made = { type: 'conflict' };

export function done(keys: readonly string[], aliases: readonly string[] = []): Made {
  return { type: 'done', keys, aliases, grants: [] };
}

/** Grants on a key that name a grantee changed, and nothing else of the key. */
export function grantsDone(keyId: string, granteeId: string): Made {
  return { type: 'done', keys: [], aliases: [], grants: [`${keyId}/${granteeId}`] };
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
    case 'grant-created':
      return createGrant(trx, change);
    case 'grant-removed':
      return removeGrant(trx, change);
  }
}
