/** That a key does the one thing that it is for: by its usage attributes, and by the mechanisms that it allows. */
import { createECDH } from 'node:crypto';
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import type { RuleFacts } from '../../check/report.ts';
import { checkpointKind } from '../checkpoint.ts';
import { cipherKind, ecdh, kindOf, type PairKind, parametersOf } from '../mechanism.ts';
import { privateTemplate, publicExponent, publicTemplate } from '../pair.ts';
import type { Quirk } from '../quirk.ts';
import { secretTemplate } from '../secret.ts';
import { attempt, type Bench, passing, without } from './bench.ts';
import { type Found, fail, pass, ruleStep, type Step, untried } from './step.ts';

/** One way to use a key, and the attribute that must be there for it. */
interface Use {
  readonly name: string;
  readonly flag: string;
  /** @param key allowed to or not: the very call that is made of both */
  readonly call: (session: graphene.Session, key: Buffer) => void;
}

const message = Buffer.alloc(32, 7);

/** Each is tried with a key that has the attribute first, and counts where that one may. */
function misuses(
  bench: Bench,
  make: (flags: graphene.ITemplate) => Buffer,
  uses: readonly Use[],
): { readonly tried: string[]; readonly taken: string[] } {
  const tried: string[] = [];
  const taken: string[] = [];
  const key = make({});
  for (const { name, flag, call } of uses) {
    let able = false;
    attempt(bench, () => {
      const allowed = make({ [flag]: true });
      able = attempt(bench, (own) => call(own, allowed)).done;
    });
    if (!able) continue;
    tried.push(name);
    if (attempt(bench, (own) => call(own, key)).done) taken.push(name);
  }
  return { tried, taken };
}

const usageRule: RuleFacts = {
  id: 'usage-enforced',
  group: 'boundary',
  title: 'a key does nothing that its usage attributes do not allow',
  required: true,
  source: 'PKCS#11 2.40 §4.8 to §4.10 (CKA_SIGN, CKA_DECRYPT, …); NIST SP 800-57 part 1 §5.2',
};

function usage(bench: Bench): Found {
  const { token } = bench;
  const { lib } = token;
  return token.apart((session) => {
    // So that the usages alone can be what refuses.
    const free = without(token.quirk, 'allowedMechanisms', 'copyable');
    const target = session.generateKey(cipherKind.generation, {
      ...secretTemplate(cipherKind, passing, free),
      extractable: true,
      valueLen: cipherKind.bytes,
    });
    const secret = (flags: graphene.ITemplate) =>
      session.generateKey(cipherKind.generation, {
        ...secretTemplate({ ...cipherKind, use: 'unwrap' }, passing, free),
        unwrap: false,
        ...flags,
        valueLen: cipherKind.bytes,
      }).handle;
    const wraps = (mechanism: number) => (own: graphene.Session, key: Buffer) => {
      lib.C_WrapKey(own.handle, { mechanism }, key, target.handle, Buffer.alloc(512));
    };
    const all = [
      misuses(bench, secret, [
        { name: 'an AES key to encrypt', flag: 'encrypt', call: encrypts(bench, pkcs11.CKM_AES_ECB) },
        { name: 'an AES key to decrypt', flag: 'decrypt', call: decrypts(bench, pkcs11.CKM_AES_ECB) },
        { name: 'an AES key to wrap', flag: 'wrap', call: wraps(pkcs11.CKM_AES_KEY_WRAP) },
        { name: 'an AES key to sign', flag: 'sign', call: signs(bench, pkcs11.CKM_AES_CMAC) },
      ]),
      ...pairMisuses(bench, session, free),
    ];
    const tried = all.flatMap((one) => one.tried);
    const taken = all.flatMap((one) => one.taken);
    if (taken.length > 0) return fail(`it could be used otherwise: ${taken.join(', ')}`);
    return tried.length === 0
      ? untried('no key could be used in a way that another may not')
      : { verdict: 'pass', detail: `tried: ${tried.join(', ')}` };
  });
}

function pairMisuses(bench: Bench, session: graphene.Session, free: Quirk) {
  const { lib } = bench.token;
  const other = createECDH('prime256v1');
  other.generateKeys();
  const derive = (own: graphene.Session, key: Buffer) => {
    lib.C_DeriveKey(own.handle, ecdh(other.getPublicKey()), key, [
      { type: pkcs11.CKA_CLASS, value: pkcs11.CKO_SECRET_KEY },
      { type: pkcs11.CKA_KEY_TYPE, value: pkcs11.CKK_GENERIC_SECRET },
      { type: pkcs11.CKA_TOKEN, value: false },
      { type: pkcs11.CKA_SENSITIVE, value: false },
      { type: pkcs11.CKA_EXTRACTABLE, value: true },
      { type: pkcs11.CKA_VALUE_LEN, value: 32 },
    ]);
  };
  const rsa = kindOf('RSA_2048', 'SIGN_VERIFY', false);
  const found = [
    anyMisuses(bench, session, free, checkpointKind, [
      { name: 'an EC key to sign', flag: 'sign', call: signs(bench, pkcs11.CKM_ECDSA) },
      { name: 'an EC key to agree', flag: 'derive', call: derive },
    ]),
    'pair' in rsa
      ? anyMisuses(bench, session, free, rsa.pair, [
          { name: 'an RSA key to sign', flag: 'sign', call: signs(bench, pkcs11.CKM_RSA_PKCS) },
          { name: 'an RSA key to decrypt', flag: 'decrypt', call: decrypts(bench, pkcs11.CKM_RSA_X_509) },
        ])
      : undefined,
  ];
  return found.filter((one) => one !== undefined);
}

/** @returns `undefined` where the token makes no such pair */
function anyMisuses(
  bench: Bench,
  session: graphene.Session,
  free: Quirk,
  kind: PairKind,
  uses: readonly Use[],
) {
  const size =
    kind.parameters.type === 'modulus'
      ? { modulusBits: kind.parameters.bits, publicExponent }
      : { paramsECDSA: parametersOf('prime256v1') };
  const make = (flags: graphene.ITemplate) =>
    session.generateKeyPair(
      kind.generation,
      { ...publicTemplate(kind, passing, free), ...size },
      { ...privateTemplate(kind, passing, free), sign: false, unwrap: true, ...flags },
    ).privateKey.handle;
  let found: { readonly tried: string[]; readonly taken: string[] } | undefined;
  attempt(bench, () => {
    found = misuses(bench, make, uses);
  });
  return found;
}

function encrypts({ token: { lib } }: Bench, mechanism: number): Use['call'] {
  return (own, key) => {
    lib.C_EncryptInit(own.handle, { mechanism }, key);
    lib.C_Encrypt(own.handle, message, Buffer.alloc(512));
  };
}

function decrypts({ token: { lib } }: Bench, mechanism: number): Use['call'] {
  const ciphertext =
    mechanism === pkcs11.CKM_RSA_X_509 ? Buffer.concat([Buffer.alloc(224), message]) : message;
  return (own, key) => {
    lib.C_DecryptInit(own.handle, { mechanism }, key);
    lib.C_Decrypt(own.handle, ciphertext, Buffer.alloc(512));
  };
}

function signs({ token: { lib } }: Bench, mechanism: number): Use['call'] {
  return (own, key) => {
    lib.C_SignInit(own.handle, { mechanism }, key);
    lib.C_Sign(own.handle, message, Buffer.alloc(512));
  };
}

const mechanismRule: RuleFacts = {
  id: 'mechanisms-enforced',
  group: 'boundary',
  title: 'a key for AES-GCM does nothing else, such as ECB, which gives away what authenticates',
  // Coffer asks for nothing else itself: it is whoever has the PIN besides that this keeps out.
  required: false,
  source: 'PKCS#11 2.40 §4.7.2 (CKA_ALLOWED_MECHANISMS); NIST SP 800-38D §7.1, step 1',
};

const others: Readonly<Record<string, pkcs11.Mechanism>> = {
  CKM_AES_ECB: { mechanism: pkcs11.CKM_AES_ECB },
  CKM_AES_CBC: { mechanism: pkcs11.CKM_AES_CBC, parameter: Buffer.alloc(16) },
  CKM_AES_CBC_PAD: { mechanism: pkcs11.CKM_AES_CBC_PAD, parameter: Buffer.alloc(16) },
};

function mechanisms(bench: Bench): Found {
  const { token } = bench;
  return token.apart((session) => {
    const make = (quirk: Quirk) =>
      session.generateKey(cipherKind.generation, {
        ...secretTemplate(cipherKind, passing, quirk),
        valueLen: cipherKind.bytes,
      });
    const free = make(without(token.quirk, 'allowedMechanisms'));
    const bound = make(token.quirk);
    const encrypts = (mechanism: pkcs11.Mechanism, { handle }: graphene.SessionObject) =>
      attempt(bench, (own) => {
        token.lib.C_EncryptInit(own.handle, mechanism, handle);
        token.lib.C_Encrypt(own.handle, message, Buffer.alloc(64));
      }).done;
    const able = Object.entries(others).filter(([, mechanism]) => encrypts(mechanism, free));
    const taken = able.filter(([, mechanism]) => encrypts(mechanism, bound)).map(([name]) => name);
    if (taken.length === 0) return pass;
    const why = token.quirk.refuses.includes('allowedMechanisms')
      ? 'the token refuses CKA_ALLOWED_MECHANISMS'
      : 'CKA_ALLOWED_MECHANISMS is not kept';
    return fail(`${why}: the key does ${taken.join(', ')}`);
  });
}

export const usageSteps: readonly Step[] = [
  ruleStep(usageRule, usage, 24),
  ruleStep(mechanismRule, mechanisms),
];
