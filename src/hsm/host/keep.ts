/** Making imported material the token's. */
import { randomBytes } from 'node:crypto';
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import type { KeySpec, KeyUsage } from '../../keys/spec/key-spec.ts';
import { ckrClass } from './ckr.ts';
import { Failure } from './failure.ts';
import { identityLabel, type Material, malformed, storePublic } from './imported.ts';
import type { Kind } from './mechanism.ts';
import { assertPrivate } from './pair.ts';
import { prove } from './proof.ts';
import { assertSecret, type Placing } from './secret.ts';
import type { Token } from './token.ts';

/** Makes the objects, reads their attributes back, and proves that they do what they are for. */
export function keep(
  token: Token,
  session: graphene.Session,
  opened: Material,
  keySpec: KeySpec,
  keyUsage: KeyUsage,
  kind: Kind,
  placing: Placing,
): void {
  const { lib, quirk, gcm } = token;
  const key = opened.store(session, placing);
  const within = { lib, session: session.handle, handle: key.handle, keySpec };
  if ('secret' in kind) {
    assertSecret(key, kind.secret, placing, quirk, true);
    if (kind.secret.use === 'cipher') {
      // Of a length that AES doesn't have: the token takes it, and fails here.
      gcm.iv.set(randomBytes(gcm.iv.length));
      try {
        gcm.encrypt(session.handle, key.handle, identityLabel, identityLabel, Buffer.alloc(64));
      } catch (error) {
        throw ckrClass(error) === 'unsupported' ? malformed() : error;
      }
    }
  } else assertPrivate(key, kind.pair, placing, quirk, true);
  const { publicKey } = opened;
  const half =
    publicKey && 'pair' in kind ? storePublic(session, publicKey, kind.pair, placing, quirk) : undefined;
  const { algorithms, problem } = prove(within, keyUsage, publicKey, half?.handle, mayRaw(kind));
  if (algorithms.length === 0) {
    throw new Failure(
      'unsupported',
      `the token can't do ${keySpec} for ${keyUsage}: ${problem ?? 'unknown'}`,
    );
  }
}

/** Whether the host may take padding off what the key decrypts. */
function mayRaw(kind: Kind): boolean {
  return 'pair' in kind && kind.pair.allowed.includes(pkcs11.CKM_RSA_X_509);
}
