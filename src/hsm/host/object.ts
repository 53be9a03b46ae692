/** Token objects of Coffer's: their labels, finding and listing them, and their end. */
import graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { readUuid } from '../../keys/ciphertext.ts';
import type { TokenObject } from '../../keys/hsm.ts';
import { ckrClass, ckrText } from './ckr.ts';
import { Failure } from './failure.ts';
import { numbers } from './mechanism.ts';

export const canaryLabel = 'coffer canary';
export const trailLabel = 'coffer trail';
export const sealingLabel = 'coffer sealing';
export const checkpointLabel = 'coffer checkpoint';

/** @param id 16 bytes */
export function wrappingLabel(id: Buffer): string {
  return `coffer wrapping ${id.toString('hex')}`;
}

/** @param material key id and material id, 32 bytes */
export function materialLabel(material: Buffer): string {
  return `coffer key ${readUuid(material, 0)} material ${material.toString('hex', 16, 32)}`;
}

const materialPattern =
  /^coffer key ([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}) material ([0-9a-f]{32})$/;

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
  const material = keyId !== undefined && materialId === id;
  const wrapping = wrappingLabel(Buffer.from(id, 'hex'));
  if (isClass(type, pkcs11.CKO_PUBLIC_KEY)) {
    if (material) return { kind: 'public', id, label, keyId };
    if (label === checkpointLabel || label === wrapping) return { kind: 'public', id, label };
  } else if (isClass(type, pkcs11.CKO_PRIVATE_KEY)) {
    if (material) return { kind: 'material', id, label, keyId };
    if (label === checkpointLabel) return { kind: 'checkpoint', id, label };
    if (label === wrapping) return { kind: 'wrapping', id, label };
  } else if (isClass(type, pkcs11.CKO_SECRET_KEY)) {
    if (material) return { kind: 'material', id, label, keyId };
    if (label === canaryLabel) return { kind: 'canary', id, label };
    if (label === trailLabel) return { kind: 'trail', id, label };
    if (label === sealingLabel) return { kind: 'sealing', id, label };
  }
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
 * half a pair without its curve or modulus.
 */
export function isHalf(object: graphene.SessionObject): boolean {
  const type = attribute(object, pkcs11.CKA_CLASS);
  if (type.length === 0) return true;
  if (isClass(type, pkcs11.CKO_PRIVATE_KEY) || isClass(type, pkcs11.CKO_PUBLIC_KEY)) {
    const sizes = [pkcs11.CKA_EC_PARAMS, pkcs11.CKA_MODULUS, numbers.CKA_PARAMETER_SET];
    return sizes.every((size) => attribute(object, size).length === 0);
  }
  if (!isClass(type, pkcs11.CKO_SECRET_KEY)) return false;
  return (
    attribute(object, pkcs11.CKA_KEY_TYPE).length === 0 ||
    attribute(object, pkcs11.CKA_VALUE_LEN).every((byte) => byte === 0)
  );
}

/**
 * Whether it surely has neither a name nor a key: less than what a list calls a shell. Another program's key may have no
 * name, and some have no length (DES) or none of the sizes that Coffer's pairs have (DSA).
 */
export function isShell(object: graphene.SessionObject): boolean {
  if (labelOf(object) !== '' || attribute(object, pkcs11.CKA_ID).length > 0) return false;
  const type = attribute(object, pkcs11.CKA_CLASS);
  if (type.length === 0) return true;
  const keyType = attribute(object, pkcs11.CKA_KEY_TYPE);
  const lacks = (wanted: number, ...sizes: number[]) =>
    isClass(keyType, wanted) && sizes.every((size) => attribute(object, size).length === 0);
  if (isClass(type, pkcs11.CKO_SECRET_KEY)) {
    const length = attribute(object, pkcs11.CKA_VALUE_LEN);
    return keyType.length === 0 || (length.length > 0 && length.every((byte) => byte === 0));
  }
  if (!isClass(type, pkcs11.CKO_PRIVATE_KEY) && !isClass(type, pkcs11.CKO_PUBLIC_KEY)) return false;
  return (
    keyType.length === 0 ||
    lacks(pkcs11.CKK_RSA, pkcs11.CKA_MODULUS) ||
    lacks(pkcs11.CKK_EC, pkcs11.CKA_EC_PARAMS) ||
    lacks(numbers.CKK_EC_EDWARDS, pkcs11.CKA_EC_PARAMS)
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
