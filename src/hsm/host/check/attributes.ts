/** Which attributes of Coffer's templates a token refuses to be asked for, and which it tells otherwise than asked. */
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import type { Attributes, RuleFacts } from '../../check/report.ts';
import { ckrClass } from '../ckr.ts';
import { cipherKind, type PairKind, parametersOf } from '../mechanism.ts';
import { privateTemplate, publicTemplate } from '../pair.ts';
import { type Quirk, quirkOf } from '../quirk.ts';
import { copyable, secretTemplate } from '../secret.ts';
import { type Bench, passing } from './bench.ts';
import { type Found, fail, pass, rulesStep, type Step, untried } from './step.ts';

const none: Quirk = { manufacturer: /^/, refuses: [], misreports: [] };
/** Those that a quirk may leave out, by the names they have in a template. */
const omissible = ['copyable', 'allowedMechanisms'] as const;
/** Without these it isn't known what is to be made. */
const essential: ReadonlySet<string> = new Set(['class', 'keyType', 'valueLen', 'label', 'id']);

const p256: PairKind = {
  keyType: pkcs11.CKK_EC,
  generation: pkcs11.CKM_EC_KEY_PAIR_GEN,
  use: 'sign',
  parameters: { type: 'curve', curve: parametersOf('prime256v1') },
  allowed: [pkcs11.CKM_ECDSA],
};

interface Asked {
  readonly name: string;
  readonly number: number;
  readonly value: boolean;
}

const flags: readonly Asked[] = [
  { name: 'CKA_TOKEN', number: pkcs11.CKA_TOKEN, value: false },
  { name: 'CKA_PRIVATE', number: pkcs11.CKA_PRIVATE, value: true },
  { name: 'CKA_MODIFIABLE', number: pkcs11.CKA_MODIFIABLE, value: false },
  { name: 'CKA_COPYABLE', number: copyable, value: false },
  { name: 'CKA_SENSITIVE', number: pkcs11.CKA_SENSITIVE, value: true },
  { name: 'CKA_EXTRACTABLE', number: pkcs11.CKA_EXTRACTABLE, value: false },
  { name: 'CKA_ALWAYS_SENSITIVE', number: pkcs11.CKA_ALWAYS_SENSITIVE, value: true },
  { name: 'CKA_NEVER_EXTRACTABLE', number: pkcs11.CKA_NEVER_EXTRACTABLE, value: true },
  { name: 'CKA_LOCAL', number: pkcs11.CKA_LOCAL, value: true },
];

const clause = 'PKCS#11 2.40 §4.9 and §4.10';
const rules = [
  ['CKA_SENSITIVE', 'sensitive', 'a generated key is sensitive', true],
  ['CKA_EXTRACTABLE', 'not-extractable', 'a generated key is not extractable', true],
  ['CKA_ALWAYS_SENSITIVE', 'always-sensitive', 'a generated key says that it was always sensitive', true],
  ['CKA_NEVER_EXTRACTABLE', 'never-extractable', 'a generated key says that it was never extractable', true],
  // Of the origin alone, which the token has just seen for itself.
  ['CKA_LOCAL', 'local', 'a generated key says that it was made in the token', false],
] as const;

const known: RuleFacts = {
  id: 'attributes-known',
  group: 'function',
  title: "the token takes the attributes of Coffer's keys, as far as Coffer knows it",
  required: true,
  source: 'PKCS#11 2.40 §4.1 and §4.7',
  tokenObject: true,
};

/** The first step of all that make keys: what it finds is what they are made without. */
export const attributesStep: Step = {
  name: 'see which attributes the token takes',
  factor: 8,
  lost: [{ type: 'rule', rule: { ...known, ...untried('it was not tried') } }],
  run(bench) {
    const { attributes, found, quirk } = explore(bench);
    if (quirk !== undefined) bench.token.assume(quirk);
    return [
      { type: 'attributes', attributes },
      { type: 'rule', rule: { ...known, ...found } },
    ];
  },
};

function explore({ token }: Bench): { attributes: Attributes; found: Found; quirk: Quirk | undefined } {
  const told = quirkOf(token.info.manufacturerID);
  const refused = token.apart((session) => refusedBy(session));
  if (refused === undefined) {
    return {
      attributes: { refused: [], misreported: [], known: false },
      found: untried('the token makes no AES key at all'),
      quirk: undefined,
    };
  }
  const refuses = omissible.filter((name) => refused.includes(name));
  const names = refused.map(nameOf);
  const others = names.filter((name) => !omissible.map(nameOf).includes(name));
  if (others.length > 0) {
    return {
      attributes: { refused: names, misreported: [], known: false },
      found: fail(`it refuses ${others.join(', ')}, without which Coffer makes no key`),
      quirk: undefined,
    };
  }
  const quirk: Quirk = { ...none, refuses };
  const misreported = token.apart((session) => [
    ...new Set(readBack(session, quirk).flatMap(({ name, said }) => (said === false ? [name] : []))),
  ]);
  const unknown = [
    ...refuses.filter((name) => !told.refuses.includes(name)).map(nameOf),
    ...misreported.filter((name) => name !== 'CKA_LOCAL' || !told.misreports.includes('local')),
  ];
  return {
    attributes: { refused: names, misreported, known: unknown.length === 0 },
    found:
      unknown.length === 0
        ? pass
        : fail(
            `it refuses or misreports ${unknown.join(', ')}, which Coffer doesn't know of \`${token.info.manufacturerID.trim()}\`: it will refuse this token's keys`,
          ),
    quirk: { ...quirk, misreports: misreported.includes('CKA_LOCAL') ? ['local'] : [] },
  };
}

/** @returns what a template must do without, by its names there; `undefined` where no AES key can be made at all */
function refusedBy(session: graphene.Session): string[] | undefined {
  const { token: _, ...template } = secretTemplate(cipherKind, passing, none);
  const full: graphene.ITemplate = { ...template, valueLen: cipherKind.bytes };
  if (makes(session, full)) return [];
  const optional = Object.keys(full).filter((name) => !essential.has(name));
  const bare = Object.fromEntries(Object.entries(full).filter(([name]) => essential.has(name)));
  if (!makes(session, bare)) return undefined;
  // One at a time beside all that were taken before: some refuse a combination.
  const taken: graphene.ITemplate = { ...bare };
  return optional.filter((name) => {
    const more = { ...taken, [name]: full[name] };
    if (!makes(session, more)) return true;
    taken[name] = full[name];
    return false;
  });
}

/** Both of the session and of the token: some take for the one what they refuse for the other (NSS). */
function makes(session: graphene.Session, template: graphene.ITemplate): boolean {
  try {
    for (const token of [false, true]) {
      session.generateKey(cipherKind.generation, { ...template, token }).destroy();
    }
    return true;
  } catch (error) {
    const meaning = ckrClass(error);
    if (meaning === 'lost' || meaning === 'busy' || meaning === 'session') throw error;
    return false;
  }
}

interface Said extends Asked {
  readonly of: 'an AES key' | 'an EC private key';
  /** Whether it is as asked; `undefined` where the token doesn't say. */
  readonly said: boolean | undefined;
}

/** Makes a secret key and, where the token can, a pair, without looking, and reads what it made of their templates. */
function readBack(session: graphene.Session, quirk: Quirk): Said[] {
  const secret = session.generateKey(cipherKind.generation, {
    ...secretTemplate(cipherKind, passing, quirk),
    valueLen: cipherKind.bytes,
  });
  const asked = flags.filter(({ name }) => name !== 'CKA_COPYABLE' || !quirk.refuses.includes('copyable'));
  const said = (of: Said['of'], key: graphene.SessionObject) =>
    asked.map((flag) => ({ ...flag, of, said: agrees(key, flag) }));
  const half = privateHalf(session, quirk);
  return [...said('an AES key', secret), ...(half === undefined ? [] : said('an EC private key', half))];
}

function privateHalf(session: graphene.Session, quirk: Quirk): graphene.SessionObject | undefined {
  try {
    return session.generateKeyPair(
      p256.generation,
      { ...publicTemplate(p256, passing, quirk), paramsECDSA: parametersOf('prime256v1') },
      privateTemplate(p256, passing, quirk),
    ).privateKey;
  } catch (error) {
    // Whether it can make one at all is another step's.
    if (ckrClass(error) === 'lost') throw error;
    return undefined;
  }
}

function agrees(key: graphene.SessionObject, { number, value }: Asked): boolean | undefined {
  try {
    return key.getAttribute(number)[0] === (value ? 1 : 0);
  } catch (error) {
    if (ckrClass(error) === 'lost') throw error;
    return undefined;
  }
}

export const originStep: Step = rulesStep(
  'read back what generated keys are',
  rules.map(([name, id, title, required]) => ({
    id,
    group: 'boundary',
    title,
    required,
    source: `${name === 'CKA_LOCAL' ? 'PKCS#11 2.40 §4.7.2' : clause} (${name})`,
  })),
  ({ token }) =>
    token.apart((session) => {
      const all = readBack(session, token.quirk);
      return rules.map(([name]) => {
        const wrong = all.filter((one) => one.name === name && one.said !== true);
        const [first] = wrong;
        if (first === undefined) return pass;
        const says = first.said === undefined ? 'does not tell it' : 'says otherwise';
        return fail(`${wrong.map(({ of }) => of).join(' and ')} ${says}`);
      });
    }),
);

const names: Readonly<Record<string, string>> = {
  keyType: 'CKA_KEY_TYPE',
  allowedMechanisms: 'CKA_ALLOWED_MECHANISMS',
};

/** @param name as Graphene's templates have it @returns as PKCS#11 has it */
function nameOf(name: string): string {
  return names[name] ?? `CKA_${name.toUpperCase()}`;
}
