/** What a token holds of Coffer besides keys: canary, trail key, sealing key, checkpoint key. */
import { createHash } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import type { TokenIdentity } from '../../keys/hsm.ts';
import { checkpointKind } from './checkpoint.ts';
import { Failure } from './failure.ts';
import { cipherKind, macKind, type SecretKind } from './mechanism.ts';
import {
  attribute,
  canaryLabel,
  checkpointLabel,
  destroy,
  findKeys,
  isHalf,
  sealingLabel,
  trailLabel,
} from './object.ts';
import { assertPair, findHalves, generatePair } from './pair.ts';
import { assertSecret, generateSecret, type Placing } from './secret.ts';
import type { Token } from './token.ts';

/**
 * Makes the four keys. The canary comes last and its CKA_ID is the store's id: a claim that was interrupted
 * has no canary, or one that can't be used, and goes on where it ended. A token that an earlier version claimed has
 * no checkpoint key: its own store gets one.
 *
 * INVARIANT: no whole key is destroyed. That the canary isn't seen may be the token's mistake, and without its
 * sealing key a store has lost every access key.
 * @throws Failure `internal` where the token belongs to a store, or has keys whose store can't be told
 */
export function claim(token: Token, storeId: Buffer): void {
  if (token.storeId === undefined) token.reopenIfAbsent();
  const owner = token.storeId;
  if (owner === storeId.toString('hex')) {
    provideCheckpoint(token, storeId);
    return;
  }
  if (owner !== undefined) throw new Failure('internal', `the token belongs to the store \`${owner}\``);
  if (token.list().some(({ kind }) => kind === 'material')) {
    throw new Failure('internal', 'the token has keys of Coffer and no canary that says whose they are');
  }
  provide(token, macKind(32, 'HMAC_SHA_256'), trailLabel, ownId(trailLabel, storeId));
  provide(token, cipherKind, sealingLabel, ownId(sealingLabel, storeId));
  provideCheckpoint(token, storeId);
  provide(token, cipherKind, canaryLabel, storeId);
  if (token.storeId === undefined) throw new Failure('internal', "the canary was made and can't be used");
}

/**
 * Makes the checkpoint key, or takes the one that is there. What an interrupted making left of a pair is replaced:
 * without both halves nobody can check what it signs. Should a token lose a half, the new key shows as another one
 * to whoever keeps the public key.
 */
function provideCheckpoint(token: Token, storeId: Buffer): void {
  const session = token.grapheneSession;
  const id = ownId(checkpointLabel, storeId);
  const placing: Placing = { label: checkpointLabel, id, token: true };
  const { privateKeys, publicKeys } = findHalves(session, { label: checkpointLabel });
  const halves = [...privateKeys, ...publicKeys];
  const whole = halves.filter((half) => !isHalf(half));
  for (const half of whole) {
    if (privateKeys.length > 1 || publicKeys.length > 1 || !attribute(half, pkcs11.CKA_ID).equals(id)) {
      throw new Failure('internal', `the token has a key \`${checkpointLabel}\` of another store`);
    }
  }
  const [privateKey] = privateKeys;
  const [publicKey] = publicKeys;
  if (privateKey !== undefined && publicKey !== undefined && whole.length === 2) {
    assertPair({ privateKey, publicKey }, checkpointKind, placing, token.quirk);
    return;
  }
  for (const half of halves) destroy(half);
  generatePair(session, checkpointKind, placing, token.quirk);
}

/** Makes a key, or takes the one that this store's claim made before it was interrupted. */
function provide(token: Token, kind: SecretKind, label: string, id: Buffer): void {
  const session = token.grapheneSession;
  const placing: Placing = { label, id, token: true };
  const found = findKeys(session, { label });
  const whole = found.filter((key) => !isHalf(key));
  for (const key of whole) {
    if (whole.length > 1 || !attribute(key, pkcs11.CKA_ID).equals(id)) {
      throw new Failure(
        'internal',
        `the token has a key \`${label}\` of another store and no canary: where that store is no more, destroy it ` +
          `with \`pkcs11-tool --login --delete-object --type secrkey --label '${label}'\``,
      );
    }
    assertSecret(key, kind, placing, token.quirk);
  }
  for (const key of found) if (!whole.includes(key)) destroy(key);
  if (whole.length === 0) generateSecret(session, kind, placing, token.quirk);
}

/** Some tokens take an id once (AWS CloudHSM), or let the second object replace the first (NSS). */
function ownId(label: string, storeId: Buffer): Buffer {
  return createHash('sha256').update(label).update(storeId).digest().subarray(0, 16);
}

export function identity(token: Token): TokenIdentity {
  const { label, serialNumber, manufacturerID, model } = token.info;
  return {
    storeId: token.storeId,
    objects: token.list().filter(({ kind, label }) => kind !== 'canary' && kind !== 'public' && label !== '')
      .length,
    label: label.trim(),
    serial: serialNumber.trim(),
    manufacturer: manufacturerID.trim(),
    model: model.trim(),
  };
}
