import { expect } from 'chai';
import { compilePolicy } from '../../src/policy/compile.ts';
import { type Decision, decide, type GrantAllow, type Policies } from '../../src/policy/decide.ts';
import { parsePolicy } from '../../src/policy/parse.ts';
import {
  accessRequest,
  alice,
  app,
  bob,
  type Case,
  type Context,
  carol,
  here,
  type JsonPolicy,
  type JsonStatement,
  key,
  ops,
  plainCase,
  rootHere,
  there,
} from './arbitrary.ts';
import { policies } from './engine.ts';

type Outcome = 'allowed' | `denied by ${string}` | `no ${string}`;

/** What decides one case: everything else is plain. */
interface Given {
  readonly principal?: Case['principal'];
  readonly action?: string;
  readonly resource?: string;
  readonly resourceAccount?: string;
  readonly context?: Context;
  /** Statements of one policy. */
  readonly identity?: readonly JsonStatement[];
  readonly boundary?: readonly JsonStatement[];
  readonly session?: readonly JsonStatement[];
  /** Statements of the key policy; `none`: the resource has none. Left out, it gives the account everything. */
  readonly key?: readonly JsonStatement[] | 'none';
  readonly trust?: readonly JsonStatement[];
  readonly version?: '2008-10-17';
  readonly grant?: GrantAllow['match'];
}

const account = `arn:aws:iam::${here}:root`;
const roleArn = `arn:aws:iam::${here}:role/app`;
const delegating: JsonStatement = {
  Effect: 'Allow',
  Principal: { AWS: account },
  Action: 'kms:*',
  Resource: '*',
};
const allow = (more: JsonStatement = {}): JsonStatement => ({
  Effect: 'Allow',
  Action: 'kms:*',
  Resource: '*',
  ...more,
});
const deny = (more: JsonStatement = {}): JsonStatement => allow({ Effect: 'Deny', ...more });
const forWhom = (AWS: unknown, more: JsonStatement = {}): JsonStatement => ({
  Effect: 'Allow',
  Principal: { AWS },
  Action: 'kms:*',
  Resource: '*',
  ...more,
});
/** A statement of a key policy is for its key, where a case doesn't say that it names none. */
const ofItsKey = (statement: JsonStatement): JsonStatement => ({ Resource: '*', ...statement });
const when = (operator: string, name: string, value: unknown): JsonStatement => ({
  Condition: { [operator]: { [name]: value } },
});

function decision(given: Given): Decision {
  const document = (statements: readonly JsonStatement[]): JsonPolicy => ({
    Version: given.version ?? '2012-10-17',
    Statement: statements,
  });
  const { principal, action, resource, resourceAccount, context } = { ...plainCase, ...given };
  const access: Case = {
    principal,
    action,
    resource,
    resourceAccount,
    context,
    identity: given.identity ? [{ Version: '2012-10-17', Statement: given.identity }] : [],
    boundary: given.boundary && { Version: '2012-10-17', Statement: given.boundary },
    session: given.session && document(given.session),
    resourcePolicy:
      given.trust !== undefined
        ? { kind: 'trust', policy: document(given.trust.map(({ Resource: _, ...rest }) => rest)) }
        : given.key === 'none'
          ? undefined
          : { kind: 'key', policy: document((given.key ?? [delegating]).map(ofItsKey)) },
  };
  const compiled: Policies = {
    ...policies(access),
    grant: () => given.grant && { grantId: 'g', match: given.grant },
  };
  return decide(accessRequest(access), compiled);
}

function outcome(given: Given): Outcome {
  const made = decision(given);
  if (made.allowed) return 'allowed';
  return made.explicit ? `denied by ${made.because}` : `no ${made.because}`;
}

/** One condition in the only statement that could allow: whether it holds. */
function holds(
  operator: string,
  value: unknown,
  actual: Context[string] | undefined,
  more: Context = {},
): boolean {
  const name = 'kms:ViaService';
  const context = actual === undefined ? more : { ...more, [name]: actual };
  return outcome({ identity: [allow(when(operator, name, value))], context }) === 'allowed';
}

function table(title: string, cases: Record<string, [Given, Outcome]>): void {
  describe(title, () => {
    for (const [rule, [given, expected]] of Object.entries(cases)) {
      it(rule, () => expect(outcome(given)).to.equal(expected));
    }
  });
}

function conditions(title: string, cases: Record<string, () => boolean>): void {
  describe(title, () => {
    for (const [rule, value] of Object.entries(cases)) {
      it(rule, () => expect(value()).to.equal(true));
    }
  });
}

table('within an account', {
  'nothing is allowed where there is no policy at all': [{ key: 'none' }, 'no identity-based policy'],
  'nothing is allowed by identity policies that say nothing of it': [
    { identity: [allow({ Action: 'kms:Decrypt' })] },
    'no identity-based policy',
  ],
  'identity policies decide where the key policy delegates to the account': [
    { identity: [allow()] },
    'allowed',
  ],
  'the account id delegates as its root ARN does': [{ identity: [allow()], key: [forWhom(here)] }, 'allowed'],
  'identity policies count for nothing where the key policy does not delegate': [
    { identity: [allow()], key: [forWhom(bob.arn)] },
    'no resource-based policy',
  ],
  'delegation reaches as far as its statement: its actions': [
    { identity: [allow()], key: [forWhom(account, { Action: 'kms:Decrypt' })] },
    'no resource-based policy',
  ],
  'delegation holds only while its condition does': [
    {
      identity: [allow()],
      key: [forWhom(account, when('StringEquals', 'kms:ViaService', 'x'))],
      context: { 'kms:ViaService': 'y' },
    },
    'no resource-based policy',
  ],
  'delegation to another account is not delegation to this': [
    { identity: [allow()], key: [forWhom(there)] },
    'no resource-based policy',
  ],
  'the key policy that names the user needs no identity policy': [{ key: [forWhom(alice.arn)] }, 'allowed'],
  'a user made again with the same name is somebody else': [
    {
      key: [forWhom(alice.arn)],
      principal: { ...alice, arn: `${alice.arn}-of-old`, principalId: 'AIDAAGAIN' },
    },
    'no resource-based policy',
  ],
  'the key policy that names the role covers its sessions': [
    { principal: app, key: [forWhom(roleArn)] },
    'allowed',
  ],
  'the key policy that names a session covers that session': [
    { principal: app, key: [forWhom(app.arn)] },
    'allowed',
  ],
  'a role, a user are found by their ARN too, where a policy has it': [
    {
      principal: { ...app, role: { arn: `${roleArn}-2`, roleId: 'AROAOTHER' } },
      key: [forWhom(`${roleArn}-2`)],
    },
    'allowed',
  ],
  'and no other session of the role': [
    {
      principal: { ...app, arn: `${app.arn}-2`, principalId: `${app.principalId}-2` },
      key: [forWhom(app.arn)],
    },
    'no resource-based policy',
  ],
  'everybody is everybody: *': [{ key: [forWhom('*')] }, 'allowed'],
  'everybody is everybody: Principal *': [
    { key: [{ Effect: 'Allow', Principal: '*', Action: 'kms:*' }] },
    'allowed',
  ],
  'services, federated and canonical users are nobody here': [
    {
      key: [
        {
          Effect: 'Allow',
          Principal: { Service: 'kms.amazonaws.com', Federated: 'accounts.google.com', CanonicalUser: 'ab' },
          Action: 'kms:*',
        },
      ],
    },
    'no resource-based policy',
  ],
  'a resource without a policy is left to identity policies': [
    { key: 'none', identity: [allow()], action: 'kms:ListKeys', resource: '*' },
    'allowed',
  ],
  'the root user needs no identity policy': [{ principal: rootHere }, 'allowed'],
  'the root user needs the key policy': [
    { principal: rootHere, key: [forWhom(alice.arn)] },
    'no resource-based policy',
  ],
  'the root user may use what has no policy': [{ principal: rootHere, key: 'none' }, 'allowed'],
  'a key policy that says Deny binds the root user': [
    { principal: rootHere, key: [delegating, forWhom(account, { Effect: 'Deny' })] },
    'denied by resource-based policy',
  ],
});

table('an explicit deny wins', {
  'in an identity policy over the key policy': [
    { key: [forWhom(alice.arn)], identity: [deny()] },
    'denied by identity-based policy',
  ],
  'in the key policy over identity policies': [
    { key: [delegating, forWhom(alice.arn, { Effect: 'Deny' })], identity: [allow()] },
    'denied by resource-based policy',
  ],
  'in the key policy over itself, before or after': [
    { key: [forWhom('*', { Effect: 'Deny' }), forWhom('*')] },
    'denied by resource-based policy',
  ],
  'for a whole account, the account named': [
    { key: [delegating, forWhom(here, { Effect: 'Deny' })], identity: [allow()] },
    'denied by resource-based policy',
  ],
  'for all sessions, the role named': [
    { principal: app, key: [forWhom('*'), forWhom(roleArn, { Effect: 'Deny' })] },
    'denied by resource-based policy',
  ],
  'in a boundary over the user that the key policy names': [
    { key: [forWhom(alice.arn)], boundary: [deny()] },
    'denied by permissions boundary',
  ],
  'in a session policy over the session that the key policy names': [
    { principal: app, key: [forWhom(app.arn)], session: [deny()] },
    'denied by session policy',
  ],
  'over a grant': [{ identity: [deny()], grant: 'direct' }, 'denied by identity-based policy'],
  'only where it applies': [{ identity: [allow(), deny({ Action: 'kms:Decrypt' })] }, 'allowed'],
});

table('a permissions boundary', {
  'limits what identity policies allow': [
    { identity: [allow()], boundary: [allow({ Action: 'kms:Decrypt' })] },
    'no permissions boundary',
  ],
  'allows nothing by itself': [{ boundary: [allow()] }, 'no identity-based policy'],
  'lets pass what both allow': [
    { identity: [allow()], boundary: [allow({ Action: 'kms:Enc*' })] },
    'allowed',
  ],
  'does not limit a user that the key policy names': [
    { key: [forWhom(alice.arn)], boundary: [allow({ Action: 'kms:Decrypt' })] },
    'allowed',
  ],
  'does not limit what the key policy gives to everybody': [
    { key: [forWhom('*')], boundary: [allow({ Action: 'kms:Decrypt' })] },
    'allowed',
  ],
  'limits a role that the key policy names': [
    { principal: app, key: [forWhom(roleArn)], boundary: [allow({ Action: 'kms:Decrypt' })] },
    'no permissions boundary',
  ],
  'does not limit a session that the key policy names': [
    { principal: app, key: [forWhom(app.arn)], boundary: [allow({ Action: 'kms:Decrypt' })] },
    'allowed',
  ],
});

table('a session policy', {
  'limits what the role may': [
    { principal: app, identity: [allow()], session: [allow({ Action: 'kms:Decrypt' })] },
    'no session policy',
  ],
  'gives nothing that the role may not': [{ principal: app, session: [allow()] }, 'no identity-based policy'],
  'lets pass what both allow': [{ principal: app, identity: [allow()], session: [allow()] }, 'allowed'],
  'limits a role that the key policy names': [
    { principal: app, key: [forWhom(roleArn)], session: [allow({ Action: 'kms:Decrypt' })] },
    'no session policy',
  ],
  'does not limit a session that the key policy names': [
    { principal: app, key: [forWhom(app.arn)], session: [allow({ Action: 'kms:Decrypt' })] },
    'allowed',
  ],
});

table('a grant', {
  'allows where no policy does': [{ key: [forWhom(bob.arn)], grant: 'direct' }, 'allowed'],
  'allows where identity policies do not': [{ grant: 'direct' }, 'allowed'],
  'to an account leaves the decision to its identity policies': [
    { key: [forWhom(bob.arn)], grant: 'account' },
    'no identity-based policy',
  ],
  'to an account allows whom its identity policies allow': [
    { key: [forWhom(bob.arn)], identity: [allow()], grant: 'account' },
    'allowed',
  ],
  'to a session is not limited by its session policy': [
    { principal: app, session: [allow({ Action: 'kms:Decrypt' })], grant: 'direct' },
    'allowed',
  ],
  'to a role is limited by a session policy': [
    { principal: app, session: [allow({ Action: 'kms:Decrypt' })], grant: 'role' },
    'no session policy',
  ],
  'to a role is limited by its boundary': [
    { principal: app, boundary: [allow({ Action: 'kms:Decrypt' })], grant: 'role' },
    'no permissions boundary',
  ],
  'of another account needs identity policies too': [
    { principal: carol, grant: 'direct' },
    'no identity-based policy',
  ],
  'of another account with identity policies allows': [
    { principal: carol, identity: [allow()], grant: 'direct' },
    'allowed',
  ],
});

table('across accounts', {
  'the key policy alone is not enough': [
    { principal: carol, key: [forWhom(carol.arn)] },
    'no identity-based policy',
  ],
  'identity policies alone are not enough': [
    { principal: carol, identity: [allow()] },
    'no resource-based policy',
  ],
  'both together are, the user named': [
    { principal: carol, key: [forWhom(carol.arn)], identity: [allow()] },
    'allowed',
  ],
  'both together are, the account named': [
    { principal: carol, key: [forWhom(there)], identity: [allow()] },
    'allowed',
  ],
  'both together are, the role named': [
    { principal: ops, key: [forWhom(`arn:aws:iam::${there}:role/ops`)], identity: [allow()] },
    'allowed',
  ],
  'both together are, everybody named': [
    { principal: carol, key: [forWhom('*')], identity: [allow()] },
    'allowed',
  ],
  'a boundary limits also who is named': [
    {
      principal: carol,
      key: [forWhom(carol.arn)],
      identity: [allow()],
      boundary: [allow({ Action: 'kms:Decrypt' })],
    },
    'no permissions boundary',
  ],
  'a resource that has no policy is out of reach': [
    { principal: carol, key: 'none', identity: [allow()] },
    'no resource-based policy',
  ],
  'who may not on its own side reads the same, whatever the key policy says': [
    { principal: carol, key: [forWhom('*', { Effect: 'Deny' })] },
    'no identity-based policy',
  ],
  'the key policy denies': [
    { principal: carol, key: [forWhom('*'), forWhom(there, { Effect: 'Deny' })], identity: [allow()] },
    'denied by resource-based policy',
  ],
  'a root user of another account needs only the key policy': [
    {
      principal: { ...rootHere, account: there, arn: `arn:aws:iam::${there}:root`, principalId: there },
      key: [forWhom(there)],
    },
    'allowed',
  ],
});

const assume = { action: 'sts:AssumeRole', resource: roleArn };
const trust = (principal: unknown, more: JsonStatement = {}) =>
  forWhom(principal, { Action: 'sts:AssumeRole', ...more });
table('a trust policy', {
  'that names the user is enough': [{ ...assume, trust: [trust(alice.arn)] }, 'allowed'],
  'that names the account leaves it to identity policies': [
    { ...assume, trust: [trust(here)] },
    'no identity-based policy',
  ],
  'that names the account, with an identity policy, is enough': [
    { ...assume, trust: [trust(here)], identity: [allow({ Action: 'sts:AssumeRole', Resource: roleArn })] },
    'allowed',
  ],
  'that names nobody who asks refuses, whatever identity policies say': [
    { ...assume, trust: [trust(bob.arn)], identity: [allow({ Action: '*' })] },
    'no resource-based policy',
  ],
  'of another account needs both': [
    { ...assume, principal: carol, trust: [trust(there)], identity: [allow({ Action: 'sts:*' })] },
    'allowed',
  ],
  'can ask for an external id': [
    {
      ...assume,
      trust: [trust(alice.arn, when('StringEquals', 'sts:ExternalId', '42'))],
      context: { 'sts:ExternalId': '43' },
    },
    'no resource-based policy',
  ],
});

const spare = (...AWS: string[]): JsonStatement => ({
  Effect: 'Deny',
  NotPrincipal: { AWS },
  Action: 'kms:*',
});
table('NotPrincipal', {
  'spares everybody where everybody is named': [{ key: [forWhom('*'), spare('*')] }, 'allowed'],
  'denies everybody who is not named': [
    { key: [forWhom('*'), spare(bob.arn, account)] },
    'denied by resource-based policy',
  ],
  'spares who is named with its account': [{ key: [forWhom('*'), spare(alice.arn, account)] }, 'allowed'],
  'denies who is named without its account': [
    { key: [forWhom('*'), spare(alice.arn)] },
    'denied by resource-based policy',
  ],
  'denies whose account alone is named': [
    { key: [forWhom('*'), spare(account)] },
    'denied by resource-based policy',
  ],
  'spares a session that is named with its role and account': [
    { principal: app, key: [forWhom('*'), spare(app.arn, roleArn, here)] },
    'allowed',
  ],
  'denies a session that is not named, whose role and account are': [
    { principal: app, key: [forWhom('*'), spare(roleArn, here)] },
    'denied by resource-based policy',
  ],
  'denies a session that is named with its account, whose role is not': [
    { principal: app, key: [forWhom('*'), spare(app.arn, here)] },
    'denied by resource-based policy',
  ],
  'spares the root user, its account named': [
    { principal: rootHere, key: [forWhom('*'), spare(account)] },
    'allowed',
  ],
  'spares nobody who has a permissions boundary': [
    { key: [forWhom('*'), spare(alice.arn, account)], boundary: [allow()] },
    'denied by resource-based policy',
  ],
});

table('actions', {
  'know no case': [{ identity: [allow({ Action: 'KMS:eNCRYPT' })] }, 'allowed'],
  'end in *': [{ identity: [allow({ Action: 'kms:Enc*' })] }, 'allowed'],
  'have * inside': [{ identity: [allow({ Action: 'kms:*cry*' })] }, 'allowed'],
  'have ? for one character': [{ identity: [allow({ Action: 'kms:?ncrypt' })] }, 'allowed'],
  'have ? for no fewer and no more': [
    { identity: [allow({ Action: ['kms:?Encrypt', 'kms:Encry?'] })] },
    'no identity-based policy',
  ],
  'are whole names': [
    { identity: [allow({ Action: ['kms:Encryp', 'kms:Encrypts'] })] },
    'no identity-based policy',
  ],
  'of another service are others': [{ identity: [allow({ Action: 'iam:*' })] }, 'no identity-based policy'],
  'are any in a list': [{ identity: [allow({ Action: ['iam:*', 'kms:Encrypt'] })] }, 'allowed'],
  'in NotAction are left out': [
    { identity: [{ Effect: 'Allow', NotAction: ['kms:Enc*', 'iam:*'], Resource: '*' }] },
    'no identity-based policy',
  ],
  'outside NotAction are meant': [
    { identity: [{ Effect: 'Allow', NotAction: 'kms:Decrypt', Resource: '*' }] },
    'allowed',
  ],
});

const only = (Resource: unknown, more: Given = {}): Given => ({ ...more, identity: [allow({ Resource })] });
table('resources', {
  'are the one named': [only(key), 'allowed'],
  'are no other': [only(`${key}0`), 'no identity-based policy'],
  'have * for a whole part': [only(`arn:aws:kms:*:${here}:key/*`), 'allowed'],
  'have * that ends a part for what follows, colons too': [only('arn:aws:*'), 'allowed'],
  'have no * inside a part that reaches over a colon': [
    only(`arn:aws:kms:us*east-1:${here}:key/*`, {
      resource: `arn:aws:kms:us:x:east-1:${here}:key/1`,
    }),
    'no identity-based policy',
  ],
  'have * that ends a part in the middle, too': [
    only(`arn:aws:kms:*:${here}:key/*`, { resource: `arn:aws:kms:us:x:${here}:key/1` }),
    'allowed',
  ],
  'have no ? that is a colon': [
    only(`arn:aws:kms:us?x:${here}:key/*`, { resource: `arn:aws:kms:us:x:${here}:key/1` }),
    'no identity-based policy',
  ],
  'have * inside a part': [only(`arn:aws:kms:us-*-1:${here}:key/*`), 'allowed'],
  'have case': [only(key.toUpperCase().replace('ARN:AWS:KMS', 'arn:aws:kms')), 'no identity-based policy'],
  'in NotResource are left out': [
    { identity: [{ Effect: 'Allow', Action: '*', NotResource: [key] }] },
    'no identity-based policy',
  ],
  'outside NotResource are meant': [
    { identity: [{ Effect: 'Allow', Action: '*', NotResource: `arn:aws:kms:*:${there}:*` }] },
    'allowed',
  ],
  'of a key policy must be named for it to allow': [
    { key: [forWhom(alice.arn, { Resource: undefined })] },
    'no resource-based policy',
  ],
  'of a key policy need not be named for it to deny': [
    { key: [delegating, forWhom('*', { Effect: 'Deny', Resource: undefined })], identity: [allow()] },
    'denied by resource-based policy',
  ],
  'of a key policy are not its key where it names another': [
    { key: [forWhom(alice.arn, { Resource: `${key}0` })] },
    'no resource-based policy',
  ],
});

const tagged = (team: string): Context => ({ 'aws:PrincipalTag/team': team });
const aliasOf = (name: string) => `arn:aws:kms:us-east-1:${here}:alias/${name}`;
const forTeam = only(`arn:aws:kms:us-east-1:${here}:alias/\${aws:PrincipalTag/team}`, { key: 'none' });
table('policy variables', {
  'stand for the request’s value in a resource': [
    { ...forTeam, resource: aliasOf('blue'), context: tagged('blue') },
    'allowed',
  ],
  'stand for nothing else': [
    { ...forTeam, resource: aliasOf('red'), context: tagged('blue') },
    'no identity-based policy',
  ],
  'bring no wildcard into the policy': [
    { ...forTeam, resource: aliasOf('red'), context: tagged('*') },
    'no identity-based policy',
  ],
  'without a value match no resource': [{ ...forTeam, resource: aliasOf('') }, 'no identity-based policy'],
  'are the policy’s own text before the version 2012-10-17': [
    {
      version: '2008-10-17',
      key: [forWhom(alice.arn, when('StringEquals', 'kms:ViaService', `\${aws:username}`))],
      context: { 'kms:ViaService': `\${aws:username}`, 'aws:username': 'alice' },
    },
    'allowed',
  ],
});

conditions('policy variables in conditions', {
  'stand for the request’s value': () =>
    holds('StringEquals', `\${aws:username}`, 'alice', {
      'aws:username': 'alice',
    }),
  'know no case in their names': () =>
    holds('StringEquals', `\${AWS:UserName}`, 'alice', {
      'aws:username': 'alice',
    }),
  'stand between other text': () =>
    holds('StringLike', `a-\${aws:username}-*`, 'a-alice-z', {
      'aws:username': 'alice',
    }),
  'take their fallback without a value': () => holds('StringEquals', `\${aws:username, 'nobody'}`, 'nobody'),
  'take the value before the fallback': () =>
    !holds('StringEquals', `\${aws:username, 'nobody'}`, 'nobody', {
      'aws:username': 'alice',
    }),
  'with several values do not take the fallback': () =>
    !holds('StringEquals', `\${aws:TagKeys, 'x'}`, 'x', { 'aws:TagKeys': ['a'] }),
  'are for Bool too': () =>
    holds('Bool', `\${aws:username}`, 'TRUE', { 'aws:username': 'true' }) &&
    !holds('Bool', `\${aws:username}`, 'no', { 'aws:username': 'no' }),
  'have their value’s case ignored where case is': () =>
    holds('StringEqualsIgnoreCase', `\${aws:username}-X`, 'alice-x', { 'aws:username': 'Alice' }),
  'without a value equal nothing': () => !holds('StringEquals', `\${aws:username}`, ''),
  'without a value equal nothing, negated': () => holds('StringNotEquals', `\${aws:username}`, ''),
  'with several values have none': () =>
    !holds('StringEquals', `\${aws:TagKeys}`, 'a', { 'aws:TagKeys': ['a'] }),
  'spell the special characters': () =>
    holds('StringLike', `\${*}\${?}\${$}*`, '*?$x') && !holds('StringLike', `\${*}`, 'x'),
  'are no wildcards by their values': () =>
    !holds('StringLike', `\${aws:username}`, 'alice', {
      'aws:username': '*',
    }),
  'do not close: then * is a wildcard as ever': () => holds('StringLike', `\${a*`, `\${abc`),
  'many and long take no time': () => {
    const before = process.cpuUsage();
    const matched = holds('StringLike', `\${aws:x}`.repeat(10_000), 'a'.repeat(100_000), {
      'aws:x': 'a'.repeat(100_000),
    });
    const unclosed = holds('StringEquals', `\${`.repeat(60_000), 'x');
    expect(process.cpuUsage(before).user / 1_000).to.be.below(600);
    return !matched && !unclosed;
  },
  'do not close: then they are text': () => holds('StringEquals', `\${aws:username`, `\${aws:username`),
  'are not for numbers': () => {
    expect(() => holds('NumericEquals', `\${aws:username}`, '1')).to.throw('is not a number');
    return true;
  },
});

conditions('one key, one value', {
  'StringEquals has case': () =>
    holds('StringEquals', 'blue', 'blue') && !holds('StringEquals', 'blue', 'Blue'),
  'StringEquals knows no wildcards': () =>
    !holds('StringEquals', 'b*', 'blue') && holds('StringEquals', 'b*', 'b*'),
  'StringNotEquals is its opposite': () =>
    !holds('StringNotEquals', 'blue', 'blue') && holds('StringNotEquals', 'blue', 'red'),
  'StringEqualsIgnoreCase has none': () => holds('StringEqualsIgnoreCase', 'BLUE', 'blue'),
  'StringNotEqualsIgnoreCase is its opposite': () => !holds('StringNotEqualsIgnoreCase', 'BLUE', 'blue'),
  'StringLike has * and ?': () => holds('StringLike', 'b?u*', 'blue') && !holds('StringLike', 'b?u', 'blue'),
  'StringLike has case': () => !holds('StringLike', 'B*', 'blue'),
  'StringNotLike is its opposite': () =>
    !holds('StringNotLike', 'b*', 'blue') && holds('StringNotLike', 'b*', 'red'),
  'NumericEquals compares numbers': () =>
    holds('NumericEquals', '7', '7.0') && !holds('NumericEquals', '7', '8'),
  'NumericNotEquals is its opposite': () => !holds('NumericNotEquals', '7', '7.0'),
  NumericLessThan: () => holds('NumericLessThan', '7', '6') && !holds('NumericLessThan', '7', '7'),
  NumericLessThanEquals: () =>
    holds('NumericLessThanEquals', '7', '7') && !holds('NumericLessThanEquals', '7', '8'),
  NumericGreaterThan: () => holds('NumericGreaterThan', '7', '10') && !holds('NumericGreaterThan', '7', '7'),
  NumericGreaterThanEquals: () =>
    holds('NumericGreaterThanEquals', '7', '7') && !holds('NumericGreaterThanEquals', '7', '-8'),
  'numbers stand without quotation marks too': () => holds('NumericEquals', 7, '7'),
  'DateEquals compares moments': () =>
    holds('DateEquals', '2024-01-01T01:00:00+01:00', '2024-01-01T00:00:00Z') &&
    !holds('DateEquals', '2024-01-01', '2024-01-02'),
  'DateNotEquals is its opposite': () => !holds('DateNotEquals', '2024-01', '2024-01-01T00:00:00Z'),
  DateLessThan: () => holds('DateLessThan', '2024-01-01T00:00:00.5Z', '2024-01-01T00:00:00.4Z'),
  DateLessThanEquals: () => holds('DateLessThanEquals', '2024-01-01', '2024-01-01T00:00:00Z'),
  DateGreaterThan: () => holds('DateGreaterThan', '2024-01-01', '2024-01-01T00:00:01Z'),
  DateGreaterThanEquals: () => holds('DateGreaterThanEquals', '2024-01-01', '2024-01-01T00:00:00Z'),
  'dates are seconds since the epoch too': () => holds('DateEquals', '1704067200', '2024-01-01T00:00:00Z'),
  Bool: () => holds('Bool', 'true', 'true') && !holds('Bool', 'true', 'false') && holds('Bool', true, 'True'),
  'BinaryEquals compares bytes': () =>
    holds('BinaryEquals', 'YQ==', 'YQ==') && !holds('BinaryEquals', 'YQ==', 'Yg=='),
  'IpAddress is a block': () =>
    holds('IpAddress', '10.0.0.0/8', '10.1.2.3') && !holds('IpAddress', '10.0.0.0/8', '11.0.0.1'),
  'IpAddress is one address without a prefix': () =>
    holds('IpAddress', '10.0.0.1', '10.0.0.1') && !holds('IpAddress', '10.0.0.1', '10.0.0.2'),
  'IpAddress takes IPv6': () =>
    holds('IpAddress', '2001:db8::/33', '2001:DB8:0:0:0::1') &&
    !holds('IpAddress', '2001:db8::/33', '2001:db8:8000::1'),
  'IpAddress sees IPv4 in IPv6': () => holds('IpAddress', '10.0.0.0/8', '::ffff:10.1.2.3'),
  'IpAddress sees a block of IPv4 in IPv6': () => holds('IpAddress', '::ffff:10.0.0.0/104', '10.1.2.3'),
  'IpAddress never takes one family for the other': () => !holds('IpAddress', '::/0', '10.0.0.1'),
  'NotIpAddress is its opposite': () =>
    !holds('NotIpAddress', '10.0.0.0/8', '10.1.2.3') && holds('NotIpAddress', '10.0.0.0/8', '::1'),
  'ArnLike compares part by part': () =>
    holds('ArnLike', 'arn:aws:kms:*:1:key/*', 'arn:aws:kms:x:1:key/a:b') &&
    !holds(
      'ArnLike',
      'arn:aws:someservice:*:111122223333:finance/*',
      'arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt',
    ),
  'ArnLike matches nothing with what is no ARN': () =>
    !holds('ArnLike', '*', 'arn:aws:kms:x:1:key/y') && !holds('ArnLike', 'arn:*:*:*:*:*', 'x'),
  'StringLike does not': () =>
    holds(
      'StringLike',
      'arn:aws:someservice:*:111122223333:finance/*',
      'arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt',
    ),
  'ArnEquals is ArnLike': () => holds('ArnEquals', 'arn:aws:kms:*:1:key/*', 'arn:aws:kms:x:1:key/y'),
  'ArnNotEquals and ArnNotLike are their opposites': () =>
    !holds('ArnNotEquals', 'arn:aws:kms:*:1:key/*', 'arn:aws:kms:x:1:key/y') &&
    !holds('ArnNotLike', 'arn:aws:kms:*:1:key/*', 'arn:aws:kms:x:1:key/y'),
  'ArnLike keeps a variable’s value in its part': () =>
    !holds('ArnLike', `arn:aws:iam::${here}:user/\${aws:username}`, `arn:aws:iam::${here}:user/a:b`, {
      'aws:username': 'x:b',
    }),
  'a value that is none of its kind matches nothing': () =>
    !holds('NumericLessThan', '7', 'six') &&
    !holds('IpAddress', '0.0.0.0/0', 'localhost') &&
    !holds('Bool', 'false', 'no'),
});

conditions('a missing key', {
  'fails a positive operator': () => !holds('StringLike', '*', undefined),
  'fulfils a negated operator': () =>
    holds('StringNotEquals', 'x', undefined) && holds('NotIpAddress', '0.0.0.0/0', undefined),
  'fulfils …IfExists': () =>
    holds('StringEqualsIfExists', 'x', undefined) && holds('BoolIfExists', 'true', undefined),
  'is what Null true asks for': () => holds('Null', 'true', undefined) && !holds('Null', 'true', 'x'),
  'is what Null false forbids': () => !holds('Null', 'false', undefined) && holds('Null', 'false', ''),
  'fulfils ForAllValues': () => holds('ForAllValues:StringEquals', 'x', undefined),
  'fulfils ForAnyValue with …IfExists': () => holds('ForAnyValue:StringEqualsIfExists', 'x', undefined),
  'is an empty string, to set operators': () =>
    holds('ForAllValues:StringEquals', 'x', '') && !holds('ForAnyValue:StringLike', '*', ''),
  'fails ForAnyValue': () => !holds('ForAnyValue:StringLike', '*', undefined),
  'fails ForAnyValue with a negated operator': () => !holds('ForAnyValue:StringNotEquals', 'x', undefined),
  'is also one with no values': () =>
    holds('Null', 'true', []) && holds('ForAllValues:StringEquals', 'x', []),
  '…IfExists looks where there is a value': () => !holds('StringEqualsIfExists', 'x', 'y'),
});

conditions('several values', {
  'in the policy are alternatives': () => holds('StringEquals', ['x', 'y'], 'y'),
  'in the policy are none of them, negated': () =>
    !holds('StringNotEquals', ['x', 'y'], 'y') && holds('StringNotEquals', ['x', 'y'], 'z'),
  'in the request need a set operator': () =>
    !holds('StringEquals', 'x', ['x']) && !holds('StringNotEquals', 'y', ['x']),
  'ForAllValues: each must match one': () => holds('ForAllValues:StringLike', ['x*', 'y'], ['x1', 'x2', 'y']),
  'ForAllValues: one that matches none fails': () =>
    !holds('ForAllValues:StringLike', ['x*', 'y'], ['x1', 'z']),
  'ForAllValues, negated: none may match any': () =>
    holds('ForAllValues:StringNotEquals', ['x', 'y'], ['a', 'b']) &&
    !holds('ForAllValues:StringNotEquals', ['x', 'y'], ['a', 'x']),
  'ForAnyValue: one that matches is enough': () => holds('ForAnyValue:StringEquals', 'x', ['a', 'x']),
  'ForAnyValue: none that matches fails': () => !holds('ForAnyValue:StringEquals', 'x', ['a', 'b']),
  'ForAnyValue, negated: one that matches none is enough': () =>
    holds('ForAnyValue:StringNotEquals', 'x', ['a', 'x']) &&
    !holds('ForAnyValue:StringNotEquals', 'x', ['x']),
  'set operators take one value for a set of one': () => holds('ForAnyValue:StringEquals', 'x', 'x'),
});

table('a Condition', {
  'holds where all its operators and keys do': [
    {
      identity: [
        allow({
          Condition: {
            StringEquals: { 'kms:EncryptionContext:tenant': 'blue', 'kms:ViaService': 'x' },
            Bool: { 'aws:SecureTransport': 'true' },
          },
        }),
      ],
      context: {
        'kms:EncryptionContext:tenant': 'blue',
        'kms:ViaService': 'x',
        'aws:SecureTransport': 'true',
      },
    },
    'allowed',
  ],
  'fails where one key does not': [
    {
      identity: [
        allow({
          Condition: {
            StringEquals: { 'kms:EncryptionContext:tenant': 'blue', 'kms:ViaService': 'x' },
          },
        }),
      ],
      context: { 'kms:EncryptionContext:tenant': 'blue' },
    },
    'no identity-based policy',
  ],
  'knows no case in its keys': [
    {
      identity: [allow(when('StringEquals', 'KMS:encryptioncontext:TENANT', 'blue'))],
      context: { 'kms:EncryptionContext:tenant': 'blue' },
    },
    'allowed',
  ],
  'bounds a Deny too': [
    { identity: [allow(), deny(when('StringNotEquals', 'kms:EncryptionContext:tenant', 'blue'))] },
    'denied by identity-based policy',
  ],
});

describe('a document that no parser would give', () => {
  it('allows nobody through NotPrincipal', () => {
    const document = parsePolicy(JSON.stringify({ Statement: forWhom(bob.arn) }), 'key');
    const statements = document.statements.map((statement) => ({
      ...statement,
      principal: { negated: true, principals: { AWS: alice.arn } },
    }));
    const resource = compilePolicy({ ...document, statements }, { type: 'key policy', id: 'k' });
    for (const principal of [alice, bob]) {
      const { allowed } = decide(accessRequest({ ...plainCase, principal }), { identity: [], resource });
      expect(allowed).to.equal(false);
    }
  });
});

describe('a decision says what made it', () => {
  const by = (given: Given) =>
    decision(given).by.map((reason) =>
      reason.type === 'statement' ? `${reason.policy.type} ${reason.index}` : reason.type,
    );

  it('the key policy’s statement and the identity policy’s', () => {
    expect(by({ key: [forWhom(bob.arn), delegating], identity: [allow()] })).to.deep.equal([
      'key policy 1',
      'user policy 0',
    ]);
  });

  it('boundary and session policy where they let pass', () => {
    const given = { principal: app, identity: [allow()], boundary: [allow()], session: [allow()] };
    expect(by(given)).to.deep.equal([
      'key policy 0',
      'user policy 0',
      'permissions boundary 0',
      'session policy 0',
    ]);
  });

  it('the grant, the root user', () => {
    expect(by({ grant: 'direct' })).to.deep.equal(['grant']);
    expect(by({ principal: rootHere })).to.deep.equal(['key policy 0', 'root']);
  });

  it('the statement that denied', () => {
    expect(by({ identity: [allow(), deny()] })).to.deep.equal(['user policy 1']);
  });

  it('asks for a grant only where no policy decides alone', () => {
    const asked = (given: Given): boolean => {
      let called = false;
      const identity = given.identity ? [{ Version: '2012-10-17', Statement: given.identity }] : [];
      const access: Case = {
        ...plainCase,
        identity,
        resourcePolicy: { kind: 'key', policy: { Version: '2012-10-17', Statement: [delegating] } },
      };
      const grant = () => {
        called = true;
        return undefined;
      };
      decide(accessRequest(access), { ...policies(access), grant });
      return called;
    };
    expect(asked({ identity: [allow()] })).to.equal(false);
    expect(asked({ identity: [deny()] })).to.equal(false);
    expect(asked({})).to.equal(true);
  });
});
