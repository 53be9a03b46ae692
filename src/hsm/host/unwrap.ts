/** Taking material out of its wrapping inside the token: nothing of it comes into the host's memory. */
import {
  createECDH,
  createHmac,
  hash as digest,
  ECDH,
  type KeyObject,
  randomBytes,
  verify,
} from 'node:crypto';
import graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { type MacAlgorithm, macAlgorithms } from '../../keys/spec/algorithm.ts';
import { factsOf, type KeySpec } from '../../keys/spec/key-spec.ts';
import { type WrappingAlgorithm, wrappingAlgorithms } from '../../keys/spec/wrapping.ts';
import { ckrOf, ckrText } from './ckr.ts';
import { Failure } from './failure.ts';
import { specOf } from './found.ts';
import { identityLabel, type Material, malformed, pairIdentity } from './imported.ts';
import { type Kind, macKind, numbers, oaep, type PairKind, type SecretKind } from './mechanism.ts';
import { attribute } from './object.ts';
import { privateTemplate, unsigned } from './pair.ts';
import { fromModulus, fromPoint, specOfKey } from './public-key.ts';
import { ulongs } from './readback.ts';
import { type Placing, secretTemplate } from './secret.ts';
import type { Token } from './token.ts';
import { agreeWith, isBelowModulus, macWith, signWith } from './use.ts';
import { wrap } from './wrap.ts';
import type { WrappingKey } from './wrapping.ts';

/** What is looked at and gone with its session. */
const passing: Placing = { label: 'coffer import', id: Buffer.alloc(16, 0xc1), token: false };
const keySizeRange = 0x62;

/** The MAC that identifies a secret: SoftHSM makes none under a secret shorter than the digest. */
export function identityAlgorithm(bytes: number): MacAlgorithm {
  for (const [name, { macBytes }] of Object.entries(macAlgorithms)) {
    if (macBytes === bytes && isMacAlgorithm(name)) return name;
  }
  throw new Failure('internal', `no material has ${bytes} bytes`);
}

function isMacAlgorithm(name: string): name is MacAlgorithm {
  return Object.hasOwn(macAlgorithms, name);
}

/** One wrapped material and the key that unwraps it, in a session. */
export interface Parcel {
  readonly session: graphene.Session;
  readonly wrapping: WrappingKey;
  readonly algorithm: WrappingAlgorithm;
  readonly wrapped: Buffer;
}

export class Unwrapper {
  readonly #token: Token;
  /** The number of RFC 5649 in this token, once it is found. */
  #wrapPad: number | undefined;

  constructor(token: Token) {
    this.#token = token;
  }

  /** @throws Failure `invalid-ciphertext` where it is not material of the spec */
  open(parcel: Parcel, keySpec: KeySpec, kind: Kind): Material {
    return 'secret' in kind ? this.#secret(parcel, kind.secret) : this.#pair(parcel, keySpec, kind.pair);
  }

  #secret(parcel: Parcel, kind: SecretKind): Material {
    const { quirk } = this.#token;
    const algorithm = identityAlgorithm(kind.bytes);
    const [key, identity] = this.#mac(parcel, kind.bytes, algorithm);
    if (key === undefined || identity === undefined) throw malformed();
    const said = attribute(key, pkcs11.CKA_VALUE_LEN);
    const bytes = said.length < 4 ? 0 : said.readUInt32LE(0);
    if (bytes === 0) {
      // SoftHSM doesn't say how long it is, but makes no MAC under a secret that is shorter than the digest.
      const longer = Object.values(macAlgorithms).find(({ macBytes }) => macBytes > kind.bytes);
      const [over] = longer ? this.#mac(parcel, kind.bytes, identityAlgorithm(longer.macBytes)) : [];
      if (over !== undefined) throw malformed();
    } else if (bytes !== kind.bytes) throw malformed();
    return {
      identity,
      publicKey: undefined,
      store: (session, placing) => this.#unwrap({ ...parcel, session }, secretTemplate(kind, placing, quirk)),
      forget() {},
    };
  }

  /** @returns nothing where the secret is too short for that */
  #mac(
    parcel: Parcel,
    bytes: number,
    algorithm: MacAlgorithm,
  ): [key: graphene.SessionObject, mac: Buffer] | [] {
    const { session } = parcel;
    const { lib, quirk } = this.#token;
    const key = this.#unwrap(parcel, secretTemplate(macKind(bytes, algorithm), passing, quirk));
    const within = { lib, session: session.handle, handle: key.handle, keySpec: 'HMAC_256' } as const;
    try {
      return [key, macWith(within, algorithm, identityLabel)];
    } catch (error) {
      if (ckrOf(error) !== keySizeRange) throw error;
      return [];
    }
  }

  #pair(parcel: Parcel, keySpec: KeySpec, kind: PairKind): Material {
    const { quirk } = this.#token;
    const { family } = factsOf(keySpec);
    if (family !== 'rsa' && family !== 'ec') {
      throw new Failure('unsupported', `the public half of a key of ${keySpec} can't be had from the token`);
    }
    const template = privateTemplate(kind, passing, quirk);
    const key = this.#unwrap(
      parcel,
      family === 'rsa'
        ? template
        : {
            ...template,
            sign: true,
            derive: true,
            ...(!quirk.refuses.includes('allowedMechanisms') && {
              allowedMechanisms: ulongs([pkcs11.CKM_ECDSA, pkcs11.CKM_ECDH1_DERIVE]),
            }),
          },
    );
    if (specNamed(key) !== keySpec) throw malformed();
    const publicKey =
      family === 'rsa'
        ? fromModulus(
            unsigned(attribute(key, pkcs11.CKA_MODULUS)),
            unsigned(attribute(key, pkcs11.CKA_PUBLIC_EXPONENT)),
          )
        : this.#recover(parcel.session, key.handle, keySpec);
    // Its public exponent too.
    if (specOfKey(publicKey) !== keySpec) throw malformed();
    return {
      identity: pairIdentity(publicKey),
      publicKey,
      store: (session, placing) =>
        this.#unwrap({ ...parcel, session }, privateTemplate(kind, placing, quirk)),
      forget() {},
    };
  }

  /**
   * The public half of an EC key that only the token has: agreeing with the generator gives its x, which leaves two
   * points, and a signature tells which.
   */
  #recover(session: graphene.Session, handle: Buffer, keySpec: KeySpec): KeyObject {
    const facts = factsOf(keySpec);
    const [algorithm] = facts.usages.SIGN_VERIFY ?? [];
    if (facts.family !== 'ec' || algorithm === undefined) throw malformed();
    const within = { lib: this.#token.lib, session: session.handle, handle, keySpec };
    const x = agreeWith(within, generatorOf(facts.curve));
    const hash = { 32: 'sha256', 48: 'sha384', 66: 'sha512' }[facts.fieldBytes] ?? 'sha256';
    const signature = signWith(within, algorithm, digest(hash, identityLabel, 'buffer'));
    for (const sign of [2, 3]) {
      const compressed = Buffer.concat([Buffer.of(sign), x]);
      const point = ECDH.convertKey(compressed, facts.curve, undefined, undefined, 'uncompressed');
      const key = fromPoint(keySpec, Buffer.from(point));
      if (verify(hash, identityLabel, { key, dsaEncoding: 'ieee-p1363' }, signature)) return key;
    }
    throw new Failure('unsupported', 'the public half of an imported key fits none of its signatures');
  }

  #unwrap(
    { session, wrapping, algorithm, wrapped }: Parcel,
    template: graphene.ITemplate,
  ): graphene.SessionObject {
    const { lib } = this.#token;
    const { oaep: padding, aesKeyWrap } = wrappingAlgorithms[algorithm];
    const size = wrapping.modulus.length;
    const object = (
      unwrapping: Buffer,
      mechanism: pkcs11.Mechanism,
      bytes: Buffer,
      asked: graphene.ITemplate,
    ) =>
      new graphene.SessionObject(
        lib.C_UnwrapKey(session.handle, mechanism, unwrapping, bytes, graphene.Template.toPkcs11(asked)),
        session,
        lib,
      );
    if (!isBelowModulus(wrapped.subarray(0, size), wrapping.modulus)) throw malformed();
    try {
      if (!aesKeyWrap) {
        if (wrapped.length !== size) throw malformed();
        return object(wrapping.handle, oaep(padding), wrapped, template);
      }
      if (wrapped.length < size + 16 || (wrapped.length - size) % 8 !== 0) throw malformed();
      const mechanism = this.#wrapPad ?? this.#findWrapPad({ session, wrapping, algorithm, wrapped });
      const key = object(
        wrapping.handle,
        oaep(padding),
        wrapped.subarray(0, size),
        this.#keyTemplate(mechanism),
      );
      try {
        return object(key.handle, { mechanism }, wrapped.subarray(size), template);
      } finally {
        key.destroy();
      }
    } catch (error) {
      this.#token.refusal = error;
      throw error;
    }
  }

  #keyTemplate(mechanism: number): graphene.ITemplate {
    const kind: SecretKind = {
      keyType: pkcs11.CKK_AES,
      generation: pkcs11.CKM_AES_KEY_GEN,
      bytes: 32,
      use: 'unwrap',
      allowed: [mechanism],
    };
    return secretTemplate(kind, passing, this.#token.quirk);
  }

  /** Which number stands for RFC 5649: the one under which a known secret comes out right. */
  #findWrapPad(parcel: Parcel): number {
    let problem = 'none was tried';
    for (const mechanism of [numbers.CKM_AES_KEY_WRAP_KWP, numbers.CKM_AES_KEY_WRAP_PAD]) {
      this.#wrapPad = mechanism;
      try {
        const secret = randomBytes(32);
        const wrapped = wrap(parcel.wrapping.publicKey, parcel.algorithm, secret);
        const [, mac] = this.#mac({ ...parcel, wrapped }, 32, 'HMAC_SHA_256');
        if (mac?.equals(createHmac('sha256', secret).update(identityLabel).digest())) return mechanism;
      } catch (error) {
        problem = ckrText(error);
      }
      this.#wrapPad = undefined;
    }
    throw new Failure('unsupported', `the token doesn't unwrap as RFC 5649 says: ${problem}`);
  }
}

function specNamed(key: graphene.SessionObject): KeySpec | undefined {
  try {
    return specOf(key);
  } catch (error) {
    if (error instanceof Failure) return undefined;
    throw error;
  }
}

/** The generator of a curve, uncompressed: the public half of the private key 1. */
function generatorOf(curve: string): Buffer {
  const ecdh = createECDH(curve);
  ecdh.setPrivateKey(Buffer.of(1));
  return ecdh.getPublicKey();
}
