/** That nobody who has the PIN gets at a key: not by reading, wrapping, changing or copying it. */
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import type { RuleFacts } from '../../check/report.ts';
import { checkpointKind } from '../checkpoint.ts';
import { ckrClass } from '../ckr.ts';
import { cipherKind, numbers, type PairKind } from '../mechanism.ts';
import { generatePair, privateTemplate, publicExponent, publicTemplate } from '../pair.ts';
import { generateSecret, secretTemplate } from '../secret.ts';
import { attempt, type Bench, objectOf, passing, without } from './bench.ts';
import { type Found, fail, pass, ruleStep, type Step } from './step.ts';

const boundary = { group: 'boundary', required: true } as const;

const valueRule: RuleFacts = {
  ...boundary,
  id: 'value-unreadable',
  title: "a key's value can't be read",
  source: 'PKCS#11 2.40 §4.10 and §5.7 (CKA_VALUE, C_GetAttributeValue)',
};

/** What holds the secret, of each class of key. */
function value({ token }: Bench): Found {
  return token.apart((session) => {
    const read: string[] = [];
    const look = (of: string, key: graphene.SessionObject) => {
      const bytes = secretOf(key);
      if (bytes !== undefined && bytes.length > 0) read.push(of);
    };
    look('an AES key', generateSecret(session, cipherKind, passing, token.quirk));
    const pair = pairOrNone(session, token.quirk);
    if (pair !== undefined) look('an EC private key', pair);
    return read.length === 0 ? pass : fail(`CKA_VALUE of ${read.join(' and ')} was read`);
  });
}

function secretOf(key: graphene.SessionObject): Buffer | undefined {
  try {
    return key.getAttribute(pkcs11.CKA_VALUE);
  } catch (error) {
    if (ckrClass(error) === 'lost') throw error;
    return undefined;
  }
}

function pairOrNone(session: graphene.Session, quirk: Bench['token']['quirk']) {
  try {
    return generatePair(session, checkpointKind, passing, quirk).privateKey;
  } catch (error) {
    if (ckrClass(error) === 'lost') throw error;
    return undefined;
  }
}

const wrapRule: RuleFacts = {
  ...boundary,
  id: 'wrap-refused',
  title: "a key that is not extractable can't be wrapped",
  source: 'PKCS#11 2.40 §4.10 and §5.14 (CKA_EXTRACTABLE, C_WrapKey)',
};

const wrapPair: PairKind = {
  keyType: pkcs11.CKK_RSA,
  generation: pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN,
  use: 'unwrap',
  parameters: { type: 'modulus', bits: 2048 },
  allowed: [pkcs11.CKM_RSA_PKCS_OAEP],
};

/** Each is believed to wrap only once it has wrapped a key that may leave. */
function wrapping(bench: Bench): Found {
  const { token } = bench;
  return token.apart((session) => {
    const free = without(token.quirk, 'allowedMechanisms', 'copyable');
    const target = generateSecret(session, cipherKind, passing, token.quirk);
    const leaving = session.generateKey(cipherKind.generation, {
      ...secretTemplate(cipherKind, passing, free),
      extractable: true,
      valueLen: cipherKind.bytes,
    });
    const wraps = (ways: readonly Way[], wrapper: Buffer, key: graphene.SessionObject) =>
      ways.filter(
        ([, mechanism]) =>
          attempt(bench, (own) => {
            token.lib.C_WrapKey(own.handle, mechanism, wrapper, key.handle, Buffer.alloc(1_024));
          }).done,
      );
    const able: string[] = [];
    const leaks: string[] = [];
    for (const [wrapper, ways] of wrappers(bench, session)) {
      const working = wraps(ways, wrapper, leaving);
      able.push(...working.map(([name]) => name));
      leaks.push(...wraps(working, wrapper, target).map(([name]) => name));
    }
    if (leaks.length > 0) return fail(`it was wrapped, and so leaves the token, by ${leaks.join(', ')}`);
    return able.length > 0
      ? { verdict: 'pass', detail: `tried with ${able.join(', ')}` }
      : { verdict: 'pass', detail: 'the token wraps nothing by any mechanism that was tried' };
  });
}

type Way = readonly [name: string, mechanism: pkcs11.Mechanism];

function wrappers(bench: Bench, session: graphene.Session): [Buffer, readonly Way[]][] {
  const { token } = bench;
  const free = without(token.quirk, 'allowedMechanisms', 'copyable');
  const found: [Buffer, readonly Way[]][] = [];
  const made = attempt(bench, () => {
    const { handle } = session.generateKey(cipherKind.generation, {
      ...secretTemplate(cipherKind, passing, free),
      wrap: true,
      valueLen: cipherKind.bytes,
    });
    found.push([
      handle,
      [
        ['CKM_AES_KEY_WRAP', { mechanism: pkcs11.CKM_AES_KEY_WRAP }],
        ['CKM_AES_KEY_WRAP_PAD', { mechanism: numbers.CKM_AES_KEY_WRAP_PAD }],
        ['CKM_AES_KEY_WRAP_KWP', { mechanism: numbers.CKM_AES_KEY_WRAP_KWP }],
        ['CKM_AES_ECB', { mechanism: pkcs11.CKM_AES_ECB }],
        ['CKM_AES_CBC_PAD', { mechanism: pkcs11.CKM_AES_CBC_PAD, parameter: Buffer.alloc(16) }],
      ],
    ]);
  });
  const pair = attempt(bench, () => {
    const { publicKey } = session.generateKeyPair(
      wrapPair.generation,
      { ...publicTemplate(wrapPair, passing, free), modulusBits: 2048, publicExponent },
      privateTemplate(wrapPair, passing, free),
    );
    const parameter: pkcs11.RsaOAEP = {
      type: pkcs11.CK_PARAMS_RSA_OAEP,
      hashAlg: pkcs11.CKM_SHA_1,
      mgf: pkcs11.CKG_MGF1_SHA1,
      source: 1,
    };
    found.push([
      publicKey.handle,
      [
        ['CKM_RSA_PKCS_OAEP', { mechanism: pkcs11.CKM_RSA_PKCS_OAEP, parameter }],
        ['CKM_RSA_PKCS', { mechanism: pkcs11.CKM_RSA_PKCS }],
      ],
    ]);
  });
  // A token that makes no key that wraps wraps nothing.
  void [made, pair];
  return found;
}

const no = Buffer.of(0);
const yes = Buffer.of(1);
const weakenings = [
  { name: 'CKA_EXTRACTABLE', type: pkcs11.CKA_EXTRACTABLE, value: yes },
  { name: 'CKA_SENSITIVE', type: pkcs11.CKA_SENSITIVE, value: no },
] as const;
const changes = [
  { name: 'CKA_WRAP', type: pkcs11.CKA_WRAP, value: yes },
  { name: 'CKA_DERIVE', type: pkcs11.CKA_DERIVE, value: yes },
  { name: 'CKA_SIGN', type: pkcs11.CKA_SIGN, value: yes },
  { name: 'CKA_MODIFIABLE', type: pkcs11.CKA_MODIFIABLE, value: yes },
  { name: 'CKA_LABEL', type: pkcs11.CKA_LABEL, value: Buffer.from('another') },
] as const;

type Change = (typeof weakenings)[number] | (typeof changes)[number];

/** Changes that took effect: what answers well and changes nothing has refused. */
function changed(bench: Bench, all: readonly Change[]): string[] {
  const { token } = bench;
  return token.apart((session) => {
    const key = generateSecret(session, cipherKind, passing, token.quirk);
    return all
      .filter(({ type, value }) => {
        const { done } = attempt(bench, (own) => {
          token.lib.C_SetAttributeValue(own.handle, key.handle, [{ type, value }]);
        });
        return done && key.getAttribute(type).equals(value);
      })
      .map(({ name }) => name);
  });
}

const weakenRule: RuleFacts = {
  ...boundary,
  id: 'not-weakened',
  title: "a key can't be made extractable, or not sensitive, later",
  source: 'PKCS#11 2.40 §4.10 and §5.7 (C_SetAttributeValue)',
};

const modifyRule: RuleFacts = {
  ...boundary,
  id: 'not-modifiable',
  title: 'a key that is not modifiable keeps its usages and its name',
  source: 'PKCS#11 2.40 §4.4 and §5.7 (CKA_MODIFIABLE)',
};

function changeStep(facts: RuleFacts, all: readonly Change[]): Step {
  return ruleStep(facts, (bench) => {
    const done = changed(bench, all);
    return done.length === 0 ? pass : fail(`${done.join(', ')} could be changed`);
  });
}

const copyRule: RuleFacts = {
  ...boundary,
  id: 'copy-keeps',
  title: 'no copy of a key is extractable, or not sensitive',
  source: 'PKCS#11 2.40 §4.10 and §5.7 (C_CopyObject)',
};

const copyableRule: RuleFacts = {
  ...boundary,
  id: 'not-copyable',
  title: "a key can't be copied",
  // A copy that is no weaker is no leak.
  required: false,
  source: 'PKCS#11 2.40 §4.4 (CKA_COPYABLE)',
};

function weakCopies(bench: Bench): Found {
  const { token } = bench;
  return token.apart((session) => {
    // Of one that may be copied: so that nothing else refuses.
    const key = generateSecret(session, cipherKind, passing, without(token.quirk, 'copyable'));
    const weak = weakenings.filter(({ type, value }) => {
      let copied = false;
      attempt(bench, (own) => {
        const handle = token.lib.C_CopyObject(own.handle, key.handle, [
          { type: pkcs11.CKA_TOKEN, value: false },
          { type, value },
        ]);
        copied = objectOf(bench, own, handle).getAttribute(type).equals(value);
      });
      return copied;
    });
    return weak.length === 0 ? pass : fail(`a copy was made with another ${weak.map(({ name }) => name)}`);
  });
}

function copy(bench: Bench): Found {
  const { token } = bench;
  if (token.quirk.refuses.includes('copyable')) return fail('the token refuses CKA_COPYABLE');
  return token.apart((session) => {
    const key = generateSecret(session, cipherKind, passing, token.quirk);
    const { done } = attempt(bench, (own) => {
      token.lib.C_CopyObject(own.handle, key.handle, [{ type: pkcs11.CKA_TOKEN, value: false }]);
    });
    return done ? fail('it was copied') : pass;
  });
}

export const secrecySteps: readonly Step[] = [
  ruleStep(valueRule, value),
  ruleStep(wrapRule, wrapping, 12),
  changeStep(weakenRule, weakenings),
  changeStep(modifyRule, changes),
  ruleStep(copyRule, weakCopies),
  ruleStep(copyableRule, copy),
];
