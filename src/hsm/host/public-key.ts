/** The public half of a pair: read from the token, told as SubjectPublicKeyInfo. */
import { createPublicKey, type KeyObject, type webcrypto } from 'node:crypto';
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { factsOf, isKeySpec, type KeySpec, keySpecs } from '../../keys/spec/key-spec.ts';
import { Failure } from './failure.ts';
import { parameterSets } from './mechanism.ts';
import { publicExponent, unsigned } from './pair.ts';

/**
 * @param half a public key of the spec in the token
 * @throws Failure `unsupported` where it is not one, such as a point that is not on the curve
 */
export function publicKeyOf(half: graphene.SessionObject, keySpec: KeySpec): KeyObject {
  const facts = factsOf(keySpec);
  switch (facts.family) {
    case 'rsa':
      return fromModulus(
        unsigned(half.getAttribute(pkcs11.CKA_MODULUS)),
        unsigned(half.getAttribute(pkcs11.CKA_PUBLIC_EXPONENT)),
      );
    case 'ec': {
      const size = 2 * facts.fieldBytes + 1;
      return fromPoint(keySpec, octets(half.getAttribute(pkcs11.CKA_EC_POINT), size));
    }
    case 'edwards': {
      const point = octets(half.getAttribute(pkcs11.CKA_EC_POINT), facts.publicKeyBytes);
      return fromJwk({ kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') });
    }
    case 'ml-dsa': {
      const key = half.getAttribute(pkcs11.CKA_VALUE);
      if (key.length !== facts.publicKeyBytes) break;
      // The object identifiers end in 17, 18 and 19 (RFC 9881 §2).
      const algorithm = Buffer.from(
        `300b06096086480165030403${(16 + parameterSets[facts.parameterSet]).toString(16)}`,
        'hex',
      );
      const bits = Buffer.concat([header(0x03, key.length + 1), Buffer.alloc(1), key]);
      const der = Buffer.concat([header(0x30, algorithm.length + bits.length), algorithm, bits]);
      return createPublicKey({ key: der, format: 'der', type: 'spki' });
    }
    case 'aes':
    case 'hmac':
      break;
    default:
      facts satisfies never;
  }
  throw new Failure('unsupported', `the token's public key is none of ${keySpec}`);
}

/** @param modulus and exponent big-endian */
export function fromModulus(modulus: Buffer, exponent: Buffer = publicExponent): KeyObject {
  return fromJwk({ kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') });
}

/** @param point uncompressed (SEC 1 §2.3.3) @throws Failure `unsupported` where it is not on the curve */
export function fromPoint(keySpec: KeySpec, point: Buffer): KeyObject {
  const facts = factsOf(keySpec);
  if (facts.family !== 'ec' || point.length !== 2 * facts.fieldBytes + 1 || point[0] !== 4) {
    throw new Failure('unsupported', `${point.length} bytes are no point of ${keySpec}`);
  }
  const { jwkCurve: crv, fieldBytes } = facts;
  const x = point.toString('base64url', 1, 1 + fieldBytes);
  const y = point.toString('base64url', 1 + fieldBytes);
  return fromJwk({ kty: 'EC', crv, x, y });
}

/** @returns SubjectPublicKeyInfo in DER */
export function spki(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' });
}

function fromJwk(jwk: webcrypto.JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch (cause) {
    throw new Failure('unsupported', `a public key is malformed: ${String(cause)}`);
  }
}

/** CKA_EC_POINT is a DER OCTET STRING, and of some tokens the point itself. */
function octets(value: Buffer, size: number): Buffer {
  if (value.length === size) return value;
  const prefix = header(0x04, size);
  if (value.length === prefix.length + size && value.subarray(0, prefix.length).equals(prefix)) {
    return value.subarray(prefix.length);
  }
  throw new Failure('unsupported', `the token's public key is a point of ${value.length} bytes`);
}

/** Tag and length in DER. */
function header(tag: number, length: number): Buffer {
  if (length < 0x80) return Buffer.of(tag, length);
  return length < 0x100 ? Buffer.of(tag, 0x81, length) : Buffer.of(tag, 0x82, length >> 8, length & 0xff);
}

/** Which spec a public key is of; `undefined` where it is of none. */
export function specOfKey(key: KeyObject): KeySpec | undefined {
  const { namedCurve, modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  for (const name in keySpecs) {
    if (!isKeySpec(name)) continue;
    const facts = factsOf(name);
    if (facts.family === 'rsa' && facts.modulusBits === modulusLength && publicExponent === 65_537n)
      return name;
    if (facts.family === 'ec' && facts.curve === namedCurve) return name;
    if (facts.family === 'edwards' && key.asymmetricKeyType === facts.curve) return name;
  }
  return undefined;
}
