import { z } from 'zod';
import { KmsError } from '../errors.ts';
import {
  encryptionAlgorithms,
  keyAgreementAlgorithms,
  macAlgorithms,
  messageLimit,
  messageTypes,
  namesOf,
  refusedEncryptionAlgorithms,
  refusedSigningAlgorithms,
  signingAlgorithms,
} from '../keys/spec/algorithm.ts';

/**
 * Members as the KMS service model gives them: limits, patterns, sets. A member that fails says so in AWS's
 * words; one that Coffer doesn't know is refused by name, since ignoring it could mean doing less than asked.
 */

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A base64 string that becomes a Buffer of `min` to `max` bytes. */
export const blob = (min: number, max: number) =>
  z
    .string()
    .regex(base64, { abort: true })
    .transform((text) => Buffer.from(text, 'base64'))
    .refine((bytes) => bytes.length >= min, {
      params: { constraint: `have length greater than or equal to ${min}` },
    })
    .refine((bytes) => bytes.length <= max, {
      params: { constraint: `have length less than or equal to ${max}` },
    });
export const text = (min: number, max: number) => z.string().min(min).max(max);
export const integer = (min: number, max: number) => z.int().min(min).max(max);

/** 8 KiB (AWS KMS developer guide, "Encryption context"). */
const contextLimit = 8_192;
const listLimit = 200;

/** As z.record(z.string(), z.string()) says it, at a tenth of its cost: this is on the hot path. */
const encryptionContext = z.custom<Record<string, string>>().check((payload) => {
  const { value, issues } = payload as { value: unknown; issues: z.core.$ZodRawIssue[] };
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    issues.push({ code: 'invalid_type', expected: 'record', input: value });
    return;
  }
  let size = 0;
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== 'string') {
      issues.push({ code: 'invalid_type', expected: 'string', input: text, path: [name] });
      return;
    }
    size += Buffer.byteLength(name) + Buffer.byteLength(text);
  }
  if (size > contextLimit) {
    const params = { constraint: `have length less than or equal to ${contextLimit}` };
    issues.push({ code: 'custom', input: value, params });
  }
});

export const members = {
  keyId: text(1, 2048),
  aliasName: text(1, 256).regex(/^[a-zA-Z0-9:/_-]+$/),
  description: text(0, 8192),
  plaintext: blob(1, 4096),
  ciphertextBlob: blob(1, 6144),
  context: encryptionContext,
  dryRun: z.boolean(),
  dryRunModifiers: z.array(z.enum(['IGNORE_CIPHERTEXT'])).max(1),
  grantTokens: z.array(text(1, 8192)).max(10),
  grantId: text(1, 128),
  principal: text(1, 256).regex(/^[\w+=,.@:/-]+$/),
  encryptionAlgorithm: z.enum([...namesOf(encryptionAlgorithms), ...refusedEncryptionAlgorithms]),
  signingAlgorithm: z.enum([...namesOf(signingAlgorithms), ...refusedSigningAlgorithms]),
  macAlgorithm: z.enum(namesOf(macAlgorithms)),
  keyAgreementAlgorithm: z.enum(namesOf(keyAgreementAlgorithms)),
  messageType: z.enum(messageTypes),
  message: blob(1, messageLimit),
  signature: blob(1, 6144),
  mac: blob(1, 6144),
  publicKey: blob(1, 8192),
  dataKeySpec: z.enum(['AES_256', 'AES_128']),
  numberOfBytes: integer(1, 1024),
  limit: integer(1, 1000),
  marker: text(1, 1024).regex(/^[\u0020-\u00FF]*$/),
  policy: text(1, 131_072).regex(/^[\t\n\r\u0020-\u00FF]+$/),
  policyName: text(1, 128).regex(/^[\w]+$/),
  pendingWindowInDays: integer(1, 365),
  rotationPeriodInDays: integer(90, 2560),
  keyMaterialId: text(64, 64).regex(/^[a-f0-9]+$/),
  includeKeyMaterial: z.enum(['ALL_KEY_MATERIAL', 'ROTATIONS_ONLY']),
  tags: z.array(z.strictObject({ TagKey: text(1, 128), TagValue: text(0, 256) })).max(listLimit),
  // More than a key can have, and few enough that a request is recorded whole and done in a moment.
  tagKeys: z.array(text(1, 128)).max(listLimit),
};

/** @throws KmsError SerializationException, ValidationException or UnsupportedOperationException */
export function parseInput<T>(operation: string, schema: z.ZodType<T>, raw: Record<string, unknown>): T {
  const given = withoutNulls(raw);
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const unknown = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key].join('.')) : [],
  );
  if (unknown.length > 0) {
    throw new KmsError(
      'UnsupportedOperationException',
      `${operation} does not support the member ${unknown.join(', ')}.`,
    );
  }
  for (const issue of issues) {
    const mistaken = serializationMistake(issue, valueAt(given, issue.path));
    if (mistaken !== undefined) throw new KmsError('SerializationException', mistaken);
  }
  const constraints = issues.map((issue) => constraintMessage(issue, valueAt(given, issue.path)));
  throw validationError(constraints);
}

/** `N validation error(s) detected: …`, as AWS words it. */
export function validationError(constraints: readonly string[]): KmsError {
  const count = constraints.length;
  return new KmsError(
    'ValidationException',
    `${count} validation error${count === 1 ? '' : 's'} detected: ${constraints.join('; ')}`,
  );
}

/** A JSON null means that the member is absent. */
function withoutNulls(raw: Record<string, unknown>): Record<string, unknown> {
  for (const key in raw) {
    if (raw[key] === null)
      return Object.fromEntries(Object.entries(raw).filter(([, value]) => value !== null));
  }
  return raw;
}

type Issue = z.core.$ZodIssue;

function serializationMistake(issue: Issue, value: unknown): string | undefined {
  if (issue.code === 'invalid_format' && issue.format === 'regex' && issue.pattern === String(base64)) {
    return `Invalid base64 in member '${issue.path.join('.')}'`;
  }
  if (issue.code === 'custom' || value === undefined) return undefined;
  if (issue.code !== 'invalid_type' && !(issue.code === 'invalid_value' && typeof value !== 'string'))
    return undefined;
  const wanted = issue.code === 'invalid_type' ? issue.expected : 'string';
  if (Array.isArray(value)) return 'Start of list found where not expected';
  if (typeof value === 'object') return 'Start of structure or map found where not expected.';
  const target = { string: 'String', int: 'Integer', number: 'Integer', boolean: 'Boolean' }[
    wanted as string
  ];
  if (target === undefined) return `Expected ${wanted === 'array' ? 'list' : 'map'} or null`;
  const kind =
    typeof value === 'number'
      ? Number.isInteger(value)
        ? 'NUMBER_VALUE'
        : 'DECIMAL_VALUE'
      : typeof value === 'boolean'
        ? `${String(value).toUpperCase()}_VALUE`
        : 'STRING_VALUE';
  return `${kind} can not be converted to ${target === 'Integer' ? 'an' : 'a'} ${target}`;
}

function constraintMessage(issue: Issue, value: unknown): string {
  const at = `at '${memberPath(issue.path)}' failed to satisfy constraint: Member must`;
  if (value === undefined) return `Value null ${at} not be null`;
  const shown = isBlob(issue) ? 'Value' : `Value '${display(value)}'`;
  return `${shown} ${at} ${constraint(issue)}`;
}

function constraint(issue: Issue): string {
  switch (issue.code) {
    case 'too_small':
      return `${issue.origin === 'string' || issue.origin === 'array' ? 'have length' : 'have value'} greater than or equal to ${issue.minimum}`;
    case 'too_big':
      return `${issue.origin === 'string' || issue.origin === 'array' ? 'have length' : 'have value'} less than or equal to ${issue.maximum}`;
    case 'invalid_format':
      return `satisfy regular expression pattern: ${(issue.pattern ?? '').replace(/^\/|\/[a-z]*$/g, '').replaceAll('\\/', '/')}`;
    case 'invalid_value':
      return `satisfy enum value set: [${issue.values.join(', ')}]`;
    case 'custom':
      return String(issue.params?.constraint ?? issue.message);
    default:
      return `be valid: ${issue.message}`;
  }
}

/** Blobs are never shown: a plaintext must not come back in an error. */
function isBlob(issue: Issue): boolean {
  return issue.code === 'custom' && issue.params?.constraint !== undefined;
}

function display(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : Array.isArray(value)
      ? `[${value.map(display).join(', ')}]`
      : JSON.stringify(value);
}

/** `Tags[0].TagKey` is `tags.1.member.tagKey` in AWS's messages. */
function memberPath(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `${part + 1}.member` : lowerFirst(String(part))))
    .join('.');
}

export function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
