/** The checkpoint key: a pair of the token's that signs the heads of the trail and nothing else. */
import { hash } from 'node:crypto';
import graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { Failure } from './failure.ts';
import { checkpointHandle, checkpointPublicKey } from './handle.ts';
import { curveParameters, type PairKind, pointOf } from './pair.ts';
import type { Token } from './token.ts';

export const checkpointKind: PairKind = {
  keyType: graphene.KeyType.EC,
  mechanism: pkcs11.CKM_EC_KEY_PAIR_GEN,
  use: 'sign',
  parameters: curveParameters.P256,
  allowed: pkcs11.CKM_ECDSA,
};

const signatureBytes = 64;
const pointBytes = 65;
const ecdsa = { mechanism: pkcs11.CKM_ECDSA };

/** @returns r ‖ s over the SHA-256 of the data */
export function signCheckpoint(token: Token, data: Buffer): Buffer {
  const digest = hash('sha256', data, 'buffer');
  const signature = token.run(() => {
    const key = checkpointHandle(token);
    token.lib.C_SignInit(token.session, ecdsa, key);
    return token.lib.C_Sign(token.session, digest, Buffer.alloc(2 * signatureBytes));
  });
  if (signature.length !== signatureBytes) {
    throw new Failure('unsupported', `the token made an ECDSA signature of ${signature.length} bytes`);
  }
  return signature;
}

/** @returns the public half's point, uncompressed */
export function checkpointPoint(token: Token): Buffer {
  return token.run(() => pointOf(checkpointPublicKey(token), pointBytes));
}
