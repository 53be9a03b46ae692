import type { Principal } from '../../src/identity/principal.ts';
import { allow, assembly, iam, refused, trust, unique } from './iam/fixture.ts';

describe('a session made with a managed session policy', function () {
  this.timeout(20_000);

  it('may do nothing once the policy is gone, which may have been one that denies', async () => {
    const at = await assembly();
    const name = unique('worker');
    const { Role } = await iam<{ Role: { Arn: string; RoleId: string } }>('CreateRole', {
      RoleName: name,
      AssumeRolePolicyDocument: trust(at.root.account),
    });
    await iam('PutRolePolicy', { RoleName: name, PolicyName: 'all', PolicyDocument: allow('kms:*') });
    const denies = { Effect: 'Deny', Action: 'kms:Encrypt', Resource: '*' };
    const { Policy } = await iam<{ Policy: { Arn: string } }>('CreatePolicy', {
      PolicyName: unique('no-encrypt'),
      PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [denies] }),
    });
    const { account } = at.root;
    const session: Principal = {
      type: 'AssumedRole',
      arn: `arn:aws:sts::${account}:assumed-role/${name}/s`,
      principalId: `${Role.RoleId}:s`,
      account,
      userName: undefined,
      role: { arn: Role.Arn, roleId: Role.RoleId, roleName: name },
      session: {
        issuedAt: 0,
        expiresAt: Number.POSITIVE_INFINITY,
        name: 's',
        policy: allow('kms:*'),
        policyArns: [Policy.Arn],
        tags: [],
        transitiveTagKeys: [],
        sourceIdentity: undefined,
      },
    };
    const KeyId = await at.createKey();
    const encrypt = () => at.callAs(session, 'kms', 'Encrypt', { KeyId, Plaintext: 'AAAA' });
    await at.callAs(session, 'kms', 'DescribeKey', { KeyId });
    await refused(encrypt(), 'AccessDeniedException', /with an explicit deny in a session policy$/);
    await iam('DeletePolicy', { PolicyArn: Policy.Arn });
    await refused(encrypt(), 'AccessDeniedException', /with an explicit deny in a session policy$/);
  });
});
