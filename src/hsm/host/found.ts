/** Finding a key of any spec, once: its handle, and what the token says it is. */
import graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import {
  factsOf,
  isKeySpec,
  type KeySpec,
  type KeySpecFacts,
  type KeyUsage,
  keySpecs,
} from '../../keys/spec/key-spec.ts';
import { Failure } from './failure.ts';
import { findOne } from './handle.ts';
import { macMechanism, numbers, parameterSets, parametersOf } from './mechanism.ts';
import { attribute, find, labelOf, materialLabel } from './object.ts';
import { findHalves, unsigned } from './pair.ts';
import { ulongs } from './readback.ts';
import type { Token } from './token.ts';

export interface FoundKey {
  readonly handle: Buffer;
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
  /** Of an RSA key, big-endian; else empty. */
  readonly modulus: Buffer;
}

/**
 * The secret or private key of a material.
 * @param material key id and material id, 32 bytes
 * @throws Failure `missing-object`, or `unavailable` where the token shows nothing at all
 */
export function findKey(token: Token, material: Buffer): FoundKey {
  const cacheKey = material.toString('latin1', 0, 32);
  const cached = token.keys.get(cacheKey);
  if (cached !== undefined) return cached;
  const label = materialLabel(material);
  const id = Buffer.from(material.subarray(16, 32));
  const object = findOne(token, label, (session) => [
    ...find(session, { class: graphene.ObjectClass.SECRET_KEY, token: true, id }),
    ...findHalves(session, { id }).privateKeys,
  ]);
  if (labelOf(object) !== label) {
    throw new Failure('internal', `\`${label}\` names a material of another key`);
  }
  const found: FoundKey = {
    handle: object.handle,
    keySpec: specOf(object),
    keyUsage: usageOf(object),
    modulus: Buffer.from(unsigned(attribute(object, pkcs11.CKA_MODULUS))),
  };
  token.keys.set(cacheKey, found);
  return found;
}

/** The public half of a material. @throws as findKey */
export function findPublicKey(token: Token, material: Buffer): graphene.SessionObject {
  const label = materialLabel(material);
  const id = Buffer.from(material.subarray(16, 32));
  const object = findOne(token, label, (session) => findHalves(session, { id }).publicKeys);
  if (labelOf(object) !== label) {
    throw new Failure('internal', `\`${label}\` names a material of another key`);
  }
  return object;
}

/** What a key is a key of, by its type and size. @throws Failure `internal` where Coffer makes none like it */
export function specOf(object: graphene.SessionObject): KeySpec {
  const seen: Seen = {
    keyType: number(attribute(object, pkcs11.CKA_KEY_TYPE)),
    secretBytes: number(attribute(object, pkcs11.CKA_VALUE_LEN)),
    allowed: attribute(object, pkcs11.CKA_ALLOWED_MECHANISMS),
    modulusBits: 8 * unsigned(attribute(object, pkcs11.CKA_MODULUS)).length,
    curve: attribute(object, pkcs11.CKA_EC_PARAMS),
    parameterSet: number(attribute(object, numbers.CKA_PARAMETER_SET)),
  };
  for (const name in keySpecs) if (isKeySpec(name) && matches(factsOf(name), seen)) return name;
  throw new Failure('internal', `\`${labelOf(object)}\` is a key of a kind that Coffer doesn't make`);
}

/** What the token says of a key; what it doesn't say is undefined or empty. */
interface Seen {
  readonly keyType: number | undefined;
  /** 0 where SoftHSM unwrapped the key: then the mechanism that it is allowed says which it is. */
  readonly secretBytes: number | undefined;
  readonly allowed: Buffer;
  readonly modulusBits: number;
  readonly curve: Buffer;
  readonly parameterSet: number | undefined;
}

function matches(facts: KeySpecFacts, seen: Seen): boolean {
  switch (facts.family) {
    case 'aes':
      return seen.keyType === pkcs11.CKK_AES && isSecret(seen, facts.secretBytes, pkcs11.CKM_AES_GCM);
    case 'hmac': {
      const [algorithm] = facts.usages.GENERATE_VERIFY_MAC ?? [];
      return (
        seen.keyType === pkcs11.CKK_GENERIC_SECRET &&
        algorithm !== undefined &&
        isSecret(seen, facts.secretBytes, macMechanism(algorithm))
      );
    }
    case 'rsa':
      return seen.keyType === pkcs11.CKK_RSA && seen.modulusBits === facts.modulusBits;
    case 'ec':
      return seen.keyType === pkcs11.CKK_EC && seen.curve.equals(parametersOf(facts.curve));
    case 'edwards':
      return seen.keyType === numbers.CKK_EC_EDWARDS && seen.curve.equals(parametersOf(facts.curve));
    case 'ml-dsa':
      return seen.keyType === numbers.CKK_ML_DSA && seen.parameterSet === parameterSets[facts.parameterSet];
    default:
      return facts satisfies never;
  }
}

function isSecret({ secretBytes, allowed }: Seen, bytes: number, mechanism: number): boolean {
  return secretBytes === 0 ? allowed.equals(ulongs([mechanism])) : secretBytes === bytes;
}

function number(value: Buffer): number | undefined {
  return value.length >= 4 ? value.readUInt32LE(0) : undefined;
}

function usageOf(object: graphene.SessionObject): KeyUsage {
  const may = (type: number) => attribute(object, type)[0] === 1;
  if (may(pkcs11.CKA_DECRYPT)) return 'ENCRYPT_DECRYPT';
  if (may(pkcs11.CKA_DERIVE)) return 'KEY_AGREEMENT';
  const secret = number(attribute(object, pkcs11.CKA_KEY_TYPE)) === pkcs11.CKK_GENERIC_SECRET;
  return secret ? 'GENERATE_VERIFY_MAC' : 'SIGN_VERIFY';
}
