import { expect } from 'chai';
import { writeMarker } from '../../../src/operations/marker.ts';
import { allow, assembly, iam, newUser, refused, trust, unique } from './fixture.ts';

describe('an account', function () {
  this.timeout(20_000);

  it('keeps tags on users, roles and policies, whatever the case of their keys', async () => {
    const { userName, arn } = await newUser();
    const role = unique('role');
    await iam('CreateRole', { RoleName: role, AssumeRolePolicyDocument: trust(arn) });
    const { Policy } = await iam<{ Policy: { Arn: string } }>('CreatePolicy', {
      PolicyName: unique('p'),
      PolicyDocument: allow('kms:*'),
    });
    for (const [type, target] of [
      ['User', { UserName: userName }],
      ['Role', { RoleName: role }],
      ['Policy', { PolicyArn: Policy.Arn }],
    ] as const) {
      await iam(`Tag${type}`, { ...target, Tags: [{ Key: 'Team', Value: 'red' }] });
      await iam(`Tag${type}`, {
        ...target,
        Tags: [
          { Key: 'team', Value: 'blue' },
          { Key: 'x', Value: '' },
        ],
      });
      expect(await iam(`List${type}Tags`, target), type).to.deep.equal({
        Tags: [
          { Key: 'team', Value: 'blue' },
          { Key: 'x', Value: '' },
        ],
        IsTruncated: false,
      });
      await iam(`Untag${type}`, { ...target, TagKeys: ['TEAM', 'nothing'] });
      expect(await iam(`List${type}Tags`, target), type).to.deep.include({
        Tags: [{ Key: 'x', Value: '' }],
      });
    }
  });

  it('is told about whole, page by page, everybody once', async () => {
    const user = await newUser(allow('kms:*'));
    const group = unique('group');
    await iam('CreateGroup', { GroupName: group });
    await iam('AddUserToGroup', { GroupName: group, UserName: user.userName });
    await iam('AttachGroupPolicy', {
      GroupName: group,
      PolicyArn: 'arn:aws:iam::aws:policy/SecurityAudit',
    });
    interface Details {
      readonly UserDetailList: readonly { UserName: string; GroupList: string[] }[];
      readonly GroupDetailList: readonly { GroupName: string }[];
      readonly RoleDetailList: readonly { RoleName: string }[];
      readonly Policies: readonly { PolicyName: string }[];
      readonly IsTruncated: boolean;
      readonly Marker?: string;
    }
    for (const size of ['1', '7', '1000']) {
      const found: string[] = [];
      const groups: string[] = [];
      for (let marker: string | undefined, more = true; more; ) {
        const page: Details = await iam('GetAccountAuthorizationDetails', {
          MaxItems: size,
          ...(marker && { Marker: marker }),
        });
        for (const one of page.UserDetailList) {
          found.push(`User ${one.UserName}`);
          if (one.UserName === user.userName) groups.push(...one.GroupList);
        }
        found.push(...page.GroupDetailList.map(({ GroupName }) => `Group ${GroupName}`));
        found.push(...page.RoleDetailList.map(({ RoleName }) => `Role ${RoleName}`));
        found.push(...page.Policies.map(({ PolicyName }) => `Policy ${PolicyName}`));
        marker = page.Marker;
        more = page.IsTruncated;
      }
      expect(new Set(found).size, size).to.equal(found.length);
      expect(found).to.include.members([`User ${user.userName}`, `Group ${group}`, 'Policy SecurityAudit']);
      expect(found).not.to.include('Policy PowerUserAccess');
      expect(groups).to.deep.equal([group]);
    }
  });

  it('has no passwords, second factors and the like, and says so', async () => {
    const { userName } = await newUser();
    for (const [operation, member] of [
      ['ListMFADevices', 'MFADevices'],
      ['ListSigningCertificates', 'Certificates'],
      ['ListSSHPublicKeys', 'SSHPublicKeys'],
      ['ListServiceSpecificCredentials', 'ServiceSpecificCredentials'],
    ] as const) {
      expect(await iam(operation, { UserName: userName })).to.deep.equal({
        [member]: [],
        IsTruncated: false,
      });
      await refused(iam(operation, { UserName: 'nobody' }), 'NoSuchEntityException');
    }
    await refused(
      iam('GetLoginProfile', { UserName: userName }),
      'NoSuchEntityException',
      `Login Profile for User ${userName} cannot be found.`,
    );
    expect(await iam('ListAccountAliases')).to.deep.equal({ AccountAliases: [], IsTruncated: false });
  });

  it('takes no marker of another making, however long it would keep everybody waiting', async () => {
    const { account } = (await assembly()).root;
    const sections = 'User Group Role LocalManagedPolicy AWSManagedPolicy';
    for (const place of ['-3000000000 x', '1.5', '9', 'x']) {
      const Marker = writeMarker('GetAccountAuthorizationDetails', `${account} ${sections}`, place);
      const began = performance.now();
      await refused(
        iam('GetAccountAuthorizationDetails', { Marker }),
        'ValidationException',
        'Invalid Marker.',
      );
      expect(performance.now() - began).to.be.below(1_000);
    }
  });
});
