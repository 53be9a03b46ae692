/** Whether a key truly does what keys of its spec and usage do: every algorithm tried, and checked outside the token. */
import {
  constants,
  diffieHellman,
  hash as digest,
  generateKeyPairSync,
  type KeyObject,
  publicEncrypt,
  verify,
} from 'node:crypto';
import {
  type Algorithm,
  encryptionAlgorithms,
  type OaepAlgorithm,
  type SigningAlgorithm,
  type SigningFacts,
  signingAlgorithms,
} from '../../keys/spec/algorithm.ts';
import { factsOf, type KeyUsage } from '../../keys/spec/key-spec.ts';
import { ckrClass, ckrText } from './ckr.ts';
import { Failure } from './failure.ts';
import { signing } from './mechanism.ts';
import { agreeWith, decryptRaw, decryptWith, type KeyInSession, macWith, signWith } from './use.ts';

/** What was found of a key spec and usage. */
export interface Finding {
  readonly algorithms: readonly Algorithm[];
  /** Of those, the ones for which the host takes the padding off. */
  readonly inHost: readonly Algorithm[];
  /** Why one doesn't work, for the log and the operator. */
  readonly problem: string | undefined;
  /** Whether one failed in a way in which a token fails that is gone. */
  readonly vague: boolean;
}

const message = Buffer.from('coffer probe');

/**
 * @param publicKey of a pair @param publicHandle where the token must verify: nothing else does Ed25519ph
 * @throws whatever says that the token, or the session, is gone
 */
export function prove(
  key: KeyInSession,
  keyUsage: KeyUsage,
  publicKey: KeyObject | undefined,
  publicHandle: Buffer | undefined,
  hostOaep: boolean,
): Finding {
  const algorithms: Algorithm[] = [];
  const inHost: Algorithm[] = [];
  const found = { problem: undefined as string | undefined, vague: false };
  const attempt = (algorithm: Algorithm, task: () => boolean): boolean => {
    try {
      if (task()) {
        algorithms.push(algorithm);
        return true;
      }
      found.problem ??= `${algorithm} gives a wrong result`;
    } catch (error) {
      if (saysGone(error)) throw error;
      if (ckrClass(error) === 'ambiguous') found.vague = true;
      found.problem ??= `${algorithm}: ${ckrText(error)}`;
    }
    return false;
  };
  const { usages } = factsOf(key.keySpec);
  switch (keyUsage) {
    case 'SIGN_VERIFY':
      for (const algorithm of usages.SIGN_VERIFY ?? []) {
        attempt(algorithm, () => signs(key, algorithm, publicKey, publicHandle));
      }
      break;
    case 'GENERATE_VERIFY_MAC':
      for (const algorithm of usages.GENERATE_VERIFY_MAC ?? []) {
        attempt(algorithm, () => {
          const mac = macWith(key, algorithm, message);
          return (
            mac.equals(macWith(key, algorithm, message)) &&
            !mac.equals(macWith(key, algorithm, message.subarray(1)))
          );
        });
      }
      break;
    case 'KEY_AGREEMENT':
      for (const algorithm of usages.KEY_AGREEMENT ?? []) attempt(algorithm, () => agrees(key, publicKey));
      break;
    case 'ENCRYPT_DECRYPT':
      for (const algorithm of usages.ENCRYPT_DECRYPT ?? []) {
        if (algorithm === 'SYMMETRIC_DEFAULT') algorithms.push(algorithm);
        else if (attempt(algorithm, () => decrypts(key, algorithm, publicKey, decryptWith))) continue;
        else if (hostOaep && attempt(algorithm, () => decrypts(key, algorithm, publicKey, decryptRaw)))
          inHost.push(algorithm);
      }
      break;
    default:
      keyUsage satisfies never;
  }
  return { algorithms, inHost, ...found };
}

function signs(
  key: KeyInSession,
  algorithm: SigningAlgorithm,
  publicKey: KeyObject | undefined,
  publicHandle: Buffer | undefined,
): boolean {
  const { scheme, hash, saltBytes }: SigningFacts = signingAlgorithms[algorithm];
  const data = hash === undefined ? message : digest(hash, message, 'buffer');
  const signature = signWith(key, algorithm, data);
  if (publicKey === undefined) return false;
  switch (scheme) {
    case 'RSASSA-PSS': {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      return verify(hash, message, { key: publicKey, padding, saltLength: saltBytes ?? 0 }, signature);
    }
    case 'RSASSA-PKCS1-v1_5':
      return verify(hash, message, publicKey, signature);
    case 'ECDSA':
      return verify(hash, message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature);
    case 'Ed25519':
    case 'ML-DSA':
      return verify(null, message, publicKey, signature);
    case 'Ed25519ph':
      // SoftHSM doesn't read the parameter, and signs the digest as if it were the message.
      if (publicHandle === undefined || verify(null, data, publicKey, signature)) return false;
      key.lib.C_VerifyInit(key.session, signing(algorithm, data).mechanism, publicHandle);
      return key.lib.C_Verify(key.session, data, signature);
    default:
      return scheme satisfies never;
  }
}

function agrees(key: KeyInSession, publicKey: KeyObject | undefined): boolean {
  const facts = factsOf(key.keySpec);
  if (facts.family !== 'ec' || publicKey === undefined) return false;
  const peer = generateKeyPairSync('ec', { namedCurve: facts.curve });
  const { x = '', y = '' } = peer.publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return agreeWith(key, point).equals(diffieHellman({ privateKey: peer.privateKey, publicKey }));
}

function decrypts(
  key: KeyInSession,
  algorithm: OaepAlgorithm,
  publicKey: KeyObject | undefined,
  decrypt: (key: KeyInSession, algorithm: OaepAlgorithm, ciphertext: Buffer) => Buffer | undefined,
): boolean {
  if (publicKey === undefined) return false;
  const { hash } = encryptionAlgorithms[algorithm];
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const ciphertext = publicEncrypt({ key: publicKey, padding, oaepHash: hash }, message);
  return decrypt(key, algorithm, ciphertext)?.equals(message) === true;
}

/** Whether the token takes that padding off itself. @throws whatever says that the token, or the session, is gone */
export function isNative(key: KeyInSession, publicKey: KeyObject, algorithm: OaepAlgorithm): boolean {
  try {
    return decrypts(key, algorithm, publicKey, decryptWith);
  } catch (error) {
    if (saysGone(error)) throw error;
    return false;
  }
}

/** Whether an error is of the token or the session, and not of what was tried. */
export function saysGone(error: unknown): boolean {
  const meaning = ckrClass(error);
  return meaning === 'lost' || meaning === 'session' || meaning === 'handle' || meaning === 'busy';
}

/** @throws Failure `unsupported` where an algorithm that the token is said to do doesn't work with this key */
export function assertProven({ algorithms, problem }: Finding, expected: readonly Algorithm[]): void {
  const missing = expected.find((algorithm) => !algorithms.includes(algorithm));
  if (missing === undefined) return;
  throw new Failure(
    'unsupported',
    `the token made a key that doesn't do ${missing}: ${problem ?? 'unknown'}`,
  );
}
