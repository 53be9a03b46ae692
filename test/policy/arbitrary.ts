/**
 * Policies and requests from a small world, in which a random statement is often about a random request: two
 * accounts, five principals, a handful of keys, actions and condition values.
 */
import fc from 'fast-check';
import type { AccessRequest, PrincipalFacts } from '../../src/policy/decide.ts';
import { operators } from '../../src/policy/operator.ts';

export const here = '111111111111';
export const there = '222222222222';

function user(account: string, path: string, name: string, id: string): PrincipalFacts {
  return { type: 'IAMUser', account, arn: `arn:aws:iam::${account}:user${path}${name}`, principalId: id };
}

function session(account: string, role: string, id: string, name: string): PrincipalFacts {
  return {
    type: 'AssumedRole',
    account,
    arn: `arn:aws:sts::${account}:assumed-role/${role}/${name}`,
    principalId: `${id}:${name}`,
    role: { arn: `arn:aws:iam::${account}:role/${role}`, roleId: id },
  };
}

export const alice = user(here, '/team/', 'alice', 'AIDAALICE');
export const bob = user(here, '/', 'bob', 'AIDABOB');
export const carol = user(there, '/', 'carol', 'AIDACAROL');
export const app = session(here, 'app', 'AROAAPP', 'one');
export const ops = session(there, 'ops', 'AROAOPS', 'two');
export const rootHere: PrincipalFacts = {
  type: 'Root',
  account: here,
  arn: `arn:aws:iam::${here}:root`,
  principalId: here,
};

export const principals = [alice, bob, carol, app, ops];

/** ARNs of users and roles, as a store would know them, and the unique ids they are stored as. */
export const uniqueIds: ReadonlyMap<string, string> = new Map(
  principals.map(({ arn, principalId, role }) =>
    role === undefined ? [arn, principalId] : [role.arn, role.roleId],
  ),
);

export const key = `arn:aws:kms:us-east-1:${here}:key/11111111-aaaa`;
const otherKey = `arn:aws:kms:eu-west-1:${here}:key/22222222-bbbb`;
const alias = `arn:aws:kms:us-east-1:${here}:alias/app`;
const role = `arn:aws:iam::${here}:role/app`;

export type JsonStatement = Readonly<Record<string, unknown>>;
export interface JsonPolicy {
  readonly Version?: string;
  readonly Id?: string;
  readonly Statement: JsonStatement | readonly JsonStatement[];
}
export type Context = Readonly<Record<string, string | readonly string[]>>;

/** One or a list of one or more. */
function values<T>(one: fc.Arbitrary<T>, maxLength = 3): fc.Arbitrary<T | T[]> {
  return fc.oneof({ arbitrary: one, weight: 2 }, fc.array(one, { minLength: 1, maxLength }));
}

const actionPattern = fc.constantFrom(
  '*',
  '*',
  'kms:*',
  'kms:*',
  'kms:Encrypt',
  'kms:Decrypt',
  'KMS:encrypt',
  'kms:*crypt',
  'kms:?ecrypt',
  'kms:Generate*',
  'kms:*e*r*',
  'sts:AssumeRole',
  'sts:*',
  'iam:*',
);

const resourcePattern = fc.constantFrom(
  '*',
  '*',
  '*',
  '*',
  '*',
  '*',
  key,
  otherKey,
  alias,
  role,
  `arn:aws:kms:*:${here}:key/*`,
  'arn:aws:kms:*:*:*',
  `arn:aws:kms:us-*-1:${here}:key/*`,
  `arn:aws:kms:us-east-?:${here}:key/1*a`,
  `arn:aws:kms:us-east-1:${here}:key/11111111-????`,
  `arn:aws:kms:us-east-1:${here}:alias/*`,
  `arn:aws:kms:us-east-1:${there}:key/*`,
  `arn:aws:iam::${here}:role/*`,
  `arn:aws:iam::${here}:role/\${aws:PrincipalTag/team}`,
  `arn:aws:kms:us-east-1:${here}:alias/\${aws:PrincipalTag/team, 'app'}`,
  `arn:aws:kms:us-east-1:${here}:key/\${kms:EncryptionContext:Tenant}*`,
);

const principalName = fc.constantFrom(
  ...principals.map(({ arn }) => arn),
  ...principals.flatMap((each) => (each.role === undefined ? [] : [each.role.arn])),
  here,
  there,
  `arn:aws:iam::${here}:root`,
  `arn:aws:iam::${here}:root`,
  `arn:aws:iam::${there}:root`,
  '*',
  `arn:aws:iam::${here}:user/nobody`,
);
const principalElement = fc.oneof(
  { arbitrary: values(principalName).map((AWS) => ({ AWS })), weight: 8 },
  { arbitrary: fc.constant('*'), weight: 1 },
  { arbitrary: fc.constant({ Service: 'kms.amazonaws.com' }), weight: 1 },
  {
    arbitrary: values(principalName).map((AWS) => ({ AWS, Federated: 'accounts.google.com' })),
    weight: 1,
  },
);

interface KeyKind {
  readonly keys: readonly string[];
  readonly bases: readonly string[];
  readonly policy: fc.Arbitrary<string>;
  readonly request: fc.Arbitrary<string>;
}

const word = fc.constantFrom('blue', 'red', 'Blue', 'app', 'alice', 'b*', '');
const arnValue = fc.constantFrom(key, otherKey, alias, alice.arn, bob.arn);

/** Condition keys by what their values are, with the operators that compare those. */
export const kinds: readonly KeyKind[] = [
  {
    keys: [
      'aws:username',
      'kms:EncryptionContext:Tenant',
      'aws:PrincipalTag/team',
      'kms:ViaService',
      'aws:TagKeys',
    ],
    bases: [...operators.keys()].filter((name) => name.startsWith('String')),
    policy: fc.constantFrom(
      'blue',
      'red',
      'BLUE',
      'b*',
      'b?ue',
      '*',
      '*e',
      `\${aws:username}`,
      `\${aws:PrincipalTag/team}`,
      `\${aws:PrincipalTag/team, 'blue'}`,
      `b\${*}`,
      `\${AWS:UserName}*`,
    ),
    request: word,
  },
  {
    keys: ['kms:RotationPeriodInDays', 'kms:ScheduleKeyDeletionPendingWindowInDays'],
    bases: [...operators.keys()].filter((name) => name.startsWith('Numeric')),
    policy: fc.constantFrom('7', '30', '-1', '29.5', '90'),
    request: fc.constantFrom('7', '30', '29.5', '365'),
  },
  {
    keys: ['aws:CurrentTime', 'aws:TokenIssueTime'],
    bases: [...operators.keys()].filter((name) => name.startsWith('Date')),
    policy: fc.constantFrom('2024-01-01T00:00:00Z', '2024-06-01', '2025-01-01T12:30:00+02:00'),
    request: fc.constantFrom('2024-01-01T00:00:00Z', '2025-01-01T10:30:00Z', '2023-05-05'),
  },
  {
    keys: ['aws:SecureTransport', 'kms:BypassPolicyLockoutSafetyCheck'],
    bases: ['Bool'],
    policy: fc.constantFrom('true', 'false', 'TRUE'),
    request: fc.constantFrom('true', 'false'),
  },
  {
    keys: ['aws:SourceIp'],
    bases: ['IpAddress', 'NotIpAddress'],
    policy: fc.constantFrom(
      '203.0.113.0/24',
      '203.0.113.7',
      '10.0.0.0/8',
      '2001:db8::/32',
      '0.0.0.0/0',
      '::/0',
    ),
    request: fc.constantFrom('203.0.113.7', '203.0.114.7', '10.1.2.3', '2001:db8::1', '2001:db9::1'),
  },
  {
    keys: ['aws:PrincipalArn', 'aws:SourceArn'],
    bases: [...operators.keys()].filter((name) => name.startsWith('Arn')),
    policy: fc.constantFrom(
      key,
      `arn:aws:kms:*:${here}:key/*`,
      `arn:aws:iam::${here}:user/*`,
      'arn:*:iam::*:user/?ob',
      `arn:aws:iam::${here}:user/\${aws:username}`,
    ),
    request: arnValue,
  },
  {
    keys: ['kms:RecipientAttestation:ImageSha384'],
    bases: ['BinaryEquals'],
    policy: fc.constantFrom('YmluYXJ5', 'b3RoZXI='),
    request: fc.constantFrom('YmluYXJ5', 'b3RoZXI='),
  },
];

/** Keys that have several values. */
const multivalued = new Set(['aws:TagKeys']);

const operatorName = (base: fc.Arbitrary<string>) =>
  fc
    .tuple(
      fc.constantFrom('', '', '', 'ForAllValues:', 'ForAnyValue:'),
      base,
      fc.constantFrom('', '', 'IfExists'),
    )
    .map((parts) => parts.join(''));

const condition = fc.oneof(
  {
    arbitrary: fc.constantFrom(...kinds).chain(({ keys, bases, policy }) =>
      fc.record({
        operator: operatorName(fc.constantFrom(...bases)),
        key: fc.constantFrom(...keys, ...keys.map((name) => name.toUpperCase())),
        values: values(policy),
      }),
    ),
    weight: 6,
  },
  {
    arbitrary: fc.record({
      operator: fc.constant('Null'),
      key: fc.constantFrom(...kinds.flatMap(({ keys }) => keys)),
      values: fc.constantFrom<string | string[]>('true', 'false', ['true'], ['false', 'true']),
    }),
    weight: 1,
  },
);

const conditions = fc
  .oneof(
    { arbitrary: fc.constant([]), weight: 5 },
    { arbitrary: fc.array(condition, { minLength: 1, maxLength: 2 }), weight: 3 },
  )
  .map((all) => {
    const block: Record<string, Record<string, unknown>> = {};
    for (const each of all) block[each.operator] = { ...block[each.operator], [each.key]: each.values };
    return block;
  });

const element = (name: string, value: fc.Arbitrary<unknown>, negations: number) =>
  fc
    .tuple(value, fc.nat({ max: 99 }))
    .map(([of, chance]) => ({ [chance < negations ? `Not${name}` : name]: of }));

const effect = fc.constantFrom('Allow', 'Allow', 'Allow', 'Deny');

/** Without some of them nearly everything would be denied, whatever the rest says. */
function broadStatement(kind: 'key' | 'trust' | 'identity'): fc.Arbitrary<JsonStatement> {
  const whom = fc.constantFrom({ AWS: here }, { AWS: [here, there] }, '*');
  const common = { Effect: 'Allow', Action: '*' };
  if (kind === 'identity') return fc.constant({ ...common, Resource: '*' });
  return whom.map((Principal) => ({
    ...common,
    Principal,
    ...(kind === 'key' && { Resource: '*' }),
  }));
}

function statement(kind: 'key' | 'trust' | 'identity'): fc.Arbitrary<JsonStatement> {
  return fc.oneof(
    { arbitrary: broadStatement(kind), weight: 1 },
    { arbitrary: anyStatement(kind), weight: 2 },
  );
}

function anyStatement(kind: 'key' | 'trust' | 'identity'): fc.Arbitrary<JsonStatement> {
  return fc
    .record({
      effect,
      principal: kind === 'identity' ? fc.constant({}) : principalElement.map((Principal) => ({ Principal })),
      notPrincipal: kind === 'key' ? fc.nat({ max: 3 }).map((chance) => chance === 0) : fc.constant(false),
      action: element(
        'Action',
        kind === 'trust'
          ? values(fc.constantFrom('sts:AssumeRole', 'sts:*', '*', 'sts:TagSession'))
          : values(actionPattern),
        15,
      ),
      resource:
        kind === 'trust'
          ? fc.constant({})
          : kind === 'key'
            ? fc.oneof(fc.constant({ Resource: '*' }), element('Resource', values(resourcePattern), 15))
            : element('Resource', values(resourcePattern), 15),
      conditions,
    })
    .map(({ effect: Effect, principal, notPrincipal, action, resource, conditions: Condition }) => ({
      Effect,
      ...(Effect === 'Deny' && notPrincipal && 'Principal' in principal
        ? { NotPrincipal: principal.Principal }
        : principal),
      ...action,
      ...resource,
      ...(Object.keys(Condition).length > 0 && { Condition }),
    }));
}

export function policy(kind: 'key' | 'trust' | 'identity', maxLength = 3): fc.Arbitrary<JsonPolicy> {
  const statements = fc.oneof(
    { arbitrary: fc.array(statement(kind), { minLength: 1, maxLength }), weight: 5 },
    { arbitrary: statement(kind), weight: 1 },
  );
  return kind === 'identity'
    ? statements.map((Statement) => ({ Version: '2012-10-17', Statement }))
    : statements.chain((Statement) =>
        fc
          .constantFrom('2012-10-17', '2012-10-17', '2012-10-17', '2008-10-17')
          .map((Version) => ({ Version, Statement })),
      );
}

/** What the request says of itself: each key is there three times of four. */
export const context: fc.Arbitrary<Context> = fc
  .tuple(
    ...kinds.flatMap(({ keys, request }) =>
      keys.map((name) => {
        const value: fc.Arbitrary<string | readonly string[]> = multivalued.has(name)
          ? fc.array(request, { maxLength: 3 })
          : request;
        return fc.option(fc.tuple(fc.constant(name), value), { nil: undefined, freq: 3 });
      }),
    ),
  )
  .map((entries) => Object.fromEntries(entries.filter((entry) => entry !== undefined)));

export interface Case {
  readonly principal: PrincipalFacts;
  readonly action: string;
  readonly resource: string;
  readonly resourceAccount: string;
  readonly context: Context;
  readonly identity: readonly JsonPolicy[];
  readonly boundary: JsonPolicy | undefined;
  readonly session: JsonPolicy | undefined;
  readonly resourcePolicy: { readonly kind: 'key' | 'trust'; readonly policy: JsonPolicy } | undefined;
}

/** Alice encrypts, and no policy says anything: what tests change. */
export const plainCase: Case = {
  principal: alice,
  action: 'kms:Encrypt',
  resource: key,
  resourceAccount: here,
  context: {},
  identity: [],
  boundary: undefined,
  session: undefined,
  resourcePolicy: undefined,
};

const sometimes = <T>(arbitrary: fc.Arbitrary<T>, freq: number) =>
  fc.option(arbitrary, { nil: undefined, freq });

const target = fc.oneof(
  {
    arbitrary: fc.record({
      action: fc.constantFrom('kms:Encrypt', 'kms:Decrypt', 'kms:GenerateDataKey'),
      resource: fc.constantFrom(key, otherKey),
      resourcePolicy: policy('key').map((document) => ({ kind: 'key' as const, policy: document })),
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({
      action: fc.constant('sts:AssumeRole'),
      resource: fc.constant(role),
      resourcePolicy: policy('trust').map((document) => ({ kind: 'trust' as const, policy: document })),
    }),
    weight: 2,
  },
  {
    arbitrary: fc.record({
      action: fc.constantFrom('kms:CreateAlias', 'kms:DeleteAlias'),
      resource: fc.constant(alias),
      resourcePolicy: fc.constant(undefined),
    }),
    weight: 1,
  },
  {
    arbitrary: fc.record({
      action: fc.constantFrom('kms:GenerateRandom', 'kms:ListKeys'),
      resource: fc.constant('*'),
      resourcePolicy: fc.constant(undefined),
    }),
    weight: 1,
  },
);

export const accessCase: fc.Arbitrary<Case> = fc
  .record({
    principal: fc.constantFrom(...principals),
    target,
    context,
    identity: fc.array(policy('identity', 2), { maxLength: 2 }),
    boundary: sometimes(policy('identity', 3), 5),
    session: sometimes(policy('identity', 3), 5),
  })
  .map(
    ({
      principal,
      target: { action, resource, resourcePolicy },
      context: keys,
      identity,
      boundary,
      session: own,
    }) => ({
      principal,
      action,
      resource,
      resourceAccount: resource === '*' ? principal.account : here,
      context: keys,
      identity,
      boundary,
      session: principal.type === 'AssumedRole' ? own : undefined,
      resourcePolicy,
    }),
  );

/** Looks condition keys up as a request does. */
export function lookup(keys: Context): AccessRequest['context'] {
  const byName = new Map(Object.entries(keys).map(([name, value]) => [name.toLowerCase(), value]));
  return (name) => byName.get(name);
}

export function accessRequest(access: Case): AccessRequest {
  const { principal, action, resource, resourceAccount } = access;
  return { principal, action, resource, resourceAccount, context: lookup(access.context) };
}
