import { expect } from 'chai';
import { PolicyError } from '../../src/policy/error.ts';
import {
  namedPrincipals,
  type PolicyKind,
  parsePolicy,
  renderPolicy,
  replacePrincipals,
} from '../../src/policy/parse.ts';

const allow = { Effect: 'Allow', Action: 'kms:*', Resource: '*' };
const forAll = { Effect: 'Allow', Principal: '*', Action: 'kms:*', Resource: '*' };

function refusal(text: string, kind: PolicyKind): PolicyError {
  try {
    parsePolicy(text, kind);
  } catch (error) {
    if (error instanceof PolicyError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

/** Refused, with these words of AWS at this place. */
function refuses(kind: PolicyKind, document: unknown, words: string, path: string): void {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  const error = refusal(text, kind);
  expect(error.message.startsWith(`${words} (`), error.message).to.equal(true);
  expect(error.path).to.equal(path);
}

const of = (statement: unknown, rest: object = {}) => ({
  Version: '2012-10-17',
  Statement: statement,
  ...rest,
});
const syntax = 'Syntax errors in policy.';
const legacy = 'The policy failed legacy parsing';
const vendor = 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.';

describe('a policy’s JSON', () => {
  it('may have its elements in any order, spaces anywhere, one statement without a list', () => {
    const text =
      ' {"Statement" : {"Resource":"*","Action":\n"kms:*","Effect":"Allow"}\t,"Version":"2012-10-17"}\r\n';
    expect(parsePolicy(text, 'identity').statements).to.have.length(1);
  });

  for (const [what, text, path] of [
    ['nothing', '', ''],
    ['no object', '[]', ''],
    ['a comma too many', '{"Version":"2012-10-17",}', ''],
    ['something behind it', `${JSON.stringify(of(allow))} x`, ''],
    ['an unclosed string', '{"Version":"2012', 'Version'],
    ['a number with a leading zero', '{"Version":01}', ''],
    ['a control character in a string', '{"Version":"\u0001"}', 'Version'],
    ['an escape that JSON does not know', '{"Version":"\\x"}', 'Version'],
    ['a repeated element', '{"Version":"2012-10-17","Version":"2012-10-17"}', 'Version'],
    [
      'an element repeated under an escaped name',
      '{"Version":"2012-10-17","Versio\\u006e":"2008-10-17"}',
      'Version',
    ],
    ['`__proto__`', '{"__proto__":{}}', ''],
    ['`__proto__` in a condition', '{"Statement":{"Condition":{"__proto__":{}}}}', 'Statement.Condition'],
    ['`__proto__` under an escaped name', '{"\\u005f_proto__":{}}', ''],
    ['a lone surrogate', '{"Id":"\\ud800"}', 'Id'],
    ['a lone surrogate that is not escaped', '{"Id":"\ud800"}', 'Id'],
  ] as const) {
    it(`is refused with ${what}`, () => refuses('key', text, syntax, path));
  }

  it('is refused where it is nested without end, quickly and without an overflow', () => {
    for (const text of ['['.repeat(100_000), '{"a":'.repeat(20_000)]) {
      expect(refusal(text, 'key').message).to.contain('nested too deeply');
    }
  });

  it('is refused where it is longer than any AWS takes, before it is read', () => {
    for (const length of [131_073, 50_000_000]) {
      expect(refusal(`"${'a'.repeat(length)}"`, 'key').message).to.contain('longer than 131072');
    }
    const document = of(forAll, { Id: '' });
    const room = 131_072 - JSON.stringify(document).length;
    expect(parsePolicy(JSON.stringify({ ...document, Id: 'a'.repeat(room) }), 'key').id).to.have.length(room);
  });

  it('keeps names that every object has as plain names', () => {
    const policy = parsePolicy(
      JSON.stringify(
        of({ ...allow, Condition: { StringEquals: { 'x:constructor': 'y', 'x:toString': 'z' } } }),
      ),
      'identity',
    );
    expect(policy.statements[0]?.conditions.map(({ key }) => key)).to.deep.equal([
      'x:constructor',
      'x:toString',
    ]);
    refuses(
      'identity',
      of({ ...allow, Condition: { constructor: {} } }),
      syntax,
      'Statement[0].Condition.constructor',
    );
    refuses(
      'identity',
      of({ ...allow, Condition: { hasOwnProperty: {} } }),
      syntax,
      'Statement[0].Condition.hasOwnProperty',
    );
    refuses(
      'key',
      of({ ...forAll, Principal: { constructor: 'x' } }),
      syntax,
      'Statement[0].Principal.constructor',
    );
  });

  it('reads names with escapes as they are written, whatever was read before', () => {
    // what sets V8's JSON.parse off (nodejs/node#63785)
    parsePolicy(JSON.stringify(of({ ...allow, Condition: { StringEquals: { 'a:\\': 'x' } } })), 'identity');
    const text = JSON.stringify(of({ ...allow, Condition: { StringEquals: { 'a:NAME': 'x' } } }));
    const { statements } = parsePolicy(text.replace('NAME', '\\u0062'), 'identity');
    expect(statements[0]?.conditions[0]?.key).to.equal('a:b');
  });

  it('tells where each statement stands, as AWS’s simulator does', () => {
    // the example of the AWS CLI's reference of simulate-custom-policy, with its positions
    const example =
      '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}';
    expect(parsePolicy(example, 'identity').statements[0]?.span).to.deep.equal({
      start: { line: 1, column: 38 },
      end: { line: 1, column: 167 },
    });
    const lines = `{\n  "Version": "2012-10-17",\n  "Statement": [\n    ${JSON.stringify(allow)},\n    {\n      "Effect": "Deny", "Action": "*", "Resource": "*"\n    }\n  ]\n}`;
    expect(parsePolicy(lines, 'identity').statements[1]?.span).to.deep.equal({
      start: { line: 5, column: 6 },
      end: { line: 7, column: 6 },
    });
  });
});

describe('a policy document', () => {
  const cases: [string, PolicyKind, unknown, string, string][] = [
    ['without statements', 'identity', { Version: '2012-10-17' }, syntax, 'Statement'],
    ['with an empty list of statements', 'identity', of([]), syntax, 'Statement'],
    ['with a statement that is none', 'identity', of([allow, 'x']), syntax, 'Statement[1]'],
    ['with an element that does not exist', 'identity', of(allow, { Statements: [] }), syntax, 'Statements'],
    ['with a version that does not exist', 'key', of(forAll, { Version: '2012-10-18' }), syntax, 'Version'],
    [
      'for an identity without a version',
      'identity',
      { Statement: allow },
      'Policy document must be version 2012-10-17 or greater.',
      'Version',
    ],
    [
      'for an identity of the old version',
      'identity',
      of(allow, { Version: '2008-10-17' }),
      'Policy document must be version 2012-10-17 or greater.',
      'Version',
    ],
    [
      'for a boundary of the old version',
      'boundary',
      of(allow, { Version: '2008-10-17' }),
      'Policy document must be version 2012-10-17 or greater.',
      'Version',
    ],
    ['with an Id that is no string', 'key', of(forAll, { Id: 1 }), syntax, 'Id'],
    [
      'with a Sid twice',
      'identity',
      of([
        { Sid: 'a', ...allow },
        { Sid: 'a', ...allow },
      ]),
      'Statement IDs (SID) in a single policy must be unique.',
      'Statement[1].Sid',
    ],
    [
      'with a Sid of other characters',
      'identity',
      of({ Sid: 'a b', ...allow }),
      'Statement IDs (SID) must be alpha-numeric.',
      'Statement[0].Sid',
    ],
    [
      'with a statement’s element that does not exist',
      'identity',
      of({ ...allow, action: 'x' }),
      syntax,
      'Statement[0].action',
    ],
    ['without an effect', 'identity', of({ Action: '*', Resource: '*' }), syntax, 'Statement[0].Effect'],
    [
      'with an effect in other letters',
      'identity',
      of({ ...allow, Effect: 'allow' }),
      syntax,
      'Statement[0].Effect',
    ],
    [
      'without actions',
      'identity',
      of({ Effect: 'Allow', Resource: '*' }),
      'Policy statement must contain actions.',
      'Statement[0]',
    ],
    [
      'with an empty list of actions',
      'identity',
      of({ ...allow, Action: [] }),
      syntax,
      'Statement[0].Action',
    ],
    [
      'with an action that is no string',
      'identity',
      of({ ...allow, Action: ['kms:*', 1] }),
      syntax,
      'Statement[0].Action[1]',
    ],
    ['with Action and NotAction', 'identity', of({ ...allow, NotAction: '*' }), syntax, 'Statement[0]'],
    [
      'with an action without its service',
      'identity',
      of({ ...allow, Action: 'Encrypt' }),
      vendor,
      'Statement[0].Action',
    ],
    [
      'with an action of two colons',
      'identity',
      of({ ...allow, Action: 'kms:a:b' }),
      'Actions/Condition can contain only one colon.',
      'Statement[0].Action',
    ],
    [
      'with a service that can be none',
      'identity',
      of({ ...allow, Action: 'k*:a' }),
      'Vendor k* is not valid',
      'Statement[0].Action',
    ],
    [
      'without resources',
      'identity',
      of({ Effect: 'Allow', Action: '*' }),
      'Policy statement must contain resources.',
      'Statement[0]',
    ],
    ['with Resource and NotResource', 'identity', of({ ...allow, NotResource: '*' }), syntax, 'Statement[0]'],
    [
      'with a resource that is no ARN',
      'identity',
      of({ ...allow, Resource: 'key/1' }),
      'Resource key/1 must be in ARN format or "*".',
      'Statement[0].Resource',
    ],
    [
      'with half an ARN',
      'identity',
      of({ ...allow, Resource: 'arn:aws:kms' }),
      legacy,
      'Statement[0].Resource',
    ],
    [
      'with a variable before the fifth colon',
      'identity',
      of({ ...allow, Resource: `arn:aws:kms:\${aws:RequestedRegion}:111111111111:key/*` }),
      legacy,
      'Statement[0].Resource',
    ],
    [
      'for an identity with a principal',
      'identity',
      of(forAll),
      'Policy document should not specify a principal.',
      'Statement[0].Principal',
    ],
    [
      'for a session with a principal',
      'session',
      of(forAll),
      'Policy document should not specify a principal.',
      'Statement[0].Principal',
    ],
    [
      'for a boundary with a NotPrincipal',
      'boundary',
      of({ ...allow, NotPrincipal: '*' }),
      'Policy document should not specify a principal.',
      'Statement[0].NotPrincipal',
    ],
    ['for a key without a principal', 'key', of(allow), 'Missing required field Principal', 'Statement[0]'],
    [
      'for a role’s trust without a principal',
      'trust',
      of({ Effect: 'Allow', Action: 'sts:AssumeRole' }),
      'Missing required field Principal',
      'Statement[0]',
    ],
    [
      'for a role’s trust with a resource',
      'trust',
      of(forAll),
      'Has prohibited field Resource',
      'Statement[0].Resource',
    ],
    [
      'for a role’s trust with NotPrincipal',
      'trust',
      of({ Effect: 'Deny', NotPrincipal: '*', Action: 'sts:*' }),
      'Has prohibited field NotPrincipal',
      'Statement[0].NotPrincipal',
    ],
    [
      'with NotPrincipal in an Allow',
      'key',
      of({ Effect: 'Allow', NotPrincipal: '*', Action: '*' }),
      syntax,
      'Statement[0].NotPrincipal',
    ],
    ['with Principal and NotPrincipal', 'key', of({ ...forAll, NotPrincipal: '*' }), syntax, 'Statement[0]'],
    [
      'with a principal without a type',
      'key',
      of({ ...forAll, Principal: '111111111111' }),
      syntax,
      'Statement[0].Principal',
    ],
    [
      'with a type of principal that does not exist',
      'key',
      of({ ...forAll, Principal: { Aws: '*' } }),
      syntax,
      'Statement[0].Principal.Aws',
    ],
    [
      'with a Condition that is none',
      'identity',
      of({ ...allow, Condition: [] }),
      syntax,
      'Statement[0].Condition',
    ],
    [
      'with an operator that does not exist',
      'identity',
      of({ ...allow, Condition: { StringMatches: {} } }),
      syntax,
      'Statement[0].Condition.StringMatches',
    ],
    [
      'with an operator for some values',
      'identity',
      of({ ...allow, Condition: { 'ForSomeValues:StringEquals': {} } }),
      syntax,
      'Statement[0].Condition.ForSomeValues:StringEquals',
    ],
    [
      'with Null if it exists',
      'identity',
      of({ ...allow, Condition: { NullIfExists: {} } }),
      syntax,
      'Statement[0].Condition.NullIfExists',
    ],
    [
      'with a condition key without its service',
      'identity',
      of({ ...allow, Condition: { Bool: { x: 'true' } } }),
      vendor,
      'Statement[0].Condition.Bool.x',
    ],
    [
      'with a condition value that is an object',
      'identity',
      of({ ...allow, Condition: { Bool: { 'a:x': {} } } }),
      syntax,
      'Statement[0].Condition.Bool.a:x',
    ],
    [
      'with a condition without values',
      'identity',
      of({ ...allow, Condition: { StringEquals: { 'a:x': [] } } }),
      syntax,
      'Statement[0].Condition.StringEquals.a:x',
    ],
    ...(
      [
        ['NumericEquals', 'x', 'number'],
        ['NumericLessThan', '0x10', 'hexadecimal number'],
        ['DateEquals', 'yesterday', 'date'],
        ['DateEquals', '2024-02-30', 'date that no calendar has'],
        ['Bool', 'yes', 'boolean'],
        ['Null', 'yes', 'boolean'],
        ['BinaryEquals', 'a', 'base64'],
        ['IpAddress', '10.0.0', 'address'],
        ['IpAddress', '10.0.0.0/33', 'block'],
        ['IpAddress', '010.0.0.1', 'address in octal'],
        ['IpAddress', '10.0.0.256', 'address of octets'],
        ['IpAddress', '1:2:3:4:5:6:7:8::', 'address of IPv6 with room for ::'],
        ['NotIpAddress', '1::2::3', 'address of IPv6'],
        ['NotIpAddress', '1:2:3:4:5:6:7', 'short address of IPv6'],
      ] as const
    ).map(([operator, value, what]): [string, PolicyKind, unknown, string, string] => [
      `with ${operator} of what is no ${what}`,
      'identity',
      of({
        ...allow,
        Condition: { [operator]: { 'a:x': ['true', value].slice(operator === 'Null' ? 0 : 1) } },
      }),
      legacy,
      `Statement[0].Condition.${operator}.a:x`,
    ]),
  ];
  for (const [what, kind, document, words, path] of cases) {
    it(`${what} is refused`, () => refuses(kind, document, words, path));
  }

  const principal = (AWS: unknown) => of({ ...forAll, Principal: { AWS } });
  for (const name of [
    'arn:aws:iam::111111111111:user/*',
    'arn:aws:iam::*:root',
    'arn:aws:iam::111111111111:group/x',
    'arn:aws:iam::1111:user/x',
    'arn:aws:sts::111111111111:assumed-role/app/*',
    'arn:aws:s3:::bucket',
    '11111111111',
    'alice',
    '',
  ]) {
    it(`may not name \`${name}\` as a principal`, () => {
      refuses(
        'key',
        principal(['*', name]),
        'Policy contains a statement with one or more invalid principals.',
        'Statement[0].Principal.AWS',
      );
    });
  }

  it('of a role may not name one either, in IAM’s words', () => {
    const trust = of({ Effect: 'Allow', Principal: { AWS: 'alice' }, Action: 'sts:AssumeRole' });
    refuses('trust', trust, 'Invalid principal in policy: "AWS":"alice"', 'Statement[0].Principal.AWS');
  });

  it('may name accounts, users, roles, sessions, unique ids, services and others', () => {
    const AWS = [
      '*',
      '111111111111',
      'arn:aws:iam::111111111111:root',
      'arn:aws:iam::111111111111:user/team/alice',
      'arn:aws:iam::111111111111:role/app',
      'arn:aws:sts::111111111111:assumed-role/app/one',
      'AIDAEXAMPLE',
      'AROAEXAMPLE:one',
    ];
    const document = of({
      ...forAll,
      Principal: {
        AWS,
        Service: 'kms.amazonaws.com',
        Federated: ['accounts.google.com'],
        CanonicalUser: 'ab12',
      },
    });
    const policy = parsePolicy(JSON.stringify(document), 'key');
    expect(namedPrincipals(policy)).to.deep.equal(AWS.slice(1));
  });

  it('of a key may leave the resource out, have spaces in its Sids and repeat them', () => {
    const statement = { Sid: 'Use of the key', Effect: 'Allow', Principal: '*', Action: 'kms:*' };
    expect(
      parsePolicy(JSON.stringify({ Statement: [statement, statement] }), 'key').statements,
    ).to.have.length(2);
  });
});

describe('the principals of a policy', () => {
  const user = 'arn:aws:iam::111111111111:user/a';
  const text = JSON.stringify(
    of([
      { ...forAll, Principal: { AWS: [user, '*'], Service: user } },
      { Effect: 'Deny', NotPrincipal: { AWS: user }, Action: '*' },
      forAll,
    ]),
  );

  it('are named each once', () => {
    expect(namedPrincipals(parsePolicy(text, 'key'))).to.deep.equal([user]);
  });

  it('are replaced everywhere, and nothing else is', () => {
    const stored = replacePrincipals(parsePolicy(text, 'key'), (name) =>
      name === user ? 'AIDAEXAMPLE' : name,
    );
    expect(namedPrincipals(stored)).to.deep.equal(['AIDAEXAMPLE']);
    expect(JSON.parse(renderPolicy(stored)).Statement[0].Principal).to.deep.equal({
      AWS: ['AIDAEXAMPLE', '*'],
      Service: user,
    });
    expect(replacePrincipals(stored, () => user)).to.deep.equal(parsePolicy(text, 'key'));
  });
});
