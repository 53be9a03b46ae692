/** Key pairs of Coffer's: their templates, and making and finding both halves. */
import graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { Failure } from './failure.ts';
import { assertFlags, assertMechanisms, attribute, copyable, type Flags, find, ulong } from './object.ts';
import type { Quirk } from './quirk.ts';

/** CKA_EC_PARAMS: the curve's object identifier in DER (PKCS#11 2.40, elliptic curve §2.3.3). */
export const curveParameters = { P256: Buffer.from('06082a8648ce3d030107', 'hex') } as const;

/** What a pair is and the one thing that its private half does. */
export interface PairKind {
  readonly keyType: graphene.KeyType;
  /** That generates it. */
  readonly mechanism: number;
  readonly use: 'sign' | 'decrypt' | 'derive';
  readonly parameters: Buffer;
  /** The mechanism that the private half may be used with. */
  readonly allowed: number;
}

export interface Pair {
  readonly privateKey: graphene.SessionObject;
  readonly publicKey: graphene.SessionObject;
}

/** Every usage attribute set: what is left out is permitted by some tokens, SoftHSM among them. */
function privateTemplate(
  { keyType, use, allowed }: PairKind,
  label: string,
  id: Buffer,
  quirk: Quirk,
): graphene.ITemplate {
  return {
    class: graphene.ObjectClass.PRIVATE_KEY,
    keyType,
    label,
    id,
    token: true,
    private: true,
    sensitive: true,
    extractable: false,
    modifiable: false,
    decrypt: use === 'decrypt',
    sign: use === 'sign',
    signRecover: false,
    unwrap: false,
    derive: use === 'derive',
    ...(!quirk.refuses.includes('copyable') && { copyable: false }),
    ...(!quirk.refuses.includes('allowedMechanisms') && { allowedMechanisms: ulong(allowed) }),
  };
}

function publicTemplate(
  { keyType, use, parameters }: PairKind,
  label: string,
  id: Buffer,
  quirk: Quirk,
): graphene.ITemplate {
  return {
    class: graphene.ObjectClass.PUBLIC_KEY,
    keyType,
    label,
    id,
    token: true,
    private: false,
    modifiable: false,
    encrypt: use === 'decrypt',
    verify: use === 'sign',
    verifyRecover: false,
    wrap: false,
    derive: false,
    paramsECDSA: parameters,
    ...(!quirk.refuses.includes('copyable') && { copyable: false }),
  };
}

/**
 * Generates a pair and reads back what the token made of the templates.
 * @throws Failure `unsupported` where an attribute is not as asked; nothing is left of the pair
 */
export function generatePair(
  session: graphene.Session,
  kind: PairKind,
  label: string,
  id: Buffer,
  quirk: Quirk,
): Pair {
  const pair = session.generateKeyPair(
    kind.mechanism,
    publicTemplate(kind, label, id, quirk),
    privateTemplate(kind, label, id, quirk),
  );
  try {
    assertPair(pair, kind, label, id, quirk);
  } catch (error) {
    pair.privateKey.destroy();
    pair.publicKey.destroy();
    throw error;
  }
  return pair;
}

/** @throws Failure `unsupported` where an attribute of a pair is not as it would be asked for now */
export function assertPair(
  { privateKey, publicKey }: Pair,
  kind: PairKind,
  label: string,
  id: Buffer,
  quirk: Quirk,
): void {
  const { use, parameters } = kind;
  const flags: Flags = [
    ['SENSITIVE', pkcs11.CKA_SENSITIVE, true],
    ['EXTRACTABLE', pkcs11.CKA_EXTRACTABLE, false],
    ['ALWAYS_SENSITIVE', pkcs11.CKA_ALWAYS_SENSITIVE, true],
    ['NEVER_EXTRACTABLE', pkcs11.CKA_NEVER_EXTRACTABLE, true],
    ['MODIFIABLE', pkcs11.CKA_MODIFIABLE, false],
    ['TOKEN', pkcs11.CKA_TOKEN, true],
    ['PRIVATE', pkcs11.CKA_PRIVATE, true],
    ['DECRYPT', pkcs11.CKA_DECRYPT, use === 'decrypt'],
    ['SIGN', pkcs11.CKA_SIGN, use === 'sign'],
    ['SIGN_RECOVER', pkcs11.CKA_SIGN_RECOVER, false],
    ['UNWRAP', pkcs11.CKA_UNWRAP, false],
    ['DERIVE', pkcs11.CKA_DERIVE, use === 'derive'],
  ];
  assertFlags(privateKey, flags);
  if (!quirk.misreports.includes('local')) assertFlags(privateKey, [['LOCAL', pkcs11.CKA_LOCAL, true]]);
  if (!quirk.refuses.includes('copyable')) assertFlags(privateKey, [['COPYABLE', copyable, false]]);
  assertMechanisms(privateKey, privateTemplate(kind, label, id, quirk), quirk);
  for (const half of [privateKey, publicKey]) {
    if (!attribute(half, pkcs11.CKA_EC_PARAMS).equals(parameters)) {
      throw new Failure('unsupported', 'the token made a key pair on another curve than asked');
    }
  }
}

/** Both halves of the token's pairs by id or label. */
export function findHalves(
  session: graphene.Session,
  wanted: { readonly id?: Buffer; readonly label?: string },
): { privateKeys: graphene.SessionObject[]; publicKeys: graphene.SessionObject[] } {
  const search = { token: true, ...wanted };
  return {
    privateKeys: find(session, { class: graphene.ObjectClass.PRIVATE_KEY, ...search }),
    publicKeys: find(session, { class: graphene.ObjectClass.PUBLIC_KEY, ...search }),
  };
}

/**
 * The point of a public key: CKA_EC_POINT is a DER OCTET STRING, and of some tokens the point itself.
 * @param size of the point, uncompressed
 */
export function pointOf(publicKey: graphene.SessionObject, size: number): Buffer {
  const point = publicKey.getAttribute(pkcs11.CKA_EC_POINT);
  if (point.length === size) return point;
  const octets = point.subarray(point.length - size);
  const header = size < 0x80 ? [0x04, size] : [0x04, 0x81, size];
  if (point.length === size + header.length && point.subarray(0, header.length).equals(Buffer.from(header))) {
    return octets;
  }
  throw new Failure('unsupported', `the token's public key is a point of ${point.length} bytes`);
}
