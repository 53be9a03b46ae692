/** Key pairs of Coffer's: their templates, and making and finding both halves. */
import graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { Failure } from './failure.ts';
import { numbers, type PairKind } from './mechanism.ts';
import { attribute, find } from './object.ts';
import type { Quirk } from './quirk.ts';
import { assertFlags, assertMechanisms, type Flags, ulongs } from './readback.ts';
import { assertOrigin, type Placing } from './secret.ts';

graphene.registerAttribute('parameterSet', numbers.CKA_PARAMETER_SET, 'buffer');

export interface Pair {
  readonly privateKey: graphene.SessionObject;
  readonly publicKey: graphene.SessionObject;
}

/** Every usage attribute set: what is left out is permitted by some tokens, SoftHSM among them. */
export function privateTemplate(
  { keyType, use, allowed }: PairKind,
  { label, id, token }: Placing,
  quirk: Quirk,
): graphene.ITemplate {
  return {
    class: graphene.ObjectClass.PRIVATE_KEY,
    keyType,
    label,
    id,
    token,
    private: true,
    sensitive: true,
    extractable: false,
    decrypt: use === 'decrypt',
    sign: use === 'sign',
    signRecover: false,
    unwrap: use === 'unwrap',
    derive: use === 'derive',
    ...(!quirk.refuses.includes('copyable') && { copyable: false }),
    ...(!quirk.refuses.includes('allowedMechanisms') && { allowedMechanisms: ulongs(allowed) }),
    // The last, as in secret.ts.
    modifiable: false,
  };
}

export function publicTemplate(
  { keyType, use }: PairKind,
  { label, id, token }: Placing,
  quirk: Quirk,
): graphene.ITemplate {
  return {
    class: graphene.ObjectClass.PUBLIC_KEY,
    keyType,
    label,
    id,
    token,
    private: false,
    encrypt: use === 'decrypt',
    verify: use === 'sign',
    verifyRecover: false,
    wrap: use === 'unwrap',
    derive: false,
    ...(!quirk.refuses.includes('copyable') && { copyable: false }),
    modifiable: false,
  };
}

/** What says which pair is to be made. */
function parameters({ parameters }: PairKind): graphene.ITemplate {
  switch (parameters.type) {
    case 'curve':
      return { paramsECDSA: parameters.curve };
    case 'modulus':
      return { modulusBits: parameters.bits, publicExponent };
    case 'set':
      return { parameterSet: ulongs([parameters.number]) };
    default:
      return parameters satisfies never;
  }
}

/** 65,537, the only one that AWS KMS takes. */
export const publicExponent = Buffer.of(1, 0, 1);

/**
 * Generates a pair and reads back what the token made of the templates.
 * @throws Failure `unsupported` where an attribute is not as asked; nothing is left of the pair
 */
export function generatePair(
  session: graphene.Session,
  kind: PairKind,
  placing: Placing,
  quirk: Quirk,
): Pair {
  const pair = session.generateKeyPair(
    kind.generation,
    { ...publicTemplate(kind, placing, quirk), ...parameters(kind) },
    privateTemplate(kind, placing, quirk),
  );
  try {
    assertPair(pair, kind, placing, quirk);
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
  placing: Placing,
  quirk: Quirk,
): void {
  assertPrivate(privateKey, kind, placing, quirk);
  assertFlags(publicKey, [['TOKEN', pkcs11.CKA_TOKEN, placing.token]]);
  assertParameters(publicKey, kind);
}

/**
 * @param imported whether it came from outside, so that the token can't say that it was always inside
 * @throws Failure `unsupported`
 */
export function assertPrivate(
  key: graphene.SessionObject,
  kind: PairKind,
  { token }: Placing,
  quirk: Quirk,
  imported = false,
): void {
  const { use, allowed } = kind;
  const flags: Flags = [
    ['SENSITIVE', pkcs11.CKA_SENSITIVE, true],
    ['EXTRACTABLE', pkcs11.CKA_EXTRACTABLE, false],
    ['MODIFIABLE', pkcs11.CKA_MODIFIABLE, false],
    ['TOKEN', pkcs11.CKA_TOKEN, token],
    ['PRIVATE', pkcs11.CKA_PRIVATE, true],
    ['DECRYPT', pkcs11.CKA_DECRYPT, use === 'decrypt'],
    ['SIGN', pkcs11.CKA_SIGN, use === 'sign'],
    ['SIGN_RECOVER', pkcs11.CKA_SIGN_RECOVER, false],
    ['UNWRAP', pkcs11.CKA_UNWRAP, use === 'unwrap'],
    ['DERIVE', pkcs11.CKA_DERIVE, use === 'derive'],
  ];
  assertFlags(key, flags);
  assertOrigin(key, quirk, imported);
  assertMechanisms(key, allowed, quirk);
  assertParameters(key, kind);
}

function assertParameters(half: graphene.SessionObject, { parameters }: PairKind): void {
  let same: boolean;
  switch (parameters.type) {
    case 'curve':
      same = attribute(half, pkcs11.CKA_EC_PARAMS).equals(parameters.curve);
      break;
    case 'modulus':
      same =
        8 * unsigned(attribute(half, pkcs11.CKA_MODULUS)).length === parameters.bits &&
        unsigned(attribute(half, pkcs11.CKA_PUBLIC_EXPONENT)).equals(publicExponent);
      break;
    case 'set':
      same = attribute(half, numbers.CKA_PARAMETER_SET).equals(ulongs([parameters.number]));
      break;
    default:
      parameters satisfies never;
      same = false;
  }
  if (!same)
    throw new Failure('unsupported', 'the token made a key pair of another size or curve than asked');
}

/** A big integer (big-endian) without the zeros that some tokens put before it. */
export function unsigned(value: Buffer): Buffer {
  const first = value.findIndex((byte) => byte !== 0);
  return first < 0 ? Buffer.alloc(0) : value.subarray(first);
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
