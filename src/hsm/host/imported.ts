/** Material that was taken out of its wrapping: what it is, and how it is made an object. */
import { createPrivateKey, createPublicKey, hash, type KeyObject } from 'node:crypto';
import type graphene from 'graphene-pk11';
import { factsOf, type KeySpec } from '../../keys/spec/key-spec.ts';
import { element, elements } from './der-reader.ts';
import { Failure } from './failure.ts';
import type { PairKind, SecretKind } from './mechanism.ts';
import { privateTemplate, publicTemplate } from './pair.ts';
import { specOfKey, spki } from './public-key.ts';
import type { Quirk } from './quirk.ts';
import { type Placing, secretTemplate } from './secret.ts';

export interface Material {
  /** What tells it from all other material, and nothing more: a MAC under a secret, the digest of a public key. */
  readonly identity: Buffer;
  readonly publicKey: KeyObject | undefined;
  /** Makes the secret or private object. */
  store(session: graphene.Session, placing: Placing): graphene.SessionObject;
  /** Forgets what the host knows of it. */
  forget(): void;
}

/** What the MAC that identifies a secret is over. */
export const identityLabel = Buffer.from('coffer material v1');

export function pairIdentity(publicKey: KeyObject): Buffer {
  return hash('sha256', spki(publicKey), 'buffer');
}

export function malformed(): Failure {
  return new Failure('invalid-ciphertext', 'the wrapped material is not what it should be');
}

/** A private key that the host has in its memory, as PKCS#8. @throws Failure `invalid-ciphertext` */
export function privateKeyInMemory(pkcs8: Buffer, keySpec: KeySpec, kind: PairKind, quirk: Quirk): Material {
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
  } catch {
    throw malformed();
  }
  const publicKey = createPublicKey(key);
  if (specOfKey(publicKey) !== keySpec) throw malformed();
  const { family } = factsOf(keySpec);
  // As Node encodes it anew: whatever else a PKCS#8 may hold is left behind.
  const encoded = key.export({ format: 'der', type: 'pkcs8' });
  const values = privateValues(encoded, family, kind);
  return {
    identity: pairIdentity(publicKey),
    publicKey,
    store: (session, placing) => session.create(ordered(privateTemplate(kind, placing, quirk), values)),
    forget: () => encoded.fill(0),
  };
}

/** The attributes that hold a private key (RFC 8017 §A.1.2, RFC 5915 §3, RFC 8410 §7), as views. */
function privateValues(pkcs8: Buffer, family: string, { parameters }: PairKind): graphene.ITemplate {
  const inner = elements(pkcs8)[2];
  if (inner === undefined) throw malformed();
  if (family === 'edwards') {
    const { content: value } = element(inner, 0);
    return { ...(parameters.type === 'curve' && { paramsECDSA: parameters.curve }), value };
  }
  const [, ...parts] = elements(inner);
  if (family === 'ec') {
    const [value] = parts;
    if (value === undefined) throw malformed();
    return { ...(parameters.type === 'curve' && { paramsECDSA: parameters.curve }), value };
  }
  const [modulus, publicExponent, privateExponent, prime1, prime2, exp1, exp2, coefficient] =
    parts.map(positive);
  if (
    modulus === undefined ||
    publicExponent === undefined ||
    privateExponent === undefined ||
    prime1 === undefined ||
    prime2 === undefined ||
    exp1 === undefined ||
    exp2 === undefined ||
    coefficient === undefined
  ) {
    throw malformed();
  }
  return { modulus, publicExponent, privateExponent, prime1, prime2, exp1, exp2, coefficient };
}

/** An INTEGER's content without the zero that makes it positive. */
function positive(content: Buffer): Buffer {
  return content[0] === 0 ? content.subarray(1) : content;
}

/** A secret that the host has in its memory. @throws Failure `invalid-ciphertext` where it has another length */
export function secretInMemory(secret: Buffer, kind: SecretKind, identity: Buffer, quirk: Quirk): Material {
  if (secret.length !== kind.bytes) throw malformed();
  return {
    identity,
    publicKey: undefined,
    store: (session, placing) =>
      session.create(ordered(secretTemplate(kind, placing, quirk), { value: secret })),
    forget: () => secret.fill(0),
  };
}

/** The public half of an imported pair as an object. */
export function storePublic(
  session: graphene.Session,
  publicKey: KeyObject,
  kind: PairKind,
  placing: Placing,
  quirk: Quirk,
): graphene.SessionObject {
  const { n, e, x, y } = publicKey.export({ format: 'jwk' });
  const bytes = (value: string | undefined) => Buffer.from(value ?? '', 'base64url');
  const { parameters } = kind;
  let values: graphene.ITemplate;
  if (parameters.type === 'modulus') values = { modulus: bytes(n), publicExponent: bytes(e) };
  else if (parameters.type === 'curve') {
    const point = y === undefined ? bytes(x) : Buffer.concat([Buffer.of(4), bytes(x), bytes(y)]);
    const header = point.length < 0x80 ? [4, point.length] : [4, 0x81, point.length];
    values = { paramsECDSA: parameters.curve, pointEC: Buffer.concat([Buffer.from(header), point]) };
  } else throw new Failure('unsupported', 'material of that kind is not imported');
  return session.create(ordered(publicTemplate(kind, placing, quirk), values));
}

/** CKA_MODIFIABLE last (secret.ts). */
function ordered({ modifiable, ...template }: graphene.ITemplate, values: graphene.ITemplate) {
  return { ...template, ...values, modifiable };
}
