import { expect } from 'chai';
import { newPolicy as storedPolicy } from '../../contract/store/fixture.ts';
import { allow, assembly, iam, newUser, refused, unique } from './fixture.ts';

interface PolicyAnswer {
  readonly Policy: Record<string, unknown> & { readonly Arn: string };
}

const administrator = 'arn:aws:iam::aws:policy/AdministratorAccess';

async function newPolicy(document = allow('iam:GetUser')): Promise<string> {
  const { Policy } = await iam<PolicyAnswer>('CreatePolicy', {
    PolicyName: unique('policy'),
    PolicyDocument: document,
  });
  return Policy.Arn;
}

describe('policies', function () {
  this.timeout(20_000);

  it('are answered as they were given, percent-encoded', async () => {
    const document = `{"Version": "2012-10-17",\n "Statement": {"Effect":"Allow","Action":"iam:Get*","Resource":"*", "Sid": "a"}}`;
    const { userName } = await newUser(document);
    const got = await iam<{ PolicyDocument: string }>('GetUserPolicy', {
      UserName: userName,
      PolicyName: 'own',
    });
    expect(got.PolicyDocument).to.not.match(/[*"'() ]/);
    expect(decodeURIComponent(got.PolicyDocument)).to.equal(document);
    const arn = await newPolicy(document);
    const { PolicyVersion } = await iam<{ PolicyVersion: { Document: string } }>('GetPolicyVersion', {
      PolicyArn: arn,
      VersionId: 'v1',
    });
    expect(decodeURIComponent(PolicyVersion.Document)).to.equal(document);
  });

  it('that are malformed are refused wherever they are put', async () => {
    const { userName } = await newUser();
    const wrong = allow('iam:GetUser', { Condition: { NoSuchOperator: { a: 'b' } } });
    const trust = allow('sts:AssumeRole');
    for (const work of [
      iam('PutUserPolicy', { UserName: userName, PolicyName: 'p', PolicyDocument: wrong }),
      iam('CreatePolicy', { PolicyName: unique('p'), PolicyDocument: wrong }),
      iam('CreateRole', { RoleName: unique('r'), AssumeRolePolicyDocument: trust }),
    ]) {
      await refused(work, 'MalformedPolicyDocumentException');
    }
    await refused(
      iam('CreateRole', {
        RoleName: unique('r'),
        AssumeRolePolicyDocument: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Action: 'sts:AssumeRole',
              Principal: { AWS: 'arn:aws:iam::111122223333:user/nobody' },
            },
          ],
        }),
      }),
      'MalformedPolicyDocumentException',
      'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/nobody"',
    );
  });

  it('have sizes that are kept to', async () => {
    const large = allow(Array.from({ length: 600 }, (_, index) => `iam:Action${index}`));
    const { userName } = await newUser();
    await refused(
      iam('PutUserPolicy', { UserName: userName, PolicyName: 'p', PolicyDocument: large }),
      'LimitExceededException',
      `Maximum policy size of 2048 bytes exceeded for user ${userName}`,
    );
    await refused(
      iam('CreatePolicy', { PolicyName: unique('p'), PolicyDocument: large }),
      'LimitExceededException',
      'Cannot exceed quota for PolicySize: 6144',
    );
  });

  it('say what they allow from the next request on: inline, attached, through a group, another version', async () => {
    const user = await newUser();
    const group = unique('group');
    const may = async () => {
      await iam('GetUser', {}, user);
    };
    const mayNot = () => refused(iam('GetUser', {}, user), 'AccessDeniedException');
    await mayNot();
    const inline = { UserName: user.userName, PolicyName: 'p' };
    await iam('PutUserPolicy', { ...inline, PolicyDocument: allow('iam:GetUser') });
    await may();
    await iam('DeleteUserPolicy', inline);
    await mayNot();
    const arn = await newPolicy();
    await iam('AttachUserPolicy', { UserName: user.userName, PolicyArn: arn });
    await may();
    await iam('CreatePolicyVersion', {
      PolicyArn: arn,
      PolicyDocument: allow('iam:ListUsers'),
      SetAsDefault: 'true',
    });
    await mayNot();
    await iam('SetDefaultPolicyVersion', { PolicyArn: arn, VersionId: 'v1' });
    await may();
    await iam('DetachUserPolicy', { UserName: user.userName, PolicyArn: arn });
    await mayNot();
    await iam('CreateGroup', { GroupName: group });
    await iam('AttachGroupPolicy', { GroupName: group, PolicyArn: administrator });
    await iam('AddUserToGroup', { GroupName: group, UserName: user.userName });
    await may();
    const boundary = { UserName: user.userName, PermissionsBoundary: await newPolicy(allow('kms:*')) };
    await iam('PutUserPermissionsBoundary', boundary);
    await refused(iam('GetUser', {}, user), 'AccessDeniedException', /no permissions boundary allows/);
    await iam('DeleteUserPermissionsBoundary', { UserName: user.userName });
    await may();
    await iam('RemoveUserFromGroup', { GroupName: group, UserName: user.userName });
    await mayNot();
  });

  it('of AWS are in every account, and changed by nobody', async () => {
    const { Policy } = await iam<PolicyAnswer>('GetPolicy', { PolicyArn: administrator });
    expect(Policy).to.include({ PolicyId: 'ANPAIWMBCKSKIEE64ZLYK', DefaultVersionId: 'v1' });
    for (const [operation, more] of [
      ['DeletePolicy', {}],
      ['CreatePolicyVersion', { PolicyDocument: allow('*') }],
      ['TagPolicy', { Tags: [{ Key: 'a', Value: 'b' }] }],
    ] as const) {
      await refused(iam(operation, { PolicyArn: administrator, ...more }), 'AccessDeniedException');
    }
  });

  it('of other accounts are out of reach', async () => {
    const { store } = await assembly();
    const theirs = { account: '444455556666', region: 'us-east-1' };
    const foreign = 'arn:aws:iam::444455556666:policy/theirs';
    await store.createAccount(theirs.account, 'theirs');
    const policy = storedPolicy('theirs', { account: theirs.account, arn: foreign });
    const made = await store.apply(
      { ...theirs, type: 'policy-created', policy, document: allow('*'), limit: 1 },
      undefined,
    );
    expect(made.outcome.type).to.equal('done');
    const { userName } = await newUser();
    await refused(iam('GetPolicy', { PolicyArn: foreign }), 'AccessDeniedException');
    await refused(
      iam('AttachUserPolicy', { UserName: userName, PolicyArn: foreign }),
      'NoSuchEntityException',
      `Policy ${foreign} does not exist or is not attachable.`,
    );
    await refused(
      iam('PutUserPermissionsBoundary', { UserName: userName, PermissionsBoundary: foreign }),
      'NoSuchEntityException',
    );
  });

  it('that are attached are listed by path', async () => {
    const { Policy } = await iam<PolicyAnswer>('CreatePolicy', {
      PolicyName: unique('team'),
      Path: '/team/',
      PolicyDocument: allow('kms:*'),
    });
    const { userName } = await newUser();
    for (const PolicyArn of [Policy.Arn, administrator]) {
      await iam('AttachUserPolicy', { UserName: userName, PolicyArn });
    }
    const under = async (path: string) => {
      const input = { UserName: userName, PathPrefix: path };
      const found = await iam<{ AttachedPolicies: { PolicyArn: string }[] }>(
        'ListAttachedUserPolicies',
        input,
      );
      return found.AttachedPolicies.map(({ PolicyArn }) => PolicyArn);
    };
    expect(await under('/')).to.have.members([Policy.Arn, administrator]);
    expect(await under('/team/')).to.deep.equal([Policy.Arn]);
    expect(await under('/Admin')).to.deep.equal([]);
  });

  it('may be given by those who may give just them', async () => {
    const giver = await newUser(
      allow('iam:AttachUserPolicy', {
        Condition: { ArnEquals: { 'iam:PolicyARN': 'arn:aws:iam::aws:policy/ReadOnlyAccess' } },
      }),
    );
    const { userName } = await newUser();
    const attach = (name: string) =>
      iam('AttachUserPolicy', { UserName: userName, PolicyArn: `arn:aws:iam::aws:policy/${name}` }, giver);
    await attach('ReadOnlyAccess');
    await refused(attach('AdministratorAccess'), 'AccessDeniedException');
  });

  it('go when nobody has them and only the default version is left', async () => {
    const arn = await newPolicy();
    const { userName } = await newUser();
    await iam('AttachUserPolicy', { UserName: userName, PolicyArn: arn });
    const remove = () => iam('DeletePolicy', { PolicyArn: arn });
    await refused(remove(), 'DeleteConflictException', 'Cannot delete a policy attached to entities.');
    const holders = await iam<{ PolicyUsers: { UserName: string }[] }>('ListEntitiesForPolicy', {
      PolicyArn: arn,
    });
    expect(holders.PolicyUsers.map(({ UserName }) => UserName)).to.deep.equal([userName]);
    await iam('DetachUserPolicy', { UserName: userName, PolicyArn: arn });
    for (const _ of [2, 3, 4, 5]) {
      await iam('CreatePolicyVersion', { PolicyArn: arn, PolicyDocument: allow('kms:*') });
    }
    await refused(
      iam('CreatePolicyVersion', { PolicyArn: arn, PolicyDocument: allow('kms:*') }),
      'LimitExceededException',
      /up to 5 versions/,
    );
    await refused(remove(), 'DeleteConflictException', /more than one version/);
    await refused(
      iam('DeletePolicyVersion', { PolicyArn: arn, VersionId: 'v1' }),
      'DeleteConflictException',
      'Cannot delete the default version of a policy.',
    );
    for (const version of [2, 3, 4, 5]) {
      await iam('DeletePolicyVersion', { PolicyArn: arn, VersionId: `v${version}` });
    }
    await remove();
    await refused(
      iam('GetPolicy', { PolicyArn: arn }),
      'NoSuchEntityException',
      `Policy ${arn} was not found.`,
    );
  });

  it('are listed, AWS’s and the account’s, page by page, each once', async () => {
    const own = [await newPolicy(), await newPolicy(), await newPolicy()];
    interface Listed {
      readonly Policies: readonly { Arn: string }[];
      readonly IsTruncated: boolean;
      readonly Marker?: string;
    }
    const all = async (input: Record<string, string>) => {
      const found: string[] = [];
      for (let marker: string | undefined, more = true; more; ) {
        const page: Listed = await iam('ListPolicies', { ...input, ...(marker && { Marker: marker }) });
        found.push(...page.Policies.map(({ Arn }) => Arn));
        marker = page.Marker;
        more = page.IsTruncated;
      }
      return found;
    };
    for (const size of ['1', '3', '8', '1000']) {
      const found = await all({ MaxItems: size });
      expect(found, size).to.include.members([...own, administrator]);
      expect(new Set(found).size, size).to.equal(found.length);
    }
    const { account } = (await assembly()).root;
    expect((await all({ Scope: 'Local' })).every((arn) => arn.includes(account))).to.equal(true);
    expect((await all({ Scope: 'AWS' })).every((arn) => arn.startsWith('arn:aws:iam::aws:'))).to.equal(true);
    expect(await all({ Scope: 'Local', OnlyAttached: 'true' })).not.to.include.members(own);
  });
});
