/** Which of the KMS's key specs a token has: each made, and used with every algorithm of it. */
import { hash as digest } from 'node:crypto';
import pkcs11 from 'pkcs11js';
import {
  type Algorithm,
  type SigningAlgorithm,
  type SigningFacts,
  signingAlgorithms,
} from '../../../keys/spec/algorithm.ts';
import {
  algorithmsOf,
  factsOf,
  type KeySpec,
  type KeyUsage,
  keySpecs,
  usagesOf,
} from '../../../keys/spec/key-spec.ts';
import type { Result } from '../../check/message.ts';
import { makingFactor } from '../../request-key.ts';
import { Capabilities } from '../capability.ts';
import { ckrText } from '../ckr.ts';
import { kindOf, macMechanism, signing } from '../mechanism.ts';
import { generatePair } from '../pair.ts';
import { type Finding, prove } from '../proof.ts';
import { publicKeyOf } from '../public-key.ts';
import { generateSecret } from '../secret.ts';
import { attempt, type Bench, passing } from './bench.ts';
import { sealsAndOpens } from './function.ts';
import type { Step } from './step.ts';

export const keySteps: readonly Step[] = Object.keys(keySpecs)
  .filter((name): name is KeySpec => Object.hasOwn(keySpecs, name))
  .map(keyStep);

function keyStep(keySpec: KeySpec): Step {
  const usages = usagesOf(keySpec);
  return {
    name: `make and use keys of ${keySpec}`,
    factor: 2 * makingFactor(keySpec),
    lost: usages.map((keyUsage) => ({
      type: 'key',
      key: { keySpec, keyUsage, algorithms: [], inHost: [] },
    })),
    run: (bench) => usages.flatMap((keyUsage) => tell(bench, keySpec, keyUsage)),
  };
}

function tell(bench: Bench, keySpec: KeySpec, keyUsage: KeyUsage): Result[] {
  const { algorithms, inHost, problem } = findingOf(bench, keySpec, keyUsage);
  const why = problem === undefined ? {} : { problem };
  const evidence = (number: number, works: boolean): Result => ({ type: 'evidence', number, works, ...why });
  const kind = kindOf(keySpec, keyUsage, inHost.length > 0);
  const { generation } = 'pair' in kind ? kind.pair : kind.secret;
  const key = { keySpec, keyUsage, algorithms: [...algorithms], inHost: [...inHost], ...why };
  return [
    { type: 'key', key },
    evidence(generation, algorithms.length > 0 || makes(bench, kind)),
    ...algorithmsOf(keySpec, keyUsage).map((algorithm) =>
      evidence(mechanismOf(algorithm, inHost), algorithms.includes(algorithm)),
    ),
  ];
}

function findingOf(bench: Bench, keySpec: KeySpec, keyUsage: KeyUsage): Finding {
  const facts = factsOf(keySpec);
  try {
    if (facts.family === 'aes') return symmetric(bench);
    // Of a larger one a pair is made, and signs; with the padding of its size nothing else is to be found.
    const large = facts.family === 'rsa' && facts.modulusBits > 2048;
    return large && keyUsage === 'SIGN_VERIFY'
      ? signsWith(bench, keySpec)
      : capabilitiesOf(bench).of(keySpec, keyUsage);
  } catch (error) {
    return { algorithms: [], inHost: [], problem: ckrText(error), vague: false };
  }
}

/** Whether it is the use of a key, and not its making, that fails. */
function makes(bench: Bench, kind: ReturnType<typeof kindOf>): boolean {
  const { quirk } = bench.token;
  return attempt(bench, (session) =>
    'pair' in kind
      ? generatePair(session, kind.pair, passing, quirk)
      : generateSecret(session, kind.secret, passing, quirk),
  ).done;
}

function symmetric(bench: Bench): Finding {
  const { verdict, detail } = bench.token.apart((session) => sealsAndOpens(bench, session));
  const none = { inHost: [], vague: false };
  return verdict === 'pass'
    ? { ...none, algorithms: ['SYMMETRIC_DEFAULT'], problem: undefined }
    : { ...none, algorithms: [], problem: detail };
}

function signsWith({ token }: Bench, keySpec: KeySpec): Finding {
  const kind = kindOf(keySpec, 'SIGN_VERIFY', false);
  return token.apart((session) => {
    if ('secret' in kind) return { algorithms: [], inHost: [], problem: undefined, vague: false };
    const { privateKey, publicKey } = generatePair(session, kind.pair, passing, token.quirk);
    const within = { lib: token.lib, session: session.handle, handle: privateKey.handle, keySpec };
    const known = publicKeyOf(publicKey, keySpec);
    return prove(within, 'SIGN_VERIFY', known, publicKey.handle, false);
  });
}

const kept = new WeakMap<Bench, Capabilities>();

/** What is found of one spec is known of the next of its kind. */
export function capabilitiesOf(bench: Bench): Capabilities {
  const found = kept.get(bench) ?? new Capabilities(bench.token, bench.leave);
  kept.set(bench, found);
  return found;
}

function mechanismOf(algorithm: Algorithm, inHost: readonly Algorithm[]): number {
  switch (algorithm) {
    case 'SYMMETRIC_DEFAULT':
      return pkcs11.CKM_AES_GCM;
    case 'RSAES_OAEP_SHA_1':
    case 'RSAES_OAEP_SHA_256':
      return inHost.includes(algorithm) ? pkcs11.CKM_RSA_X_509 : pkcs11.CKM_RSA_PKCS_OAEP;
    case 'HMAC_SHA_224':
    case 'HMAC_SHA_256':
    case 'HMAC_SHA_384':
    case 'HMAC_SHA_512':
      return macMechanism(algorithm);
    case 'ECDH':
      return pkcs11.CKM_ECDH1_DERIVE;
    default:
      return signing(algorithm, sampleOf(algorithm)).mechanism.mechanism;
  }
}

function sampleOf(algorithm: SigningAlgorithm): Buffer {
  const { hash }: SigningFacts = signingAlgorithms[algorithm];
  return hash === undefined ? Buffer.from('x') : digest(hash, 'x', 'buffer');
}
