import type { MaybePromise } from '../maybe-promise.ts';
import type { Grant } from './grant.ts';
import { readGrantToken } from './grant-token.ts';
import type { Grantee } from './grantee.ts';
import type { Key } from './key.ts';
import type { KeyRepository } from './repository.ts';

/**
 * The grants on a key that name a caller: those that the node knows, and those that the request's grant tokens
 * name, which this node may not know of yet. A token of a grant that is gone, on another key or for somebody else
 * adds nothing.
 * @param tokens well-formed
 * @returns at once where all of it is cached
 */
export function grantsFor(
  keys: Pick<KeyRepository, 'findGrants' | 'findGrant'>,
  key: Pick<Key, 'region' | 'account' | 'keyId'>,
  grantees: readonly Grantee[],
  tokens: readonly string[],
): MaybePromise<readonly Grant[]> {
  const found: (readonly Grant[])[] = [];
  const awaited: Promise<readonly Grant[]>[] = [];
  for (const { id } of grantees) {
    const grants = keys.findGrants(key, key.keyId, id);
    if (grants instanceof Promise) awaited.push(grants);
    else found.push(grants);
  }
  if (awaited.length === 0 && tokens.length === 0) return found.flat();
  return Promise.all(awaited).then((more) =>
    withTokens(keys, key, grantees, tokens, [...found, ...more].flat()),
  );
}

async function withTokens(
  keys: Pick<KeyRepository, 'findGrant'>,
  key: Pick<Key, 'region' | 'account' | 'keyId'>,
  grantees: readonly Grantee[],
  tokens: readonly string[],
  grants: Grant[],
): Promise<readonly Grant[]> {
  for (const token of tokens) {
    const named = readGrantToken(token);
    if (named === undefined || named.keyId !== key.keyId) continue;
    if (named.region !== key.region || named.account !== key.account) continue;
    if (grants.some(({ grantId }) => grantId === named.grantId)) continue;
    const grant = await keys.findGrant(key, key.keyId, named.grantId);
    if (grant !== undefined && grantees.some(({ id }) => id === grant.granteeId)) grants.push(grant);
  }
  return grants;
}
