/** What `coffer hsm check` tells of a token: as JSON, and what a person's report is written from. */
import { z } from 'zod';

/**
 * `fail` where the token doesn't keep a rule or can't do what it must; `untried` where that can't be found out;
 * `note` of what is for the operator to know and was not to be tried.
 */
export type Verdict = z.infer<typeof verdict>;

const verdict = z.enum(['pass', 'fail', 'untried', 'note']);

const rule = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]*$/),
  /** `function`: what Coffer does with a token. `boundary`: what a token must never do for anybody. */
  group: z.enum(['function', 'boundary']),
  title: z.string().min(1),
  /** Whether Coffer needs it. */
  required: z.boolean(),
  /** The clause of PKCS#11, or of a NIST publication, that it follows. */
  source: z.string().min(1),
  verdict,
  detail: z.string().min(1).optional(),
  /** Whether a token object was made for it, and destroyed. */
  tokenObject: z.boolean().optional(),
});

export type Rule = z.infer<typeof rule>;
/** A rule before it is tried. */
export type RuleFacts = Omit<Rule, 'verdict' | 'detail'>;

const capability = z.strictObject({
  keySpec: z.string(),
  keyUsage: z.string(),
  /** Those that truly work; none where no such key can be made. */
  algorithms: z.array(z.string()),
  /** Of those, the ones of which a host takes the padding off what the token decrypts. */
  inHost: z.array(z.string()),
  problem: z.string().min(1).optional(),
});

const importWay = z.strictObject({
  keySpec: z.string(),
  keyUsage: z.string(),
  wrappingAlgorithm: z.string(),
  /** Where material comes out of its wrapping: in the token, or in a host's memory where an operator allows that. */
  where: z.enum(['token', 'host']).optional(),
  problem: z.string().min(1).optional(),
});

export type ImportWay = z.infer<typeof importWay>;

const mechanism = z.strictObject({
  name: z.string().min(1),
  number: z.int().min(0),
  /** Whether C_GetMechanismList names it. */
  listed: z.boolean(),
  /** Whether it did what Coffer does with it; not there where Coffer has no use for it, or it was not tried. */
  works: z.boolean().optional(),
  problem: z.string().min(1).optional(),
  /** As C_GetMechanismInfo has them: bits or bytes, as the mechanism counts. */
  keySizes: z.strictObject({ smallest: z.number(), largest: z.number() }).optional(),
});

export type Mechanism = z.infer<typeof mechanism>;

const attributes = z.strictObject({
  /** Attributes of Coffer's templates that the token refuses to be asked for, by their names in PKCS#11. */
  refused: z.array(z.string()),
  /** Attributes that read back otherwise than asked. */
  misreported: z.array(z.string()),
  /** Whether Coffer knows all of that of this manufacturer, and makes its keys accordingly. */
  known: z.boolean(),
});

export type Attributes = z.infer<typeof attributes>;

const latency = z.strictObject({
  operation: z.string().min(1),
  rounds: z.int().min(1),
  medianMicroseconds: z.number().min(0),
});

export type Latency = z.infer<typeof latency>;

const token = z.strictObject({
  label: z.string(),
  serial: z.string(),
  manufacturer: z.string(),
  model: z.string(),
  hardwareVersion: z.string(),
  firmwareVersion: z.string(),
  /** Names without `CKF_`. */
  flags: z.array(z.string()),
  /** Of a session of any kind at once; none where the token doesn't say. */
  maximalSessions: z.number().optional(),
  /** Of the PIN, in characters. */
  pinLength: z.strictObject({ smallest: z.number(), largest: z.number() }),
  /** Whether Coffer has keys in it. */
  inUse: z.boolean(),
});

const library = z.strictObject({
  file: z.string(),
  manufacturer: z.string(),
  description: z.string(),
  version: z.string(),
  cryptokiVersion: z.string(),
});

const incident = z.strictObject({
  /** What was being done. */
  step: z.string(),
  type: z.enum(['crash', 'hang']),
  detail: z.string(),
});

export type Incident = z.infer<typeof incident>;

export const reportSchema = z.strictObject({
  version: z.literal(1),
  /** ISO 8601. */
  checkedAt: z.iso.datetime(),
  /** `pass` where every required rule is. */
  verdict: z.enum(['pass', 'fail']),
  library,
  token,
  rules: z.array(rule),
  keys: z.array(capability),
  imports: z.array(importWay),
  mechanisms: z.array(mechanism),
  attributes: attributes.optional(),
  latencies: z.array(latency),
  /** Where the library crashed or hung: it was loaded anew, and the check went on with the next step. */
  incidents: z.array(incident),
  /** How many objects a check that was interrupted before had left, and this one destroyed. */
  leftovers: z.int().min(0),
});

export type Report = z.infer<typeof reportSchema>;
export type KeyFinding = z.infer<typeof capability>;
export type TokenFacts = z.infer<typeof token>;
export type LibraryFacts = z.infer<typeof library>;

/** Whether all that Coffer needs is there: what couldn't be found out isn't. */
export function judge(rules: readonly Rule[]): Report['verdict'] {
  return rules.every(({ required, verdict }) => !required || verdict === 'pass') ? 'pass' : 'fail';
}
