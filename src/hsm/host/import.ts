/** Importing key material: which way it takes, what identifies it, and its objects in the token. */
import { createHmac, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import type { ImportCapability } from '../../keys/hsm.ts';
import { macAlgorithms, type OaepAlgorithm } from '../../keys/spec/algorithm.ts';
import {
  factsOf,
  isKeySpec,
  type KeySpec,
  type KeyUsage,
  keySpecs,
  usagesOf,
} from '../../keys/spec/key-spec.ts';
import {
  mayWrap,
  type WrappingAlgorithm,
  type WrappingKeySpec,
  wrappingAlgorithms,
} from '../../keys/spec/wrapping.ts';
import { keySpecCodes } from '../code.ts';
import type { ImportRequest } from '../request-import.ts';
import { ckrClass, ckrText } from './ckr.ts';
import { Failure } from './failure.ts';
import { labelHandle } from './handle.ts';
import {
  identityLabel,
  type Kind,
  type Material,
  malformed,
  privateKeyInMemory,
  secretInMemory,
  storePublic,
} from './imported.ts';
import { destroyMaterial, sweepObjects } from './material.ts';
import { kindOf, type Leave } from './mechanism.ts';
import { find, labelOf, materialLabel, trailLabel } from './object.ts';
import { assertPrivate, generatePair } from './pair.ts';
import { isNative, prove, saysGone } from './proof.ts';
import { publicKeyOf, spki } from './public-key.ts';
import { assertSecret, type Placing } from './secret.ts';
import type { Token } from './token.ts';
import { identityAlgorithm, type Parcel, Unwrapper } from './unwrap.ts';
import { decryptRaw, decryptWith, isBelowModulus } from './use.ts';
import { unwrapAes, wrap } from './wrap.ts';
import {
  createWrappingKey,
  findWrappingKey,
  type Route,
  type WrappingKey,
  wrappingKind,
} from './wrapping.ts';

const passing: Placing = { label: 'coffer import', id: Buffer.alloc(16, 0xc1), token: false };

/** Which way there is, or why there is none. */
type Found = Route | { readonly where: undefined; readonly problem: string };

export interface Imported {
  /** False where it is other material than expected: nothing was made of it. */
  readonly imported: boolean;
  readonly inToken: boolean;
  readonly fingerprint: Buffer;
  readonly publicKey: Buffer | undefined;
}

export class Importer {
  readonly #token: Token;
  readonly #leave: Leave;
  readonly #unwrapper: Unwrapper;
  readonly #routes = new Map<string, Found>();

  constructor(token: Token, leave: Leave) {
    this.#token = token;
    this.#leave = leave;
    this.#unwrapper = new Unwrapper(token);
  }

  /** @throws Failure `unsupported` where there is no way that is allowed */
  createWrappingKey(request: ImportRequest & { readonly operation: 'createWrappingKey' }): {
    readonly inToken: boolean;
    readonly publicKey: Buffer;
  } {
    const { wrappingId, wrappingKeySpec, algorithm, keySpec, keyUsage } = request;
    const route = this.#onBench((bench) => this.#route(algorithm, keySpec, keyUsage, bench));
    if (route.where === undefined) {
      throw new Failure('unsupported', `no ${keySpec} can be imported by ${algorithm}: ${route.problem}`);
    }
    const publicKey = createWrappingKey(this.#token, wrappingId, wrappingKeySpec, route);
    return { inToken: route.where === 'token', publicKey: spki(publicKey) };
  }

  /**
   * @throws Failure `invalid-ciphertext` whatever is wrong with what is wrapped; nothing is left of an import that fails
   */
  importKey(request: ImportRequest & { readonly operation: 'importKey' }): Imported {
    const token = this.#token;
    const { material, wrappingId, algorithm, keySpec, keyUsage, expected, wrapped } = request;
    const label = materialLabel(material);
    const placing: Placing = { label, id: Buffer.from(material.subarray(16, 32)), token: true };
    const kind = kindOf(keySpec, keyUsage, this.#leave);
    let making = false;
    try {
      return token.run(
        () =>
          token.apart((session) => {
            const wrapping = findWrappingKey(token, wrappingId);
            const inToken = wrapping.where === 'token';
            const parcel = { session, wrapping, algorithm, wrapped };
            const opened = inToken
              ? this.#open(parcel, keySpec, kind)
              : this.#openInMemory(parcel, keySpec, kind);
            try {
              const fingerprint = this.#fingerprint(material, keySpec, opened.identity);
              const publicKey = opened.publicKey && spki(opened.publicKey);
              const answer = { inToken, fingerprint, publicKey };
              if (expected.length > 0 && !fingerprint.equals(expected)) return { ...answer, imported: false };
              if (!making && this.#isThere(placing, expected.length > 0))
                return { ...answer, imported: true };
              // Where this is tried once more: what the first try may have left.
              if (making) sweepObjects(token, placing.id, label);
              making = true;
              this.#store(session, opened, keySpec, keyUsage, kind, placing);
              return { ...answer, imported: true };
            } finally {
              opened.forget();
            }
          }),
        true,
      );
    } catch (error) {
      if (making && token.problem === undefined) destroyMaterial(token, material);
      throw error;
    }
  }

  /** The wrapping key was made for what the token does: what it can't take out is not what it should be. */
  #open(parcel: Parcel, keySpec: KeySpec, kind: Kind): Material {
    try {
      return this.#unwrapper.open(parcel, keySpec, kind);
    } catch (error) {
      throw ckrClass(error) === 'unsupported' ? malformed() : error;
    }
  }

  /** Whether the material's object is there already. @param again whether it may be @throws Failure where it may not */
  #isThere({ id, label }: Placing, again: boolean): boolean {
    const objects = find(this.#token.grapheneSession, { id, token: true });
    if (objects.length === 0) return false;
    if (again && objects.every((object) => labelOf(object) === label)) return true;
    throw new Failure('internal', `the token has an object with the id of \`${label}\` already`);
  }

  /** Makes the objects, reads their attributes back, and proves that they do what they are for. */
  #store(
    session: graphene.Session,
    opened: Material,
    keySpec: KeySpec,
    keyUsage: KeyUsage,
    kind: Kind,
    placing: Placing,
  ): void {
    const { lib, quirk, gcm } = this.#token;
    const key = opened.store(session, placing);
    const within = { lib, session: session.handle, handle: key.handle, keySpec };
    if ('secret' in kind) {
      assertSecret(key, kind.secret, placing, quirk, true);
      if (kind.secret.use === 'cipher') {
        // Of a length that AES doesn't have: the token takes it, and fails here.
        gcm.iv.set(randomBytes(gcm.iv.length));
        try {
          gcm.encrypt(session.handle, key.handle, identityLabel, identityLabel, Buffer.alloc(64));
        } catch (error) {
          throw ckrClass(error) === 'unsupported' ? malformed() : error;
        }
      }
    } else assertPrivate(key, kind.pair, placing, quirk, true);
    const { publicKey } = opened;
    const half =
      publicKey && 'pair' in kind ? storePublic(session, publicKey, kind.pair, placing, quirk) : undefined;
    const { hostOaep } = this.#leave;
    const { algorithms, problem } = prove(within, keyUsage, publicKey, half?.handle, hostOaep);
    if (algorithms.length === 0) {
      throw new Failure(
        'unsupported',
        `the token can't do ${keySpec} for ${keyUsage}: ${problem ?? 'unknown'}`,
      );
    }
  }

  /**
   * What recognises the material again: a MAC by the token's trail key over the key's id and what identifies the material.
   * Nobody who has it, and the store, can try candidates of a weak secret.
   */
  #fingerprint(material: Buffer, keySpec: KeySpec, identity: Buffer): Buffer {
    const token = this.#token;
    const data = Buffer.concat([
      fingerprintDomain,
      material.subarray(0, 16),
      Buffer.of(keySpecCodes.indexOf(keySpec)),
      identity,
    ]);
    token.lib.C_SignInit(
      token.session,
      { mechanism: pkcs11.CKM_SHA256_HMAC },
      labelHandle(token, trailLabel),
    );
    return token.lib.C_Sign(token.session, data, Buffer.alloc(64));
  }

  /** Through the host's memory. @throws Failure `unsupported` where an operator forbids it */
  #openInMemory({ session, wrapping, algorithm, wrapped }: Parcel, keySpec: KeySpec, kind: Kind): Material {
    const { quirk } = this.#token;
    if (!this.#leave.hostUnwrap) {
      throw new Failure(
        'unsupported',
        'the token can not unwrap that, and hosts may not (`token.hostUnwrap`)',
      );
    }
    const { oaep, aesKeyWrap } = wrappingAlgorithms[algorithm];
    const size = wrapping.modulus.length;
    if (!isBelowModulus(wrapped.subarray(0, size), wrapping.modulus)) throw malformed();
    if (!aesKeyWrap && wrapped.length !== size) throw malformed();
    const first = this.#decrypt(
      session,
      wrapping.handle,
      wrapping.publicKey,
      oaep,
      wrapped.subarray(0, size),
    );
    if (first === undefined) throw malformed();
    const bytes = aesKeyWrap ? unwrapAes(first, wrapped.subarray(size)) : first;
    if (aesKeyWrap) first.fill(0);
    if (bytes === undefined) throw malformed();
    try {
      if ('secret' in kind) {
        const identity = secretIdentity(bytes, kind.secret.bytes);
        return secretInMemory(Buffer.from(bytes), kind.secret, identity, quirk);
      }
      return privateKeyInMemory(bytes, keySpec, kind.pair, quirk);
    } finally {
      bytes.fill(0);
    }
  }

  /** @returns `undefined` where it isn't padded */
  #decrypt(
    session: graphene.Session,
    handle: Buffer,
    publicKey: KeyObject,
    algorithm: OaepAlgorithm,
    ciphertext: Buffer,
  ): Buffer | undefined {
    const key = { lib: this.#token.lib, session: session.handle, handle, keySpec: 'RSA_2048' } as const;
    const native = this.#token.apart((other) =>
      isNative({ ...key, session: other.handle }, publicKey, algorithm),
    );
    try {
      return native ? decryptWith(key, algorithm, ciphertext) : decryptRaw(key, algorithm, ciphertext);
    } catch (error) {
      this.#token.refusal = error;
      throw error;
    }
  }

  /** Every way there is, of every spec that can be imported. */
  all(): ImportCapability[] {
    return this.#onBench((bench) =>
      Object.keys(keySpecs)
        .filter(isKeySpec)
        .flatMap((keySpec) => usagesOf(keySpec).flatMap((keyUsage) => this.#ways(keySpec, keyUsage, bench))),
    );
  }

  #ways(keySpec: KeySpec, keyUsage: KeyUsage, bench: Bench): ImportCapability[] {
    return Object.keys(wrappingAlgorithms)
      .filter(isWrappingAlgorithm)
      .filter((wrappingAlgorithm) => mayWrap(keySpec, wrappingAlgorithm, 'RSA_4096'))
      .map((wrappingAlgorithm) => {
        const found = this.#route(wrappingAlgorithm, keySpec, keyUsage, bench);
        const way = found.where === undefined ? { problem: found.problem } : { where: found.where };
        return { keySpec, keyUsage, wrappingAlgorithm, ...way };
      });
  }

  #route(algorithm: WrappingAlgorithm, keySpec: KeySpec, keyUsage: KeyUsage, bench: Bench): Found {
    const probed = factsOf(keySpec).family === 'rsa' ? 'RSA_2048' : keySpec;
    const name = `${algorithm} ${probed} ${keyUsage}`;
    const found = this.#routes.get(name) ?? this.#try(bench, algorithm, probed, keyUsage);
    this.#routes.set(name, found);
    return found;
  }

  #onBench<T>(task: (bench: Bench) => T): T {
    return this.#token.run(() => this.#token.apart((session) => task({ session, pairs: new Map() })));
  }

  /** Imports material of its own making into a session, the one way and then the other. */
  #try(bench: Bench, algorithm: WrappingAlgorithm, keySpec: KeySpec, keyUsage: KeyUsage): Found {
    const kind = kindOf(keySpec, keyUsage, this.#leave);
    const sample = sampleOf(keySpec);
    // The smallest that has room for it: a larger one takes long to make, and tells no more.
    const size = mayWrap(keySpec, algorithm, 'RSA_2048') ? 'RSA_2048' : 'RSA_3072';
    const problems: string[] = [];
    for (const route of routes) {
      try {
        const wrapping = this.#wrappingOn(bench, route, size);
        const wrapped = wrap(wrapping.publicKey, algorithm, sample);
        this.#token.apart((session) => {
          const parcel = { session, wrapping, algorithm, wrapped };
          const opened =
            route.where === 'token'
              ? this.#unwrapper.open(parcel, keySpec, kind)
              : this.#openInMemory(parcel, keySpec, kind);
          try {
            this.#store(session, opened, keySpec, keyUsage, kind, passing);
          } finally {
            opened.forget();
          }
        });
        return route;
      } catch (error) {
        if (saysGone(error)) throw error;
        if (ckrClass(error) === 'ambiguous') this.#token.assertHealthy();
        problems.push(ckrText(error));
      }
    }
    return { where: undefined, problem: [...new Set(problems)].join('; ') };
  }

  #wrappingOn({ session, pairs }: Bench, route: Route, size: WrappingKeySpec): WrappingKey {
    const name = `${route.where} ${route.native} ${size}`;
    const known = pairs.get(name);
    if (known !== undefined) return known;
    const pair = generatePair(session, wrappingKind(size, route), passing, this.#token.quirk);
    const publicKey = publicKeyOf(pair.publicKey, size);
    const { n = '' } = publicKey.export({ format: 'jwk' });
    const made: WrappingKey = {
      handle: pair.privateKey.handle,
      publicKey,
      modulus: Buffer.from(n, 'base64url'),
      where: route.where,
    };
    pairs.set(name, made);
    return made;
  }
}

/** Where ways are tried: a session that holds a wrapping key for each. */
interface Bench {
  readonly session: graphene.Session;
  readonly pairs: Map<string, WrappingKey>;
}

/** In the order of preference. */
const routes: readonly Route[] = [
  { where: 'token', native: true },
  { where: 'host', native: true },
  { where: 'host', native: false },
];

const fingerprintDomain = Buffer.from('coffer fingerprint v1\0', 'latin1');

function secretIdentity(secret: Buffer, bytes: number): Buffer {
  const { hash } = macAlgorithms[identityAlgorithm(bytes)];
  return createHmac(hash, secret).update(identityLabel).digest();
}

/** Material as its owner wraps it: a secret, or a private key in PKCS#8. */
function sampleOf(keySpec: KeySpec): Buffer {
  const facts = factsOf(keySpec);
  switch (facts.family) {
    case 'aes':
    case 'hmac':
      return randomBytes(facts.secretBytes);
    case 'rsa':
      return pkcs8(generateKeyPairSync('rsa', { modulusLength: facts.modulusBits }).privateKey);
    case 'ec':
      return pkcs8(generateKeyPairSync('ec', { namedCurve: facts.curve }).privateKey);
    case 'edwards':
      return pkcs8(generateKeyPairSync('ed25519').privateKey);
    case 'ml-dsa':
      throw new Failure('internal', `material of ${keySpec} is not imported`);
    default:
      return facts satisfies never;
  }
}

function pkcs8(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'pkcs8' });
}

function isWrappingAlgorithm(name: string): name is WrappingAlgorithm {
  return Object.hasOwn(wrappingAlgorithms, name);
}
