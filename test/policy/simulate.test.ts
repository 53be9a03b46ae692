import { expect } from 'chai';
import { decide } from '../../src/policy/decide.ts';
import { denial, explain } from '../../src/policy/explain.ts';
import { type PolicyKind, parsePolicy } from '../../src/policy/parse.ts';
import { contextKeys, simulate } from '../../src/policy/simulate.ts';
import { accessRequest, type Case, carol, here, type JsonStatement, plainCase, there } from './arbitrary.ts';
import { policies } from './engine.ts';

const policy = (...Statement: JsonStatement[]) => ({ Version: '2012-10-17', Statement });
const allow = { Effect: 'Allow', Action: 'kms:*', Resource: '*' };
const deny = { ...allow, Effect: 'Deny' };
const delegating = {
  Sid: 'Delegate',
  Effect: 'Allow',
  Principal: { AWS: here },
  Action: 'kms:*',
  Resource: '*',
};

function given(more: Partial<Case>): Case {
  return {
    ...plainCase,
    identity: [policy(allow)],
    resourcePolicy: { kind: 'key', policy: policy(delegating) },
    ...more,
  };
}

const simulated = (more: Partial<Case>) => simulate(accessRequest(given(more)), policies(given(more)));
const decided = (more: Partial<Case>) => decide(accessRequest(given(more)), policies(given(more)));
const matched = (more: Partial<Case>) =>
  simulated(more).matched.map(({ policy: { type }, index }) => `${type} ${index}`);

describe('a simulation', () => {
  it('names every statement that allows', () => {
    const identity = [policy(allow, { ...allow, Action: 'kms:Decrypt' }, { ...allow, Action: 'kms:Enc*' })];
    expect(simulated({ identity }).decision).to.equal('allowed');
    expect(matched({ identity })).to.deep.equal(['user policy 0', 'user policy 2', 'key policy 0']);
  });

  it('names only the statements that deny, where one does', () => {
    const identity = [policy(allow, deny)];
    const boundary = policy(deny);
    expect(simulated({ identity, boundary }).decision).to.equal('explicitDeny');
    expect(matched({ identity, boundary })).to.deep.equal(['user policy 1', 'permissions boundary 0']);
  });

  it('names none where nothing allows', () => {
    expect(simulated({ identity: [] })).to.include({ decision: 'implicitDeny' });
    expect(matched({ identity: [] })).to.deep.equal([]);
  });

  it('tells where the statements stand', () => {
    const [first] = simulated({}).matched;
    expect(first).to.include({ type: 'statement', index: 0 });
    expect(first?.start).to.deep.equal({ line: 1, column: 39 });
  });

  it('sees a deny of the key policy also where the caller’s own side allows nothing', () => {
    const resourcePolicy = {
      kind: 'key',
      policy: policy({ ...delegating, Effect: 'Deny', Principal: '*' }),
    } as const;
    expect(simulated({ principal: carol, identity: [], resourcePolicy }).decision).to.equal('explicitDeny');
  });

  it('lists the keys that policies ask for and the request lacks', () => {
    const identity = [
      policy({
        ...allow,
        Resource: `arn:aws:kms:us-east-1:${here}:key/\${aws:PrincipalTag/Team}`,
        Condition: {
          StringEquals: { 'kms:ViaService': `\${aws:username}`, 'KMS:viaservice': 'x' },
          NumericLessThan: { 'kms:RotationPeriodInDays': '9' },
        },
      }),
    ];
    const context = { 'kms:RotationPeriodInDays': '7' };
    expect(simulated({ identity, context }).missing).to.deep.equal([
      'aws:PrincipalTag/Team',
      'kms:ViaService',
      'aws:username',
    ]);
  });

  it('lists a key once, as the first policy writes it', () => {
    const asking = (name: string) => policy({ ...allow, Condition: { Bool: { [name]: 'true' } } });
    const identity = [asking('aws:MultiFactorAuthPresent'), asking('AWS:multifactorauthpresent')];
    expect(simulated({ identity }).missing).to.deep.equal(['aws:MultiFactorAuthPresent']);
  });

  it('tells whether the boundary allows', () => {
    expect(simulated({}).allowedByBoundary).to.equal(undefined);
    expect(simulated({ boundary: policy(allow) }).allowedByBoundary).to.equal(true);
    expect(simulated({ boundary: policy({ ...allow, Action: 'kms:Decrypt' }) }).allowedByBoundary).to.equal(
      false,
    );
    expect(simulated({ boundary: policy(allow, deny) }).allowedByBoundary).to.equal(false);
  });
});

describe('the context keys of a policy', () => {
  const keys = (statement: JsonStatement, kind: PolicyKind = 'identity', Version = '2012-10-17') =>
    contextKeys(parsePolicy(JSON.stringify({ Version, Statement: statement }), kind));

  it('are those of conditions and of variables, each once', () => {
    const Condition = {
      StringLike: { 'aws:UserId': [`\${aws:username}`, `\${AWS:userid}`, `\${aws:SourceIp, 'x'}`, `\${*}`] },
    };
    expect(keys({ ...allow, Condition })).to.deep.equal(['aws:UserId', 'aws:username', 'aws:SourceIp']);
  });

  it('are none of what is plain text before the version 2012-10-17', () => {
    const Condition = { StringLike: { 'aws:UserId': `\${aws:username}` } };
    expect(keys({ ...delegating, Condition }, 'key', '2008-10-17')).to.deep.equal(['aws:UserId']);
  });
});

describe('an explanation', () => {
  it('names the statements that allowed, in one line', () => {
    expect(explain(decided({}))).to.equal(
      'allowed by statement 0 `Delegate` (line 1, column 39) of key policy `p` and statement 0 (line 1, column 39) of user policy `p`',
    );
  });

  it('names the statement that denied', () => {
    expect(explain(decided({ identity: [policy(allow, deny)] }))).to.match(
      /^denied by statement 1 .* user policy `p`$/,
    );
  });

  it('names the kind of policy that should have allowed', () => {
    expect(explain(decided({ identity: [] }))).to.equal('denied: no identity-based policy allows it');
  });

  it('names a grant', () => {
    const access = given({ identity: [] });
    const decision = decide(accessRequest(access), {
      ...policies(access),
      grant: () => ({ grantId: 'g-1', match: 'direct' }),
    });
    expect(explain(decision)).to.equal('allowed by grant `g-1`');
  });
});

describe('the words to who is denied', () => {
  function words(more: Partial<Case>): string {
    const decision = decided(more);
    if (decision.allowed) throw new Error('it was allowed');
    return denial(decision, accessRequest(given(more)));
  }
  const resourcePolicy = {
    kind: 'key',
    policy: policy({ ...delegating, Effect: 'Deny', Principal: '*' }),
  } as const;

  it('are AWS’s where nothing allows', () => {
    expect(words({ identity: [] })).to.equal(
      'because no identity-based policy allows the kms:Encrypt action',
    );
    expect(words({ boundary: policy({ ...allow, Action: 'kms:Decrypt' }) })).to.equal(
      'because no permissions boundary allows the kms:Encrypt action',
    );
  });

  it('are AWS’s where a statement denies', () => {
    expect(words({ identity: [policy(deny)] })).to.equal('with an explicit deny in an identity-based policy');
    expect(words({ resourcePolicy })).to.equal('with an explicit deny in a resource-based policy');
    expect(words({ boundary: policy(deny) })).to.equal('with an explicit deny in a permissions boundary');
  });

  it('tell another account’s principal nothing of the key', () => {
    for (const identity of [[], [policy(allow)], [policy(deny)]]) {
      const foreign = { principal: carol, identity };
      const nobody = {
        kind: 'key',
        policy: policy({ ...delegating, Principal: { AWS: there }, Action: 'kms:X' }),
      } as const;
      const missing = words({ ...foreign, resourcePolicy: undefined });
      expect(words({ ...foreign, resourcePolicy })).to.equal(missing);
      expect(words({ ...foreign, resourcePolicy: nobody })).to.equal(missing);
    }
  });
});
