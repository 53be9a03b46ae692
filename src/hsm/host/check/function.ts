/** What Coffer does with a token, whatever keys it is asked for: without one of these it starts with none. */
import { hash, randomBytes, verify } from 'node:crypto';
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import type { Result } from '../../check/message.ts';
import type { RuleFacts } from '../../check/report.ts';
import { checkpointKind } from '../checkpoint.ts';
import { ckrText } from '../ckr.ts';
import { cipherKind, macKind } from '../mechanism.ts';
import { generatePair } from '../pair.ts';
import { publicKeyOf } from '../public-key.ts';
import { generateSecret } from '../secret.ts';
import { signWith } from '../use.ts';
import { attempt, type Bench, passing } from './bench.ts';
import { type Found, fail, pass, ruleStep, rulesStep, type Step } from './step.ts';

const gcmSource = 'NIST SP 800-38D §7.1; PKCS#11 2.40 mechanisms, AES-GCM';
const aad = Buffer.from('coffer check, additional data');
const plaintext = Buffer.from('coffer check, plaintext');

const function_ = { group: 'function', required: true } as const;

/** @param mechanisms whose evidence it is whether the rule is kept */
function functionStep(
  facts: Pick<RuleFacts, 'id' | 'title' | 'source'>,
  mechanisms: readonly number[],
  task: (bench: Bench, session: graphene.Session) => Found,
): Step {
  const step = ruleStep({ ...function_, ...facts }, (bench) => {
    try {
      return bench.token.apart((session) => task(bench, session));
    } catch (error) {
      return fail(ckrText(error));
    }
  });
  return {
    ...step,
    lost: [...step.lost, ...mechanisms.map((number): Result => ({ type: 'evidence', number, works: false }))],
    run(bench) {
      const results = step.run(bench);
      const [first] = results;
      if (first?.type !== 'rule') return results;
      const { verdict, detail } = first.rule;
      return [
        ...results,
        ...mechanisms.map(
          (number): Result => ({
            type: 'evidence',
            number,
            works: verdict === 'pass',
            ...(detail !== undefined && { problem: detail }),
          }),
        ),
      ];
    },
  };
}

function sealed(
  { token }: Bench,
  session: graphene.Session,
  key: graphene.SessionObject,
  iv: Buffer,
): { readonly bytes: Buffer; readonly ivAfter: Buffer } {
  const room = Buffer.alloc(plaintext.length + 64);
  iv.copy(token.gcm.iv);
  const length = token.gcm.encrypt(session.handle, key.handle, aad, plaintext, room);
  return { bytes: room.subarray(0, length), ivAfter: Buffer.from(token.gcm.iv) };
}

function opens(
  bench: Bench,
  session: graphene.Session,
  key: graphene.SessionObject,
  parts: { readonly iv: Buffer; readonly aad: Buffer; readonly bytes: Buffer },
): Buffer {
  const { gcm } = bench.token;
  const room = Buffer.alloc(parts.bytes.length);
  parts.iv.copy(gcm.iv);
  const length = gcm.decrypt(session.handle, key.handle, parts.aad, parts.bytes, room);
  return room.subarray(0, length);
}

/** Whether a key of AES-256 does what a symmetric KMS key does. */
export function sealsAndOpens(bench: Bench, session: graphene.Session): Found {
  const key = generateSecret(session, cipherKind, passing, bench.token.quirk);
  const iv = randomBytes(12);
  const { bytes } = sealed(bench, session, key, iv);
  if (bytes.length !== plaintext.length + 16)
    return fail(`${plaintext.length} bytes became ${bytes.length}, and not 16 more for the tag`);
  if (bytes.includes(plaintext)) return fail('the plaintext stands in the ciphertext');
  return opens(bench, session, key, { iv, aad, bytes }).equals(plaintext)
    ? pass
    : fail('what was encrypted decrypts to something else');
}

const cipherSteps: readonly Step[] = [
  functionStep(
    {
      id: 'aes-gcm',
      title: 'AES-256-GCM encrypts and decrypts, with a 96-bit IV and additional data',
      source: gcmSource,
    },
    [pkcs11.CKM_AES_GCM],
    sealsAndOpens,
  ),
  functionStep(
    {
      id: 'gcm-iv',
      title: 'AES-GCM uses the IV that it is given',
      source: gcmSource,
    },
    [],
    (bench, session) => {
      const key = generateSecret(session, cipherKind, passing, bench.token.quirk);
      const iv = randomBytes(12);
      const { bytes, ivAfter } = sealed(bench, session, key, iv);
      if (!ivAfter.equals(iv)) return fail('the token draws IVs of its own, which Coffer does not use yet');
      const other = attempt(bench, (own) => {
        opens(bench, own, key, { iv: randomBytes(12), aad, bytes });
      });
      return other.done ? fail('what was encrypted decrypts under any IV') : pass;
    },
  ),
  functionStep(
    {
      id: 'gcm-tag',
      title: 'a changed ciphertext, tag, additional data or key is refused',
      source: 'NIST SP 800-38D §7.2',
    },
    [],
    (bench, session) => {
      const key = generateSecret(session, cipherKind, passing, bench.token.quirk);
      const other = generateSecret(session, cipherKind, passing, bench.token.quirk);
      const iv = randomBytes(12);
      const { bytes } = sealed(bench, session, key, iv);
      const flipped = (at: number) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ 1;
        return changed;
      };
      const good = { key, iv, aad, bytes };
      const wrong = {
        'a changed ciphertext': { ...good, bytes: flipped(0) },
        'a changed tag': { ...good, bytes: flipped(bytes.length - 1) },
        'changed additional data': { ...good, aad: Buffer.from('something else') },
        'another key': { ...good, key: other },
      };
      const taken = Object.entries(wrong).filter(
        ([, parts]) => attempt(bench, (own) => void opens(bench, own, parts.key, parts)).done,
      );
      return taken.length === 0 ? pass : fail(`it takes ${taken.map(([name]) => name).join(', ')}`);
    },
  ),
];

const macStep = functionStep(
  {
    id: 'hmac-sha-256',
    title: "HMAC-SHA-256 makes MACs, for the trail's",
    source: 'FIPS 198-1; PKCS#11 2.40 mechanisms, SHA-256-HMAC',
  },
  [pkcs11.CKM_SHA256_HMAC],
  ({ token }, session) => {
    const key = generateSecret(session, macKind(32, 'HMAC_SHA_256'), passing, token.quirk);
    const mac = (data: Buffer) => {
      token.lib.C_SignInit(session.handle, { mechanism: pkcs11.CKM_SHA256_HMAC }, key.handle);
      return token.lib.C_Sign(session.handle, data, Buffer.alloc(64));
    };
    const first = mac(plaintext);
    if (first.length !== 32) return fail(`a MAC has ${first.length} bytes and not 32`);
    if (!first.equals(mac(plaintext))) return fail('two MACs of the same differ');
    return first.equals(mac(aad)) ? fail('two messages have the same MAC') : pass;
  },
);

const signStep = functionStep(
  {
    id: 'ecdsa-p-256',
    title: "ECDSA on P-256 signs, for the trail's checkpoints",
    source: 'FIPS 186-5 §6; PKCS#11 2.40 mechanisms, ECDSA without hashing',
  },
  [pkcs11.CKM_ECDSA],
  ({ token }, session) => {
    const { privateKey, publicKey } = generatePair(session, checkpointKind, passing, token.quirk);
    const key = publicKeyOf(publicKey, 'ECC_NIST_P256');
    const within = { lib: token.lib, session: session.handle, handle: privateKey.handle } as const;
    const signature = signWith(
      { ...within, keySpec: 'ECC_NIST_P256' },
      'ECDSA_SHA_256',
      hash('sha256', plaintext, 'buffer'),
    );
    return verify('sha256', plaintext, { key, dsaEncoding: 'ieee-p1363' }, signature)
      ? pass
      : fail('its own public key does not verify a signature');
  },
);

const drawn = 4_096;
const randomStep = rulesStep(
  'draw random numbers',
  [
    {
      ...function_,
      id: 'random',
      title: 'the token gives random numbers',
      source: 'PKCS#11 2.40 §5.15 (C_GenerateRandom); NIST SP 800-90A',
    },
  ],
  ({ token }) => {
    const bytes = Buffer.alloc(drawn);
    try {
      token.lib.C_GenerateRandom(token.session, bytes);
    } catch (error) {
      return [fail(ckrText(error))];
    }
    const blocks = new Set<string>();
    let ones = 0;
    for (let at = 0; at < drawn; at += 16) blocks.add(bytes.toString('hex', at, at + 16));
    for (const byte of bytes) for (let bit = byte; bit > 0; bit &= bit - 1) ones += 1;
    if (blocks.size < drawn / 16) return [fail('it gave the same 16 bytes twice')];
    // Eight standard deviations: a generator that is well fails this once in 10^15 times.
    const off = Math.abs(ones - 4 * drawn) / Math.sqrt(2 * drawn);
    return [off > 8 ? fail(`of ${8 * drawn} bits ${ones} are set`) : pass];
  },
);

export const functionSteps: readonly Step[] = [...cipherSteps, macStep, signStep, randomStep];
