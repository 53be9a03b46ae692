import { expect } from 'chai';
import { allow, assembly, iam, newUser, refused, trust, unique } from './fixture.ts';

interface RoleAnswer {
  readonly Role: Record<string, unknown> & {
    readonly RoleId: string;
    readonly Arn: string;
    readonly AssumeRolePolicyDocument: string;
  };
}

describe('roles', function () {
  this.timeout(20_000);

  const trusted = async (roleName: string): Promise<string> => {
    const { Role } = await iam<RoleAnswer>('GetRole', { RoleName: roleName });
    return JSON.parse(decodeURIComponent(Role.AssumeRolePolicyDocument)).Statement[0].Principal.AWS;
  };

  it('are made, changed and deleted', async () => {
    const { root } = await assembly();
    const name = unique('role');
    const { Role } = await iam<RoleAnswer>('CreateRole', {
      RoleName: name,
      AssumeRolePolicyDocument: trust(root.arn),
      Description: 'before',
    });
    expect(Role).to.include({
      RoleName: name,
      Arn: `arn:aws:iam::${root.account}:role/${name}`,
      Description: 'before',
      MaxSessionDuration: 3600,
    });
    expect(Role.RoleId).to.match(/^AROA[A-Z2-7]{16}$/);
    expect(await iam('UpdateRole', { RoleName: name, MaxSessionDuration: '7200' })).to.deep.equal({});
    await iam('UpdateRoleDescription', { RoleName: name, Description: 'after' });
    expect((await iam<RoleAnswer>('GetRole', { RoleName: name })).Role).to.include({
      Description: 'after',
      MaxSessionDuration: 7200,
    });
    await refused(
      iam('UpdateRole', { RoleName: name, MaxSessionDuration: '43201' }),
      'ValidationException',
      /less than or equal to 43200/,
    );
    expect(await iam('ListInstanceProfilesForRole', { RoleName: name })).to.deep.equal({
      InstanceProfiles: [],
      IsTruncated: false,
    });
    await iam('DeleteRole', { RoleName: name });
    await refused(
      iam('GetRole', { RoleName: name }),
      'NoSuchEntityException',
      `The role with name ${name} cannot be found.`,
    );
  });

  it('trust a user, not whoever has its name after it', async () => {
    const user = await newUser();
    const name = unique('role');
    await iam('CreateRole', { RoleName: name, AssumeRolePolicyDocument: trust(user.arn) });
    expect(await trusted(name)).to.equal(user.arn);
    await iam('DeleteUser', { UserName: user.userName });
    expect(await trusted(name)).to.equal(user.principalId);
    await iam('CreateUser', { UserName: user.userName });
    expect(await trusted(name)).to.equal(user.principalId);
    await iam('UpdateAssumeRolePolicy', { RoleName: name, PolicyDocument: trust(user.arn) });
    expect(await trusted(name)).to.equal(user.arn);
  });

  it('have policies and boundaries, by which their sessions are judged', async () => {
    const { root } = await assembly();
    const name = unique('role');
    const { Role } = await iam<RoleAnswer>('CreateRole', {
      RoleName: name,
      AssumeRolePolicyDocument: trust(root.arn),
      PermissionsBoundary: 'arn:aws:iam::aws:policy/IAMReadOnlyAccess',
    });
    await iam('PutRolePolicy', { RoleName: name, PolicyName: 'p', PolicyDocument: allow('*') });
    const session = {
      type: 'AssumedRole',
      arn: `arn:aws:sts::${root.account}:assumed-role/${name}/me`,
      principalId: `${Role.RoleId}:me`,
      account: root.account,
      userName: undefined,
      role: { arn: Role.Arn, roleId: Role.RoleId, roleName: name },
    } as const;
    await iam('ListUsers', {}, session);
    await refused(
      iam('CreateUser', { UserName: unique('u') }, session),
      'AccessDeniedException',
      /no permissions boundary allows/,
    );
    await refused(
      iam('ListAccessKeys', {}, session),
      'ValidationException',
      'Must specify userName when calling with non-User credentials',
    );
    await refused(iam('DeleteRole', { RoleName: name }), 'DeleteConflictException');
  });
});
