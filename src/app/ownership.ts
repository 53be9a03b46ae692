import { type Hsm, HsmError, type TokenIdentity } from '../keys/hsm.ts';

/** Store and token don't belong together: the message says what to do. */
export class OwnershipError extends Error {
  override readonly name = 'OwnershipError';
}

/** What the store says of itself. */
export interface StoreFacts {
  /** 32 hex digits. */
  readonly storeId: string;
  readonly accounts: number;
  readonly keys: number;
}

/**
 * Whether this token is this store's, by its canary; a fresh store may claim an empty token.
 * @returns `ours`, or `claimable` where both are fresh
 * @throws OwnershipError for every other pair
 */
export function ownership(store: StoreFacts, token: TokenIdentity): 'ours' | 'claimable' {
  const named = `the token \`${token.label}\` (serial ${token.serial})`;
  if (token.storeId === store.storeId) return 'ours';
  if (token.storeId !== undefined) {
    throw new OwnershipError(
      store.keys === 0
        ? `this store is fresh, and ${named} belongs to store ${token.storeId}: restore that store from its backup, or configure a token of its own for this one`
        : `${named} belongs to store ${token.storeId}, not to this store ${store.storeId}: configure the token or the store that belongs with it`,
    );
  }
  if (store.keys > 0) {
    throw new OwnershipError(
      `the store has ${store.keys} keys and ${named} has no canary of it: the token was lost, emptied or is another one; restore the token from its backup, or configure the right one`,
    );
  }
  return 'claimable';
}

/** Makes sure that the token is the store's, claiming it where both are fresh. @throws OwnershipError, HsmError */
export async function claimToken(store: StoreFacts, hsm: Hsm): Promise<void> {
  ownership(store, await identityOf(hsm));
  await hsm.claim(store.storeId);
}

/**
 * As the service starts: no token is claimed any more. On the store's own, what an earlier version didn't make yet is
 * made. @throws OwnershipError, HsmError
 */
export async function requireToken(store: StoreFacts, hsm: Hsm): Promise<void> {
  if (store.accounts === 0) throw new OwnershipError('the store has no account: run `coffer init` first');
  const token = await identityOf(hsm);
  if (ownership(store, token) === 'claimable') {
    throw new OwnershipError(
      `the token \`${token.label}\` (serial ${token.serial}) is not claimed by this store: run \`coffer init\` first`,
    );
  }
  await hsm.claim(store.storeId);
}

async function identityOf(hsm: Hsm): Promise<TokenIdentity> {
  try {
    return await hsm.identity();
  } catch (cause) {
    if (!(cause instanceof HsmError) || cause.kind !== 'unavailable') throw cause;
    throw new OwnershipError(
      `${cause.message}: see that \`coffer token\` runs and is well, and that this user may attach to it (\`token.socketFolder\`, \`token.socketGroup\`)`,
      { cause },
    );
  }
}
