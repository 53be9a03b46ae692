/** The checkpoint key: a pair of the token's that signs the heads of the trail and nothing else. */
import { hash } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import { checkpointHandle, checkpointPublicKey } from './handle.ts';
import { type PairKind, parametersOf } from './mechanism.ts';
import { publicKeyOf, spki } from './public-key.ts';
import type { Token } from './token.ts';
import { signWith } from './use.ts';

const keySpec = 'ECC_NIST_P256';

export const checkpointKind: PairKind = {
  keyType: pkcs11.CKK_EC,
  generation: pkcs11.CKM_EC_KEY_PAIR_GEN,
  use: 'sign',
  parameters: { type: 'curve', curve: parametersOf('prime256v1') },
  allowed: [pkcs11.CKM_ECDSA],
};

/** @returns r ‖ s over the SHA-256 of the data */
export function signCheckpoint(token: Token, data: Buffer): Buffer {
  const digest = hash('sha256', data, 'buffer');
  return token.run(() => {
    const handle = checkpointHandle(token);
    return signWith({ lib: token.lib, session: token.session, handle, keySpec }, 'ECDSA_SHA_256', digest);
  });
}

/** @returns the public half as SubjectPublicKeyInfo */
export function checkpointSpki(token: Token): Buffer {
  return token.run(() => spki(publicKeyOf(checkpointPublicKey(token), keySpec)));
}
