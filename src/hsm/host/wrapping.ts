/** Wrapping keys: RSA pairs to which the material of an import is encrypted, each for one import. */
import type { KeyObject } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import { type WrappingKeySpec, wrappingKeySpecs } from '../../keys/spec/wrapping.ts';
import { Failure } from './failure.ts';
import { findOne } from './handle.ts';
import { sweepObjects } from './material.ts';
import type { PairKind } from './mechanism.ts';
import { attribute, destroy, find, labelOf, wrappingLabel } from './object.ts';
import { findHalves, generatePair, unsigned } from './pair.ts';
import { fromModulus, publicKeyOf } from './public-key.ts';
import type { Placing } from './secret.ts';
import type { Token } from './token.ts';

/** Where material comes out of its wrapping: inside the token, or in the host's memory. */
export type Where = 'token' | 'host';

/** How a wrapping key is made and used. */
export interface Route {
  readonly where: Where;
  /** Whether the token takes the padding off what the host unwraps: else it decrypts without. */
  readonly native: boolean;
}

export interface WrappingKey {
  readonly handle: Buffer;
  readonly publicKey: KeyObject;
  /** Big-endian. */
  readonly modulus: Buffer;
  readonly where: Where;
}

/** The one thing that a wrapping key does is what its route needs. */
export function wrappingKind(wrappingKeySpec: WrappingKeySpec, { where, native }: Route): PairKind {
  return {
    keyType: pkcs11.CKK_RSA,
    generation: pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN,
    use: where === 'token' ? 'unwrap' : 'decrypt',
    parameters: { type: 'modulus', bits: wrappingKeySpecs[wrappingKeySpec].modulusBits },
    allowed: [where === 'token' || native ? pkcs11.CKM_RSA_PKCS_OAEP : pkcs11.CKM_RSA_X_509],
  };
}

/** @throws Failure `internal` where the id is taken; nothing is left of a pair that fails */
export function createWrappingKey(
  token: Token,
  wrappingId: Buffer,
  wrappingKeySpec: WrappingKeySpec,
  route: Route,
): KeyObject {
  const label = wrappingLabel(wrappingId);
  const placing: Placing = { label, id: Buffer.from(wrappingId), token: true };
  const there = () => find(token.grapheneSession, { id: placing.id, token: true });
  if (token.run(there).length > 0) {
    throw new Failure('internal', `the token has an object with the id of \`${label}\` already`);
  }
  try {
    return token.run(() => {
      // Where this is tried once more: what the first try may have left.
      for (const leftover of there()) destroy(leftover);
      const kind = wrappingKind(wrappingKeySpec, route);
      const { publicKey } = generatePair(token.grapheneSession, kind, placing, token.quirk);
      return publicKeyOf(publicKey, wrappingKeySpec);
    });
  } catch (error) {
    if (token.problem === undefined) destroyWrappingKey(token, wrappingId);
    throw error;
  }
}

/** @returns whether there was one */
export function destroyWrappingKey(token: Token, wrappingId: Buffer): boolean {
  const id = Buffer.from(wrappingId);
  const label = wrappingLabel(wrappingId);
  if (token.run(() => sweepObjects(token, id, label))) return true;
  token.run(() => token.reopenIfAbsent());
  return token.run(() => sweepObjects(token, id, label));
}

/** @throws Failure `missing-object` */
export function findWrappingKey(token: Token, wrappingId: Buffer): WrappingKey {
  const label = wrappingLabel(wrappingId);
  const id = Buffer.from(wrappingId);
  const key = findOne(token, label, (session) => findHalves(session, { id }).privateKeys);
  if (labelOf(key) !== label) throw new Failure('internal', `\`${label}\` names another key`);
  const modulus = Buffer.from(unsigned(attribute(key, pkcs11.CKA_MODULUS)));
  return {
    handle: key.handle,
    publicKey: fromModulus(modulus),
    modulus,
    where: attribute(key, pkcs11.CKA_UNWRAP)[0] === 1 ? 'token' : 'host',
  };
}
