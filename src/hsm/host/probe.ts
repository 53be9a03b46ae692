/** What Coffer needs of a token, proved by doing it on session keys: mechanism lists lie. */
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { ckrClass, ckrText } from './ckr.ts';
import { Failure, OpenError } from './failure.ts';
import type { Gcm } from './gcm.ts';
import { cipherKind, macKind } from './mechanism.ts';
import type { Quirk } from './quirk.ts';
import { generateSecret, type Placing } from './secret.ts';

/** @throws OpenError of type `refused`, naming what the token can't do */
export function probe(lib: pkcs11.PKCS11, session: graphene.Session, gcm: Gcm, quirk: Quirk): void {
  prove('AES-256-GCM with a 96-bit IV and additional data', () => {
    const key = generateSecret(session, cipherKind, placing, quirk);
    try {
      const plaintext = Buffer.from('coffer probe');
      const sealed = Buffer.alloc(plaintext.length + 16);
      const opened = Buffer.alloc(sealed.length);
      gcm.iv.fill(1);
      const size = gcm.encrypt(session.handle, key.handle, probeId, plaintext, sealed);
      const length = gcm.decrypt(session.handle, key.handle, probeId, sealed, opened);
      if (size !== sealed.length || !opened.subarray(0, length).equals(plaintext)) {
        throw new Failure('unsupported', 'what was encrypted decrypts to something else');
      }
    } finally {
      key.destroy();
    }
  });
  prove('HMAC-SHA-256', () => {
    const key = generateSecret(session, macKind(32, 'HMAC_SHA_256'), placing, quirk);
    try {
      const mac = Buffer.alloc(64);
      lib.C_SignInit(session.handle, { mechanism: pkcs11.CKM_SHA256_HMAC }, key.handle);
      if (lib.C_Sign(session.handle, probeId, mac).length !== 32) {
        throw new Failure('unsupported', 'a MAC is not 32 bytes long');
      }
    } finally {
      key.destroy();
    }
  });
  prove('random numbers', () => {
    lib.C_GenerateRandom(session.handle, Buffer.alloc(16));
  });
}

const probeId = Buffer.alloc(16, 0xc0);
const placing: Placing = { label: 'coffer probe', id: probeId, token: false };

function prove(what: string, task: () => void): void {
  try {
    task();
  } catch (cause) {
    const type = ckrClass(cause);
    throw new OpenError(
      // A token that answers nothing at all isn't refused for good.
      type === 'lost' || type === 'session' || type === 'busy' ? 'absent' : 'refused',
      `the token can't do ${what}: ${ckrText(cause)}; Coffer needs a token that can`,
      { cause },
    );
  }
}
