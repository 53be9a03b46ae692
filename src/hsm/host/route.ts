/** Which way material comes into the token, found by importing some of our own making into a session. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type graphene from 'graphene-pk11';
import type { ImportCapability } from '../../keys/hsm.ts';
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
import type { Capabilities } from './capability.ts';
import { ckrClass, ckrText } from './ckr.ts';
import { Failure } from './failure.ts';
import { keep } from './keep.ts';
import type { Opener } from './opener.ts';
import { generatePair } from './pair.ts';
import { saysGone } from './proof.ts';
import { publicKeyOf } from './public-key.ts';
import type { Placing } from './secret.ts';
import type { Token } from './token.ts';
import { wrap } from './wrap.ts';
import { type Route, type WrappingKey, wrappingKind } from './wrapping.ts';

const passing: Placing = { label: 'coffer import', id: Buffer.alloc(16, 0xc1), token: false };

/** Which way there is, or why there is none. */
type Found = Route | { readonly where: undefined; readonly problem: string };

export class Routes {
  readonly #token: Token;
  readonly #capabilities: Capabilities;
  readonly #opener: Opener;
  readonly #found = new Map<string, Found>();

  constructor(token: Token, capabilities: Capabilities, opener: Opener) {
    this.#token = token;
    this.#capabilities = capabilities;
    this.#opener = opener;
  }

  /** @throws Failure `unsupported` where there is no way that is allowed */
  of(algorithm: WrappingAlgorithm, keySpec: KeySpec, keyUsage: KeyUsage): Route {
    const found = this.#onBench((bench) => this.#of(algorithm, keySpec, keyUsage, bench));
    if (found.where !== undefined) return found;
    throw new Failure('unsupported', `no ${keySpec} can be imported by ${algorithm}: ${found.problem}`);
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
        const found = this.#of(wrappingAlgorithm, keySpec, keyUsage, bench);
        const way = found.where === undefined ? { problem: found.problem } : { where: found.where };
        return { keySpec, keyUsage, wrappingAlgorithm, ...way };
      });
  }

  #of(algorithm: WrappingAlgorithm, keySpec: KeySpec, keyUsage: KeyUsage, bench: Bench): Found {
    const probed = factsOf(keySpec).family === 'rsa' ? 'RSA_2048' : keySpec;
    const name = `${algorithm} ${probed} ${keyUsage}`;
    const found = this.#found.get(name) ?? this.#try(bench, algorithm, probed, keyUsage);
    this.#found.set(name, found);
    return found;
  }

  #onBench<T>(task: (bench: Bench) => T): T {
    return this.#token.run(() => this.#token.apart((session) => task({ session, pairs: new Map() })));
  }

  /** Imports material of its own making into a session, the one way and then the other. */
  #try(bench: Bench, algorithm: WrappingAlgorithm, keySpec: KeySpec, keyUsage: KeyUsage): Found {
    const kind = this.#capabilities.kind(keySpec, keyUsage);
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
          const opened = this.#opener.open(parcel, keySpec, kind);
          try {
            keep(this.#token, session, opened, keySpec, keyUsage, kind, passing);
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
