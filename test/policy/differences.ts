/**
 * Where this engine and @cloud-copilot/iam-simulate are known to decide differently, each with the page of AWS's
 * documentation that decides it (of the IAM user guide, where nothing else is said), and a case that shows it.
 */
import type { Simulation } from '../../src/policy/simulate.ts';
import { app, type Case, here, type JsonPolicy, type JsonStatement, plainCase } from './arbitrary.ts';

type Verdict = Simulation['decision'];

export interface Difference {
  readonly name: string;
  readonly page: string;
  /** Whether a case has what the two see differently. */
  readonly covers: (access: Case) => boolean;
  readonly example: Case;
  readonly ours: Verdict;
  readonly theirs: Verdict;
}

interface ConditionFacts {
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

const asList = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

function statements(access: Case): { statement: JsonStatement; variables: boolean }[] {
  const all = [...access.identity, access.boundary, access.session, access.resourcePolicy?.policy];
  return all
    .filter((policy) => policy !== undefined)
    .flatMap(({ Statement, Version }) =>
      [Statement].flat().map((statement) => ({ statement, variables: Version === '2012-10-17' })),
    );
}

function conditions(access: Case): ConditionFacts[] {
  return statements(access).flatMap(({ statement: { Condition = {} } }) =>
    Object.entries(Object(Condition)).flatMap(([operator, keys]) =>
      Object.entries(Object(keys)).map(([name, values]) => ({
        operator,
        key: name,
        values: asList(values).map(String),
      })),
    ),
  );
}

function valueIn(access: Case, name: string): string | readonly string[] | undefined {
  const found = Object.entries(access.context).find(([each]) => each.toLowerCase() === name.toLowerCase());
  return found?.[1];
}

const isEmpty = (value: string | readonly string[] | undefined) => value?.length === 0;

/** The names of the variables in a text that have no fallback. */
function variables(text: string): string[] {
  return [...text.matchAll(/\$\{([^}]+)\}/g)]
    .map(([, name = '']) => name)
    .filter((name) => /^[^',]{2,}$/.test(name));
}

function base(effect: 'Allow' | 'Deny', rest: JsonStatement): JsonStatement {
  return { Effect: effect, Action: 'kms:*', Resource: '*', ...rest };
}

function example(
  statements: readonly JsonStatement[],
  context: Case['context'],
  more: Partial<Case> = {},
): Case {
  return {
    ...plainCase,
    context,
    identity: statements.length === 0 ? [] : [{ Version: '2012-10-17', Statement: statements }],
    resourcePolicy: { kind: 'key', policy: keyPolicy([{ AWS: here }, {}]) },
    ...more,
  };
}

function keyPolicy(...allowed: readonly (readonly [unknown, JsonStatement])[]): JsonPolicy {
  return {
    Version: '2012-10-17',
    Statement: allowed.map(([Principal, rest]) => ({
      Effect: 'Allow',
      Principal,
      Action: 'kms:*',
      Resource: '*',
      ...rest,
    })),
  };
}

const when = (operator: string, name: string, value: unknown) => ({
  Condition: { [operator]: { [name]: value } },
});
const allow = base('Allow', {});

export const differences: readonly Difference[] = [
  {
    name: 'a negated operator holds where a variable in the policy has no value',
    page: 'IAM policy elements: Variables and tags, "Policy variables with no value"',
    covers: (access) =>
      conditions(access).some(
        ({ operator, values }) =>
          operator.includes('Not') &&
          values.some((text) => variables(text).some((name) => typeof valueIn(access, name) !== 'string')),
      ),
    example: example(
      [allow, base('Deny', when('StringNotEquals', 'kms:ViaService', `\${aws:PrincipalTag/team}`))],
      { 'kms:ViaService': 'blue' },
    ),
    ours: 'explicitDeny',
    theirs: 'allowed',
  },
  {
    name: '$ with a character in braces is that character, also where there are no wildcards',
    page: 'IAM policy elements: Variables and tags, "Special characters"',
    covers: (access) =>
      conditions(access).some(
        ({ operator, values }) =>
          operator.includes('Equals') && values.some((value) => value.includes(`\${*}`)),
      ),
    example: example([base('Allow', when('StringEquals', 'kms:ViaService', `b\${*}`))], {
      'kms:ViaService': 'b*',
    }),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
  {
    name: 'before the version 2012-10-17 variables are plain text',
    page: 'IAM JSON policy elements: Version',
    covers: (access) =>
      statements(access).some(
        ({ statement, variables: known }) => !known && JSON.stringify(statement).includes(`\${`),
      ),
    example: example(
      [allow],
      { 'aws:username': 'alice', 'kms:ViaService': 'alice' },
      {
        resourcePolicy: {
          kind: 'key',
          policy: {
            ...keyPolicy(['*', when('StringEquals', 'kms:ViaService', `\${aws:username}`)]),
            Version: '2008-10-17',
          },
        },
      },
    ),
    ours: 'implicitDeny',
    theirs: 'allowed',
  },
  {
    name: 'a variable whose value is empty has a value',
    page: 'IAM policy elements: Variables and tags, "Policy variables with no value"',
    covers: (access) =>
      statements(access).some(({ statement }) =>
        [...JSON.stringify(statement).matchAll(/\$\{([^},]{2,})/g)].some(
          ([, name = '']) => valueIn(access, name) === '',
        ),
      ),
    example: example([base('Allow', when('StringLike', 'kms:ViaService', `blue\${aws:PrincipalTag/team}`))], {
      'kms:ViaService': 'blue',
      'aws:PrincipalTag/team': '',
    }),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
  {
    name: 'a NotResource whose variable has no value leaves nothing out',
    page: 'IAM policy elements: Variables and tags, "Policy variables with no value"',
    covers: (access) =>
      statements(access).some(({ statement, variables: known }) =>
        asList(statement.NotResource ?? []).some(
          (text) =>
            known && variables(String(text)).some((name) => typeof valueIn(access, name) !== 'string'),
        ),
      ),
    example: example(
      [
        allow,
        {
          Effect: 'Deny',
          Action: '*',
          NotResource: `arn:aws:kms:us-east-1:${here}:key/\${aws:PrincipalTag/team}`,
        },
      ],
      {},
    ),
    ours: 'explicitDeny',
    theirs: 'allowed',
  },
  {
    name: '…IfExists holds for a missing key, also after ForAnyValue',
    page: 'IAM JSON policy elements: Condition operators, "...IfExists condition operators"',
    covers: (access) =>
      conditions(access).some(
        ({ operator, key: name }) =>
          /^ForAnyValue:.*IfExists$/.test(operator) && (valueIn(access, name)?.length ?? 0) === 0,
      ),
    example: example([base('Allow', when('ForAnyValue:StringEqualsIfExists', 'aws:TagKeys', 'team'))], {}),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
  {
    name: 'an empty string is no value to a set operator',
    page: 'Single-valued vs. multivalued context keys, on condition set operators',
    covers: (access) =>
      conditions(access).some(
        ({ operator, key: name }) => operator.startsWith('For') && isEmpty(valueIn(access, name)),
      ),
    example: example([base('Allow', when('ForAllValues:StringEquals', 'kms:ViaService', 'blue'))], {
      'kms:ViaService': '',
    }),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
  {
    name: 'a key without values is a missing key',
    page: 'IAM JSON policy elements: Condition operators, "Condition operator to check existence of condition keys"',
    covers: (access) =>
      conditions(access).some(({ key: name }) => {
        const value = valueIn(access, name);
        return typeof value !== 'string' && isEmpty(value);
      }),
    example: example([base('Allow', when('Null', 'aws:TagKeys', 'true'))], { 'aws:TagKeys': [] }),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
  {
    name: 'NotPrincipal spares only who is named together with its account',
    page: 'AWS JSON policy elements: NotPrincipal',
    covers: (access) => statements(access).some(({ statement }) => 'NotPrincipal' in statement),
    example: example(
      [allow],
      {},
      {
        resourcePolicy: {
          kind: 'key',
          policy: {
            Version: '2012-10-17',
            Statement: [
              { Effect: 'Allow', Principal: '*', Action: 'kms:*', Resource: '*' },
              { Effect: 'Deny', NotPrincipal: { AWS: here }, Action: 'kms:*', Resource: '*' },
            ],
          },
        },
      },
    ),
    ours: 'explicitDeny',
    theirs: 'allowed',
  },
  {
    name: 'a session that a key policy names itself is not limited by what its session policy leaves out',
    page: 'Policy evaluation logic, "Resource-based policies", on role sessions',
    covers: (access) =>
      access.session !== undefined &&
      statements(access).some(({ statement: { Effect, Principal } }) => {
        const named = JSON.stringify(Principal ?? '');
        return Effect === 'Allow' && (named.includes('"*"') || named.includes(access.principal.arn));
      }),
    example: example(
      [],
      {},
      {
        principal: app,
        session: { Version: '2012-10-17', Statement: [base('Allow', { Action: 'kms:Decrypt' })] },
        resourcePolicy: { kind: 'key', policy: keyPolicy([{ AWS: app.arn }, {}]) },
      },
    ),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
  {
    name: '0.0.0.0/0 is every IPv4 address',
    page: 'IAM JSON policy elements: Condition operators, "IP address condition operators"; RFC 4632 §3.1',
    covers: (access) => conditions(access).some(({ values }) => values.includes('0.0.0.0/0')),
    example: example([base('Allow', when('IpAddress', 'aws:SourceIp', '0.0.0.0/0'))], {
      'aws:SourceIp': '203.0.113.7',
    }),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
  {
    name: 'an IPv6 address is none of IPv4',
    page: 'IAM JSON policy elements: Condition operators, "IP address condition operators"',
    covers: (access) =>
      conditions(access).some(
        ({ operator, values }) =>
          operator.includes('NotIpAddress') && values.some((value) => /^[0-9.]+$/.test(value)),
      ),
    example: example([base('Allow', when('NotIpAddress', 'aws:SourceIp', '203.0.113.7'))], {
      'aws:SourceIp': '2001:db8::1',
    }),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
  {
    name: 'an IPv6 address is the same however it is written',
    page: 'IAM JSON policy elements: Condition operators, "IP address condition operators"; RFC 4291 §2.2',
    covers: () => false,
    example: example([base('Allow', when('IpAddress', 'aws:SourceIp', '2001:DB8:0::1'))], {
      'aws:SourceIp': '2001:db8::1',
    }),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
  {
    name: 'an integer is a date in seconds since the epoch',
    page: 'IAM JSON policy elements: Condition operators, "Date condition operators"',
    covers: () => false,
    example: example([base('Allow', when('DateGreaterThan', 'aws:CurrentTime', '1704067200'))], {
      'aws:CurrentTime': '2020-01-01T00:00:00Z',
    }),
    ours: 'implicitDeny',
    theirs: 'allowed',
  },
  {
    name: 'numbers are numbers to their end',
    page: 'IAM JSON policy elements: Condition operators, "Numeric condition operators"',
    covers: () => false,
    example: example([base('Allow', when('NumericEquals', 'kms:RotationPeriodInDays', '1e2'))], {
      'kms:RotationPeriodInDays': '100',
    }),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
  {
    name: 'a * also stands for a line break',
    page: 'IAM JSON policy elements: Condition operators, "String condition operators"',
    covers: () => false,
    example: example([base('Allow', when('StringLike', 'kms:EncryptionContext:Note', 'a*'))], {
      'kms:EncryptionContext:Note': 'a\nb',
    }),
    ours: 'allowed',
    theirs: 'implicitDeny',
  },
];
