/** Secret keys of Coffer's: their template, and making them. */
import graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { Failure } from './failure.ts';
import type { SecretKind } from './mechanism.ts';
import type { Quirk } from './quirk.ts';
import { assertFlags, assertMechanisms, type Flags, ulongs } from './readback.ts';

// Graphene declares `copyable` and doesn't know its number (PKCS#11 2.40 §4.4).
export const copyable = 0x171;
graphene.registerAttribute('copyable', copyable, 'boolean');

/** Whose a key is, and where it lives. */
export interface Placing {
  readonly label: string;
  readonly id: Buffer;
  /** Whether it is the token's, or the session's and gone with it. */
  readonly token: boolean;
}

/** Every usage attribute set: what is left out is permitted by some tokens, SoftHSM among them. */
export function secretTemplate(
  { keyType, use, allowed }: SecretKind,
  { label, id, token }: Placing,
  quirk: Quirk,
): graphene.ITemplate {
  return {
    class: graphene.ObjectClass.SECRET_KEY,
    keyType,
    label,
    id,
    token,
    private: true,
    sensitive: true,
    extractable: false,
    encrypt: use === 'cipher',
    decrypt: use === 'cipher',
    sign: use === 'mac',
    verify: false,
    wrap: false,
    unwrap: use === 'unwrap',
    derive: false,
    ...(!quirk.refuses.includes('copyable') && { copyable: false }),
    ...(!quirk.refuses.includes('allowedMechanisms') && { allowedMechanisms: ulongs(allowed) }),
    // The last: SoftHSM unwraps with a template in its order, and refuses what comes after.
    modifiable: false,
  };
}

/**
 * Generates a key and reads back what the token made of the template.
 * @throws Failure `unsupported` where an attribute is not as asked; nothing is left of the key
 */
export function generateSecret(
  session: graphene.Session,
  kind: SecretKind,
  placing: Placing,
  quirk: Quirk,
): graphene.SessionObject {
  const key = session.generateKey(kind.generation, {
    ...secretTemplate(kind, placing, quirk),
    valueLen: kind.bytes,
  });
  try {
    assertSecret(key, kind, placing, quirk);
  } catch (error) {
    key.destroy();
    throw error;
  }
  return key;
}

/**
 * Checks the attributes of a key.
 * @param imported whether it came from outside, so that the token can't say that it was always inside
 * @throws Failure `unsupported` where one is not as it would be asked for now
 */
export function assertSecret(
  key: graphene.SessionObject,
  { use, bytes, allowed }: SecretKind,
  { token }: Placing,
  quirk: Quirk,
  imported = false,
): void {
  const flags: Flags = [
    ['SENSITIVE', pkcs11.CKA_SENSITIVE, true],
    ['EXTRACTABLE', pkcs11.CKA_EXTRACTABLE, false],
    ['MODIFIABLE', pkcs11.CKA_MODIFIABLE, false],
    ['TOKEN', pkcs11.CKA_TOKEN, token],
    ['PRIVATE', pkcs11.CKA_PRIVATE, true],
    ['ENCRYPT', pkcs11.CKA_ENCRYPT, use === 'cipher'],
    ['DECRYPT', pkcs11.CKA_DECRYPT, use === 'cipher'],
    ['SIGN', pkcs11.CKA_SIGN, use === 'mac'],
    ['VERIFY', pkcs11.CKA_VERIFY, false],
    ['WRAP', pkcs11.CKA_WRAP, false],
    ['UNWRAP', pkcs11.CKA_UNWRAP, use === 'unwrap'],
    ['DERIVE', pkcs11.CKA_DERIVE, false],
  ];
  assertFlags(key, flags);
  assertOrigin(key, quirk, imported);
  const length = key.getAttribute(pkcs11.CKA_VALUE_LEN);
  const said = length.length < 4 ? 0 : length.readUInt32LE(0);
  // SoftHSM doesn't know the length of what it unwrapped: whoever imports has found it out otherwise.
  if (said !== bytes && !(imported && said === 0)) {
    throw new Failure('unsupported', `the token made a key whose CKA_VALUE_LEN is not ${bytes}`);
  }
  assertMechanisms(key, allowed, quirk);
}

/** What says that a key was made inside the token and never left it, and can't be copied. */
export function assertOrigin(key: graphene.SessionObject, quirk: Quirk, imported: boolean): void {
  if (!imported) {
    assertFlags(key, [
      ['ALWAYS_SENSITIVE', pkcs11.CKA_ALWAYS_SENSITIVE, true],
      ['NEVER_EXTRACTABLE', pkcs11.CKA_NEVER_EXTRACTABLE, true],
    ]);
    if (!quirk.misreports.includes('local')) assertFlags(key, [['LOCAL', pkcs11.CKA_LOCAL, true]]);
  }
  if (!quirk.refuses.includes('copyable')) assertFlags(key, [['COPYABLE', copyable, false]]);
}
