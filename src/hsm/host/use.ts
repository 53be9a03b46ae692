/** What a key does, by its handle in a session: signing, MACs, decryption, agreement. */
import pkcs11 from 'pkcs11js';
import type { MacAlgorithm, OaepAlgorithm, SigningAlgorithm } from '../../keys/spec/algorithm.ts';
import { macAlgorithms } from '../../keys/spec/algorithm.ts';
import { factsOf, type KeySpec } from '../../keys/spec/key-spec.ts';
import { Failure } from './failure.ts';
import { ecdh, macMechanism, oaep, signing } from './mechanism.ts';
import { unpad } from './oaep.ts';
import { fromPoint } from './public-key.ts';

/** A key in a session, and what it is a key of. */
export interface KeyInSession {
  readonly lib: pkcs11.PKCS11;
  readonly session: Buffer;
  readonly handle: Buffer;
  readonly keySpec: KeySpec;
}

/** @param data digest or message, as the algorithm has it @returns as PKCS#11 has it: of ECDSA r ‖ s */
export function signWith(key: KeyInSession, algorithm: SigningAlgorithm, data: Buffer): Buffer {
  const { lib, session, handle, keySpec } = key;
  const { mechanism, input } = signing(algorithm, data);
  const size = signatureBytes(keySpec);
  lib.C_SignInit(session, mechanism, handle);
  // Room for what a token may want to write in passing.
  const signature = lib.C_Sign(session, input, Buffer.alloc(size + 64));
  if (signature.length === size) return signature;
  throw new Failure('unsupported', `the token made a signature of ${signature.length} bytes and not ${size}`);
}

function signatureBytes(keySpec: KeySpec): number {
  const facts = factsOf(keySpec);
  switch (facts.family) {
    case 'rsa':
      return facts.modulusBits / 8;
    case 'ec':
      return 2 * facts.fieldBytes;
    case 'edwards':
      return 2 * facts.publicKeyBytes;
    case 'ml-dsa':
      return facts.signatureBytes;
    case 'aes':
    case 'hmac':
      throw new Failure('internal', `a key of ${keySpec} makes no signatures`);
    default:
      return facts satisfies never;
  }
}

export function macWith({ lib, session, handle }: KeyInSession, algorithm: MacAlgorithm, message: Buffer) {
  const { macBytes } = macAlgorithms[algorithm];
  lib.C_SignInit(session, { mechanism: macMechanism(algorithm) }, handle);
  const mac = lib.C_Sign(session, message, Buffer.alloc(macBytes + 64));
  if (mac.length === macBytes) return mac;
  throw new Failure('unsupported', `the token made a MAC of ${mac.length} bytes and not ${macBytes}`);
}

/** Decrypts with the padding that the token takes off. */
export function decryptWith(
  { lib, session, handle }: KeyInSession,
  algorithm: OaepAlgorithm,
  ciphertext: Buffer,
): Buffer {
  lib.C_DecryptInit(session, oaep(algorithm), handle);
  return lib.C_Decrypt(session, ciphertext, Buffer.alloc(ciphertext.length));
}

const raw = { mechanism: pkcs11.CKM_RSA_X_509 };

/** Decrypts without padding, which the host takes off. @returns `undefined` where it isn't padded */
export function decryptRaw(
  { lib, session, handle }: KeyInSession,
  algorithm: OaepAlgorithm,
  ciphertext: Buffer,
): Buffer | undefined {
  lib.C_DecryptInit(session, raw, handle);
  const room = Buffer.alloc(ciphertext.length);
  const { length } = lib.C_Decrypt(session, ciphertext, room);
  // A token may leave out the zeros at the beginning, where the padding's first byte is one.
  room.copyWithin(room.length - length, 0, length);
  room.fill(0, 0, room.length - length);
  return unpad(room, algorithm);
}

/**
 * ECDH without a derivation.
 * @param point of the peer, uncompressed
 * @returns the x coordinate, as long as the field
 * @throws Failure `unsupported` where the point is not on the curve: the token is not asked
 */
export function agreeWith({ lib, session, handle, keySpec }: KeyInSession, point: Buffer): Buffer {
  const facts = factsOf(keySpec);
  if (facts.family !== 'ec') throw new Failure('internal', `a key of ${keySpec} agrees with nobody`);
  fromPoint(keySpec, point);
  const derived = lib.C_DeriveKey(session, ecdh(point), handle, [
    { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
    { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_GENERIC_SECRET },
    { type: pkcs11.CKA_TOKEN, value: false },
    { type: pkcs11.CKA_PRIVATE, value: true },
    { type: pkcs11.CKA_SENSITIVE, value: false },
    { type: pkcs11.CKA_EXTRACTABLE, value: true },
    { type: pkcs11.CKA_VALUE_LEN, value: facts.fieldBytes },
  ]);
  try {
    const [value] = lib.C_GetAttributeValue(session, derived, [{ type: pkcs11.CKA_VALUE }]);
    if (Buffer.isBuffer(value?.value) && value.value.length === facts.fieldBytes) return value.value;
    throw new Failure('unsupported', 'the token tells no shared secret of the length of the field');
  } finally {
    lib.C_DestroyObject(session, derived);
  }
}

/** Whether a ciphertext can be one of the key: as long as the modulus and smaller. Nothing of it is secret. */
export function isBelowModulus(ciphertext: Buffer, modulus: Buffer): boolean {
  return ciphertext.length === modulus.length && ciphertext.compare(modulus) < 0;
}
