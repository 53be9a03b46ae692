import { expect } from 'chai';
import { allow, assembly, iam, newUser, refused, unique } from './fixture.ts';

interface UserAnswer {
  readonly User: Record<string, unknown>;
}

describe('users', function () {
  this.timeout(20_000);

  it('are made with what is asked for and found with it', async () => {
    const { root } = await assembly();
    const name = unique('made');
    const made = await iam<UserAnswer>('CreateUser', {
      UserName: name,
      Path: '/team/',
      PermissionsBoundary: 'arn:aws:iam::aws:policy/ReadOnlyAccess',
      Tags: [{ Key: 'team', Value: 'red' }],
    });
    expect(made.User).to.deep.include({
      UserName: name,
      Path: '/team/',
      Arn: `arn:aws:iam::${root.account}:user/team/${name}`,
      PermissionsBoundary: {
        PermissionsBoundaryType: 'Policy',
        PermissionsBoundaryArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess',
      },
      Tags: [{ Key: 'team', Value: 'red' }],
    });
    expect(made.User.UserId).to.match(/^AIDA[A-Z2-7]{16}$/);
    expect((await iam<UserAnswer>('GetUser', { UserName: name })).User).to.deep.equal(made.User);
  });

  it('are refused in IAM’s words', async () => {
    const name = unique('refused');
    await refused(
      iam('GetUser', { UserName: name }),
      'NoSuchEntityException',
      `The user with name ${name} cannot be found.`,
    );
    await iam('CreateUser', { UserName: name });
    await refused(
      iam('CreateUser', { UserName: name.toUpperCase() }),
      'EntityAlreadyExistsException',
      `User with name ${name.toUpperCase()} already exists.`,
    );
    await refused(iam('CreateUser', { UserName: 'a b' }), 'ValidationException', /at 'userName'/);
    await refused(iam('CreateUser', { UserName: unique('u'), Path: 'x' }), 'ValidationException');
    await refused(
      iam('CreateUser', { UserName: unique('u'), PermissionsBoundary: 'arn:aws:iam::aws:policy/Nothing' }),
      'NoSuchEntityException',
      'Scope ARN: arn:aws:iam::aws:policy/Nothing does not exist or is not attachable.',
    );
    await refused(
      iam('CreateUser', {
        UserName: unique('u'),
        Tags: [
          { Key: 'a', Value: '' },
          { Key: 'A', Value: '' },
        ],
      }),
      'InvalidInputException',
      /Duplicate tag keys/,
    );
  });

  it('are listed by path in pages whose markers serve their own list alone', async () => {
    const path = `/${unique('path')}/`;
    const names = ['a', 'B', 'c'].map((name) => unique(name));
    for (const name of names) await iam('CreateUser', { UserName: name, Path: path });
    interface Listed {
      readonly Users: readonly { UserName: string }[];
      readonly IsTruncated: boolean;
      readonly Marker?: string;
    }
    const first = await iam<Listed>('ListUsers', { PathPrefix: path, MaxItems: '2' });
    expect(first.IsTruncated).to.equal(true);
    const second = await iam<Listed>('ListUsers', { PathPrefix: path, Marker: first.Marker });
    expect(second).to.deep.include({ IsTruncated: false });
    expect([...first.Users, ...second.Users].map(({ UserName }) => UserName)).to.deep.equal(names);
    await refused(iam('ListUsers', { Marker: first.Marker }), 'ValidationException', 'Invalid Marker.');
  });

  it('keep their permissions when they are renamed, under another ARN', async () => {
    const user = await newUser(allow('iam:GetUser'));
    const renamed = unique('renamed');
    await iam('UpdateUser', { UserName: user.userName, NewUserName: renamed, NewPath: '/x/' });
    const now = { ...user, userName: renamed, arn: `arn:aws:iam::${user.account}:user/x/${renamed}` };
    expect((await iam<UserAnswer>('GetUser', {}, now)).User).to.include({ Arn: now.arn });
    await refused(iam('GetUser', { UserName: user.userName }), 'NoSuchEntityException');
  });

  it('who are deleted can do nothing any more, also when another has their name', async () => {
    const user = await newUser(allow('iam:*'));
    await iam('ListUsers', {}, user);
    await refused(
      iam('DeleteUser', { UserName: user.userName }),
      'DeleteConflictException',
      'Cannot delete entity, must delete policies first.',
    );
    await iam('DeleteUserPolicy', { UserName: user.userName, PolicyName: 'own' });
    await iam('DeleteUser', { UserName: user.userName });
    await iam('CreateUser', { UserName: user.userName });
    await iam('AttachUserPolicy', {
      UserName: user.userName,
      PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess',
    });
    await refused(iam('ListUsers', {}, user), 'AccessDeniedException', /no identity-based policy allows/);
  });

  it('need permission on the user itself, by ARN, tag and path', async () => {
    const blue = await newUser(undefined, { Tags: [{ Key: 'team', Value: 'blue' }] });
    const red = await newUser(undefined, { Tags: [{ Key: 'team', Value: 'red' }] });
    const chief = await newUser(
      allow(['iam:GetUser', 'iam:TagUser'], {
        Condition: { StringEquals: { 'aws:ResourceTag/team': 'blue' } },
      }),
    );
    await iam('GetUser', { UserName: blue.userName }, chief);
    await refused(
      iam('GetUser', { UserName: red.userName }, chief),
      'AccessDeniedException',
      `User: ${chief.arn} is not authorized to perform: iam:GetUser on resource: ${red.arn} because no identity-based policy allows the iam:GetUser action`,
    );
    const nobody = `arn:aws:iam::${chief.account}:user/nobody-at-all`;
    await refused(
      iam('GetUser', { UserName: 'nobody-at-all' }, chief),
      'AccessDeniedException',
      new RegExp(nobody),
    );
  });

  it('need permission to tag where a request brings tags, which policies may ask for', async () => {
    const maker = await newUser(allow('iam:CreateUser'));
    const tags = { Tags: [{ Key: 'team', Value: 'red' }] };
    await iam('CreateUser', { UserName: unique('plain') }, maker);
    await refused(
      iam('CreateUser', { UserName: unique('tagged'), ...tags }, maker),
      'AccessDeniedException',
      /iam:TagUser/,
    );
    const strict = await newUser(
      allow(['iam:CreateUser', 'iam:TagUser'], {
        Condition: {
          StringEquals: { 'aws:RequestTag/team': 'red' },
          'ForAllValues:StringEquals': { 'aws:TagKeys': ['team'] },
        },
      }),
    );
    await iam('CreateUser', { UserName: unique('tagged'), ...tags }, strict);
    await refused(
      iam('CreateUser', { UserName: unique('tagged'), Tags: [{ Key: 'team', Value: 'x' }] }, strict),
      'AccessDeniedException',
    );
  });

  it('can be made only within a boundary, where that is asked for', async () => {
    const boundary = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
    const delegate = await newUser(
      allow(['iam:CreateUser', 'iam:PutUserPolicy', 'iam:DeleteUserPermissionsBoundary'], {
        Condition: { StringEquals: { 'iam:PermissionsBoundary': boundary } },
      }),
    );
    const name = unique('bounded');
    await refused(iam('CreateUser', { UserName: name }, delegate), 'AccessDeniedException');
    await iam('CreateUser', { UserName: name, PermissionsBoundary: boundary }, delegate);
    const put = (userName: string | undefined) =>
      iam('PutUserPolicy', { UserName: userName, PolicyName: 'p', PolicyDocument: allow('iam:*') }, delegate);
    await put(name);
    await refused(put((await newUser()).userName), 'AccessDeniedException');
  });

  it('may ask about themselves without a name, and about the root as root', async () => {
    const user = await newUser(allow(['iam:GetUser', 'iam:ListAccessKeys', 'iam:ListMFADevices']));
    expect((await iam<UserAnswer>('GetUser', {}, user)).User).to.include({ Arn: user.arn });
    expect(await iam('ListAccessKeys', {}, user)).to.include({ UserName: user.userName });
    expect(await iam('ListMFADevices', {}, user)).to.deep.equal({ MFADevices: [], IsTruncated: false });
    const { root } = await assembly();
    expect((await iam<UserAnswer>('GetUser')).User).to.include({ Arn: root.arn, UserId: root.account });
  });
});
