/** How long each thing takes that Coffer asks of a token: the median, in one session, one call at a time. */
import { constants, createECDH, publicEncrypt, randomBytes } from 'node:crypto';
import type graphene from 'graphene-pk11';
import type { KeySpec, KeyUsage } from '../../../keys/spec/key-spec.ts';
import { makingFactor } from '../../request-key.ts';
import { ckrClass } from '../ckr.ts';
import { cipherKind, kindOf, macKind } from '../mechanism.ts';
import { generatePair } from '../pair.ts';
import { publicKeyOf } from '../public-key.ts';
import { generateSecret } from '../secret.ts';
import { agreeWith, decryptRaw, decryptWith, macWith, signWith } from '../use.ts';
import { type Bench, passing } from './bench.ts';
import type { Step } from './step.ts';

const roundsMost = 200;
/** What is slow is done less often. */
const budgetMilliseconds = 400;
const iv = 12;

/** @returns what is measured, once everything it needs is there */
type Prepare = (bench: Bench, session: graphene.Session) => () => void;

function measure(operation: string, prepare: Prepare, factor = 4): Step {
  return {
    name: `measure: ${operation}`,
    factor,
    lost: [],
    run: (bench) =>
      bench.token.apart((session) => {
        const times: number[] = [];
        try {
          const call = prepare(bench, session);
          const until = performance.now() + budgetMilliseconds;
          do {
            const began = performance.now();
            call();
            times.push(1_000 * (performance.now() - began));
          } while (times.length < roundsMost && performance.now() < until);
        } catch (error) {
          // That it can't be done is another step's to say.
          if (ckrClass(error) === 'lost') throw error;
        }
        times.sort((one, other) => one - other);
        const median = times[times.length >> 1];
        if (median === undefined) return [];
        const medianMicroseconds = Math.round(10 * median) / 10;
        return [{ type: 'latency', latency: { operation, rounds: times.length, medianMicroseconds } }];
      }),
  };
}

function sealing({ token }: Bench, session: graphene.Session) {
  const key = generateSecret(session, cipherKind, passing, token.quirk);
  const aad = randomBytes(64);
  const plaintext = randomBytes(32);
  const ciphertext = Buffer.alloc(48);
  const room = Buffer.alloc(48);
  token.gcm.iv.set(randomBytes(iv));
  const seal = () => {
    // Another IV each time, as Coffer does it, and as some tokens insist.
    token.gcm.iv.writeUInt32BE((token.gcm.iv.readUInt32BE(0) + 1) >>> 0, 0);
    token.gcm.encrypt(session.handle, key.handle, aad, plaintext, ciphertext);
  };
  return { seal, open: () => token.gcm.decrypt(session.handle, key.handle, aad, ciphertext, room) };
}

function pairIn({ token }: Bench, session: graphene.Session, keySpec: KeySpec, keyUsage: KeyUsage) {
  const kind = kindOf(keySpec, keyUsage, false);
  if ('secret' in kind) throw new Error(`keys of ${keySpec} are no pairs`);
  const make = () => generatePair(session, kind.pair, passing, token.quirk);
  const { privateKey, publicKey } = make();
  const within = { lib: token.lib, session: session.handle, handle: privateKey.handle, keySpec };
  return { make, within, publicKey: publicKeyOf(publicKey, keySpec) };
}

function making(keySpec: KeySpec): Step {
  return measure(
    `make a pair of ${keySpec}`,
    (bench, session) => {
      const kind = kindOf(keySpec, 'SIGN_VERIFY', false);
      if ('secret' in kind) throw new Error(`keys of ${keySpec} are no pairs`);
      return () => {
        const { privateKey, publicKey } = generatePair(session, kind.pair, passing, bench.token.quirk);
        privateKey.destroy();
        publicKey.destroy();
      };
    },
    2 * makingFactor(keySpec),
  );
}

export const latencySteps: readonly Step[] = [
  measure('AES-256-GCM encrypt, 32 bytes', (bench, session) => sealing(bench, session).seal),
  measure('AES-256-GCM decrypt, 32 bytes', (bench, session) => {
    const { seal, open } = sealing(bench, session);
    seal();
    return open;
  }),
  measure('HMAC-SHA-256, 100 bytes', ({ token }, session) => {
    const { handle } = generateSecret(session, macKind(32, 'HMAC_SHA_256'), passing, token.quirk);
    const within = { lib: token.lib, session: session.handle, handle, keySpec: 'HMAC_256' } as const;
    const message = randomBytes(100);
    return () => macWith(within, 'HMAC_SHA_256', message);
  }),
  measure('ECDSA P-256 sign', (bench, session) => {
    const { within } = pairIn(bench, session, 'ECC_NIST_P256', 'SIGN_VERIFY');
    const digest = randomBytes(32);
    return () => signWith(within, 'ECDSA_SHA_256', digest);
  }),
  measure('ECDH P-256', (bench, session) => {
    const { within } = pairIn(bench, session, 'ECC_NIST_P256', 'KEY_AGREEMENT');
    const peer = createECDH('prime256v1');
    const point = peer.generateKeys();
    return () => agreeWith(within, point);
  }),
  measure(
    'RSA-2048 sign, PSS',
    (bench, session) => {
      const { within } = pairIn(bench, session, 'RSA_2048', 'SIGN_VERIFY');
      const digest = randomBytes(32);
      return () => signWith(within, 'RSASSA_PSS_SHA_256', digest);
    },
    2 * makingFactor('RSA_2048'),
  ),
  measure(
    'RSA-2048 decrypt, OAEP',
    (bench, session) => {
      const { within, publicKey: key } = pairIn(bench, session, 'RSA_2048', 'ENCRYPT_DECRYPT');
      const padding = constants.RSA_PKCS1_OAEP_PADDING;
      const ciphertext = publicEncrypt({ key, padding, oaepHash: 'sha1' }, randomBytes(32));
      try {
        decryptWith(within, 'RSAES_OAEP_SHA_1', ciphertext);
      } catch {
        return () => decryptRaw(within, 'RSAES_OAEP_SHA_1', ciphertext);
      }
      return () => decryptWith(within, 'RSAES_OAEP_SHA_1', ciphertext);
    },
    2 * makingFactor('RSA_2048'),
  ),
  measure('make an AES-256 key', ({ token }, session) => {
    return () => generateSecret(session, cipherKind, passing, token.quirk).destroy();
  }),
  making('ECC_NIST_P256'),
  making('RSA_2048'),
  making('RSA_4096'),
  measure('32 random bytes', ({ token }, session) => {
    const bytes = Buffer.alloc(32);
    return () => token.lib.C_GenerateRandom(session.handle, bytes);
  }),
  measure('ask the token for itself', ({ token }, session) => {
    const { slotID } = token.lib.C_GetSessionInfo(session.handle);
    return () => token.lib.C_GetTokenInfo(slotID);
  }),
];
