/** What a token holds of Coffer besides keys: canary, trail key, sealing key. */
import { createHash } from 'node:crypto';
import type { TokenIdentity } from '../../keys/hsm.ts';
import { Failure } from './failure.ts';
import { canaryLabel, destroy, findKeys, generate, sealingLabel, trailLabel } from './object.ts';
import type { Token } from './token.ts';

/**
 * Makes the three keys. The canary comes last and its CKA_ID is the store's id: a claim that was interrupted
 * has no canary, or one that can't be used, and is made anew from the start.
 * @throws Failure `internal` where the token belongs to a store, or has keys whose store can't be told
 */
export function claim(token: Token, storeId: Buffer): void {
  const owner = token.storeId;
  if (owner === storeId.toString('hex')) return;
  if (owner !== undefined) throw new Failure('internal', `the token belongs to the store \`${owner}\``);
  if (token.list().some(({ kind }) => kind === 'material')) {
    throw new Failure('internal', 'the token has keys of Coffer and no canary that says whose they are');
  }
  const session = token.grapheneSession;
  for (const label of [canaryLabel, trailLabel, sealingLabel]) {
    for (const leftover of findKeys(session, { label })) destroy(leftover);
  }
  generate(session, 'mac', trailLabel, ownId(trailLabel, storeId), token.quirk);
  generate(session, 'cipher', sealingLabel, ownId(sealingLabel, storeId), token.quirk);
  generate(session, 'cipher', canaryLabel, storeId, token.quirk);
  if (token.storeId === undefined) throw new Failure('internal', "the canary was made and can't be used");
}

/** Some tokens take an id once (AWS CloudHSM), or let the second object replace the first (NSS). */
function ownId(label: string, storeId: Buffer): Buffer {
  return createHash('sha256').update(label).update(storeId).digest().subarray(0, 16);
}

export function identity(token: Token): TokenIdentity {
  const { label, serialNumber, manufacturerID, model } = token.info;
  return {
    storeId: token.storeId,
    objects: token.list().filter(({ kind, label }) => kind !== 'canary' && label !== '').length,
    label: label.trim(),
    serial: serialNumber.trim(),
    manufacturer: manufacturerID.trim(),
    model: model.trim(),
  };
}
