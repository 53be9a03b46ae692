import type { MaybePromise } from '../maybe-promise.ts';
import type { Grant } from './grant.ts';
import { grantsSought } from './grant-index.ts';
import { readGrantToken } from './grant-token.ts';
import type { GrantRequest } from './grant-verdict.ts';
import type { Grantee } from './grantee.ts';
import type { Key } from './key.ts';
import type { GrantsFound, KeyRepository } from './repository.ts';

type KeyName = Pick<Key, 'region' | 'account' | 'keyId'>;

/**
 * The grants on a key that name a caller and may allow a request: those that the node knows, and those that the
 * request's grant tokens name, which this node may not know of yet. A token of a grant that is gone, on another key
 * or for somebody else adds nothing.
 * @param tokens well-formed
 * @returns at once where all of it is cached
 */
export function grantsFor(
  keys: Pick<KeyRepository, 'findGrants' | 'findGrantsSought' | 'findGrant'>,
  key: KeyName,
  grantees: readonly Grantee[],
  tokens: readonly string[],
  request: GrantRequest,
): MaybePromise<readonly Grant[]> {
  const known: (readonly Grant[])[] = [];
  const awaited: Promise<readonly Grant[]>[] = [];
  for (const { id } of grantees) {
    const found = keys.findGrants(key, key.keyId, id);
    if (found instanceof Promise) awaited.push(found.then((there) => theirs(id, there)));
    else if (found.more) awaited.push(theirs(id, found));
    else known.push(found.grants);
  }
  if (awaited.length === 0 && tokens.length === 0) return known.flat();
  return Promise.all(awaited).then((more) =>
    withTokens(keys, key, grantees, tokens, [...known, ...more].flat()),
  );

  async function theirs(granteeId: string, { grants, more }: GrantsFound): Promise<readonly Grant[]> {
    return more ? keys.findGrantsSought(key, key.keyId, granteeId, grantsSought(request)) : grants;
  }
}

async function withTokens(
  keys: Pick<KeyRepository, 'findGrant'>,
  key: KeyName,
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
