/** Token objects of Coffer's: their templates, labels, and life. */
import graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { readUuid } from '../../keys/ciphertext.ts';
import type { TokenObject } from '../../keys/hsm.ts';
import { ckrClass, ckrText } from './ckr.ts';
import { Failure } from './failure.ts';
import type { Quirk } from './quirk.ts';

// Graphene declares `copyable` and doesn't know its number (PKCS#11 2.40 §4.4).
export const copyable = 0x171;
graphene.registerAttribute('copyable', copyable, 'boolean');

export const canaryLabel = 'coffer canary';
export const trailLabel = 'coffer trail';
export const sealingLabel = 'coffer sealing';
export const checkpointLabel = 'coffer checkpoint';

/** @param material key id and material id, 32 bytes */
export function materialLabel(material: Buffer): string {
  return `coffer key ${readUuid(material, 0)} material ${material.toString('hex', 16, 32)}`;
}

const materialPattern =
  /^coffer key ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}) material ([0-9a-f]{32})$/;

type Purpose = 'cipher' | 'mac';

/** Every usage attribute set: what is left out is permitted by some tokens, SoftHSM among them. */
function template(
  purpose: Purpose,
  token: boolean,
  label: string,
  id: Buffer,
  quirk: Quirk,
): graphene.ITemplate {
  const cipher = purpose === 'cipher';
  // AES-GCM alone: a key that also does ECB gives away GHASH's H (NIST SP 800-38D §5.2.1).
  const mechanism = cipher ? pkcs11.CKM_AES_GCM : pkcs11.CKM_SHA256_HMAC;
  return {
    class: graphene.ObjectClass.SECRET_KEY,
    keyType: cipher ? graphene.KeyType.AES : graphene.KeyType.GENERIC_SECRET,
    valueLen: 32,
    label,
    id,
    token,
    private: true,
    sensitive: true,
    extractable: false,
    modifiable: false,
    encrypt: cipher,
    decrypt: cipher,
    sign: !cipher,
    verify: false,
    wrap: false,
    unwrap: false,
    derive: false,
    ...(!quirk.refuses.includes('copyable') && { copyable: false }),
    ...(!quirk.refuses.includes('allowedMechanisms') && { allowedMechanisms: ulong(mechanism) }),
  };
}

/**
 * Generates a key and reads back what the token made of the template.
 * @throws Failure `unsupported` where an attribute is not as asked; nothing is left of the key
 */
export function generate(
  session: graphene.Session,
  purpose: Purpose,
  label: string,
  id: Buffer,
  quirk: Quirk,
  token = true,
): graphene.SessionObject {
  const mechanism = purpose === 'cipher' ? 'AES_KEY_GEN' : 'GENERIC_SECRET_KEY_GEN';
  const asked = template(purpose, token, label, id, quirk);
  const key = session.generateKey(mechanism, { ...asked });
  try {
    verify(key, asked, quirk);
  } catch (error) {
    key.destroy();
    throw error;
  }
  return key;
}

/**
 * Checks a token key that an earlier process made.
 * @throws Failure `unsupported` where an attribute is not as it would be asked for now
 */
export function assertAsAsked(
  key: graphene.SessionObject,
  purpose: Purpose,
  label: string,
  id: Buffer,
  quirk: Quirk,
): void {
  verify(key, template(purpose, true, label, id, quirk), quirk);
}

/** The attributes that must be as asked, or as a key made inside the token has them. */
function verify(key: graphene.SessionObject, asked: graphene.ITemplate, quirk: Quirk): void {
  const expected: [string, number, boolean][] = [
    ['SENSITIVE', pkcs11.CKA_SENSITIVE, true],
    ['EXTRACTABLE', pkcs11.CKA_EXTRACTABLE, false],
    ['ALWAYS_SENSITIVE', pkcs11.CKA_ALWAYS_SENSITIVE, true],
    ['NEVER_EXTRACTABLE', pkcs11.CKA_NEVER_EXTRACTABLE, true],
    ['MODIFIABLE', pkcs11.CKA_MODIFIABLE, false],
    ['TOKEN', pkcs11.CKA_TOKEN, asked.token === true],
    ['PRIVATE', pkcs11.CKA_PRIVATE, true],
    ['ENCRYPT', pkcs11.CKA_ENCRYPT, asked.encrypt === true],
    ['DECRYPT', pkcs11.CKA_DECRYPT, asked.decrypt === true],
    ['SIGN', pkcs11.CKA_SIGN, asked.sign === true],
    ['VERIFY', pkcs11.CKA_VERIFY, false],
    ['WRAP', pkcs11.CKA_WRAP, false],
    ['UNWRAP', pkcs11.CKA_UNWRAP, false],
    ['DERIVE', pkcs11.CKA_DERIVE, false],
  ];
  if (!quirk.misreports.includes('local')) expected.push(['LOCAL', pkcs11.CKA_LOCAL, true]);
  if (!quirk.refuses.includes('copyable')) expected.push(['COPYABLE', copyable, false]);
  assertFlags(key, expected);
  const length = attribute(key, pkcs11.CKA_VALUE_LEN);
  if (length.length < 4 || length.readUInt32LE(0) !== asked.valueLen) {
    throw new Failure('unsupported', `the token made a key whose CKA_VALUE_LEN is not ${asked.valueLen}`);
  }
  assertMechanisms(key, asked, quirk);
}

/** Name, number and value of boolean attributes. */
export type Flags = readonly (readonly [name: string, type: number, value: boolean])[];

/** @throws Failure `unsupported` where one reads back otherwise */
export function assertFlags(key: graphene.SessionObject, flags: Flags): void {
  for (const [name, type, value] of flags) {
    if (key.getAttribute(type)[0] !== (value ? 1 : 0)) {
      throw new Failure(
        'unsupported',
        `the token made a key whose CKA_${name} is not ${value}: it was destroyed`,
      );
    }
  }
}

/** @throws Failure `unsupported` where the key may be used with other mechanisms than asked */
export function assertMechanisms(key: graphene.SessionObject, asked: graphene.ITemplate, quirk: Quirk): void {
  if (quirk.refuses.includes('allowedMechanisms')) return;
  const allowed = key.getAttribute(pkcs11.CKA_ALLOWED_MECHANISMS);
  if (!Buffer.isBuffer(asked.allowedMechanisms) || !allowed.equals(asked.allowedMechanisms)) {
    throw new Failure('unsupported', 'the token made a key whose CKA_ALLOWED_MECHANISMS is not as asked');
  }
}

/** Finds by attributes; all that match. */
export function find(session: graphene.Session, wanted: graphene.ITemplate): graphene.SessionObject[] {
  const found = session.find(wanted);
  return Array.from({ length: found.length }, (_, index) => found.items(index));
}

/** Finds secret keys of the token by id or label. */
export function findKeys(
  session: graphene.Session,
  wanted: { readonly id?: Buffer; readonly label?: string },
): graphene.SessionObject[] {
  return find(session, { class: graphene.ObjectClass.SECRET_KEY, token: true, ...wanted });
}

/**
 * An attribute as bytes; empty where the object lacks it, as one that was half written may.
 * @throws whatever else the module does: an attribute that can't be read in passing isn't lacking
 */
export function attribute(object: graphene.SessionObject, type: number): Buffer {
  try {
    return object.getAttribute(type) ?? Buffer.alloc(0);
  } catch (error) {
    // CKR_ATTRIBUTE_TYPE_INVALID, or CKR_ATTRIBUTE_VALUE_INVALID of SoftHSM.
    if (ckrClass(error) === 'unsupported') return Buffer.alloc(0);
    throw error;
  }
}

/** As attribute, but one object that fails or goes meanwhile doesn't keep the others from being listed. */
function listed(object: graphene.SessionObject, type: number): Buffer {
  try {
    return attribute(object, type);
  } catch (error) {
    const meaning = ckrClass(error);
    if (meaning === 'ambiguous' || meaning === 'handle') return Buffer.alloc(0);
    throw error;
  }
}

export function labelOf(object: graphene.SessionObject): string {
  return attribute(object, pkcs11.CKA_LABEL).toString('utf8');
}

/** Every object that carries a label of Coffer's, or has neither label nor id, as one half written has. */
export function list(session: graphene.Session): TokenObject[] {
  const objects: TokenObject[] = [];
  // Of all objects: SoftHSM writes the defaults first, and half an object doesn't say yet that it is the token's.
  for (const object of find(session, {})) {
    const label = listed(object, pkcs11.CKA_LABEL).toString('utf8');
    const id = listed(object, pkcs11.CKA_ID).toString('hex');
    if (!label.startsWith('coffer') && !(label === '' && id === '')) continue;
    if (label === '' && id === '' && isEmpty(object)) objects.push({ kind: 'shell', id, label });
    else objects.push(describe(label, id, listed(object, pkcs11.CKA_CLASS)));
  }
  return objects;
}

function describe(label: string, id: string, type: Buffer): TokenObject {
  const [, keyId, materialId] = materialPattern.exec(label) ?? [];
  if (label === checkpointLabel && isClass(type, pkcs11.CKO_PRIVATE_KEY)) {
    return { kind: 'checkpoint', id, label };
  }
  if (label === checkpointLabel && isClass(type, pkcs11.CKO_PUBLIC_KEY)) return { kind: 'public', id, label };
  if (!isClass(type, pkcs11.CKO_SECRET_KEY)) return { kind: 'unknown', id, label };
  if (keyId !== undefined && materialId === id) return { kind: 'material', id, label, keyId };
  if (label === canaryLabel) return { kind: 'canary', id, label };
  if (label === trailLabel) return { kind: 'trail', id, label };
  if (label === sealingLabel) return { kind: 'sealing', id, label };
  return { kind: 'unknown', id, label };
}

/** Whether there is no key in it: the length of its value is 0, or it has none. */
function isEmpty(object: graphene.SessionObject): boolean {
  return listed(object, pkcs11.CKA_VALUE_LEN).every((byte) => byte === 0);
}

function isClass(value: Buffer, wanted: number): boolean {
  return value.length >= 4 && value.readUInt32LE(0) === wanted;
}

/**
 * Whether an object is what is left of a key's making: it has no class, or is a secret key of no type or length, or
 * half a pair without its curve.
 */
export function isHalf(object: graphene.SessionObject): boolean {
  const type = attribute(object, pkcs11.CKA_CLASS);
  if (type.length === 0) return true;
  if (isClass(type, pkcs11.CKO_PRIVATE_KEY) || isClass(type, pkcs11.CKO_PUBLIC_KEY)) {
    return attribute(object, pkcs11.CKA_EC_PARAMS).length === 0;
  }
  if (!isClass(type, pkcs11.CKO_SECRET_KEY)) return false;
  return (
    attribute(object, pkcs11.CKA_KEY_TYPE).length === 0 ||
    attribute(object, pkcs11.CKA_VALUE_LEN).every((byte) => byte === 0)
  );
}

/** Destroys, and says what failed. */
export function destroy(object: graphene.SessionObject): void {
  try {
    object.destroy();
  } catch (error) {
    if (ckrClass(error) === 'handle') return;
    throw new Failure('internal', `can't destroy an object: ${ckrText(error)}`);
  }
}

/** A CK_ULONG as the module's memory holds it, on the 64-bit little-endian machines that Node runs on. */
export function ulong(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
