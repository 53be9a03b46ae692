import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { IAM, paginateListUsers } from '@aws-sdk/client-iam';
import type { KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import type { Service } from '../service.ts';
import { type Cli, cli, findCli } from './cli.ts';
import { document, trailText } from './operator.ts';
import { newKey, refusal, refused, service, unique } from './shared.ts';

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

describe('IAM', function () {
  this.timeout(60_000);
  let at: Service;
  let iam: IAM;
  const clients: { destroy(): void }[] = [];

  before(async () => {
    at = await service();
    iam = iamOf(at.credentials);
  });
  after(() => {
    for (const client of clients) client.destroy();
  });

  function iamOf(credentials: Keys): IAM {
    const client = new IAM({ region: at.region, endpoint: at.url, credentials, maxAttempts: 1 });
    clients.push(client);
    return client;
  }

  async function keysOf(UserName: string): Promise<Keys> {
    const { AccessKey } = await iam.createAccessKey({ UserName });
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey } = AccessKey ?? {};
    if (accessKeyId === undefined || secretAccessKey === undefined) throw new Error('no access key');
    return { accessKeyId, secretAccessKey };
  }

  /** A user with an access key, and KMS as that user. */
  async function newUser(policy?: string): Promise<{ name: string; keys: Keys; kms: KMS }> {
    const name = unique('user');
    await iam.createUser({ UserName: name });
    if (policy !== undefined) {
      await iam.putUserPolicy({ UserName: name, PolicyName: 'own', PolicyDocument: policy });
    }
    const keys = await keysOf(name);
    return { name, keys, kms: at.client({ credentials: keys }) };
  }

  it('is told by the SDK who is there, with times, tags and documents as they are', async () => {
    const name = unique('sdk');
    const { User: made } = await iam.createUser({
      UserName: name,
      Path: '/a/',
      Tags: [{ Key: 'note', Value: 'schön: ja' }],
    });
    const { User: user } = await iam.getUser({ UserName: name });
    expect(user).to.deep.equal(made);
    expect(user?.CreateDate).to.be.an.instanceOf(Date);
    expect(user?.Tags).to.deep.equal([{ Key: 'note', Value: 'schön: ja' }]);
    const { Policy } = await iam.createPolicy({
      PolicyName: name,
      PolicyDocument: document({ Action: 'kms:ListKeys', Resource: '*' }),
      Description: 'a & b <c>\n"d"',
    });
    expect((await iam.getPolicy({ PolicyArn: Policy?.Arn })).Policy?.Description).to.equal('a & b <c>\n"d"');
    const { PolicyVersion } = await iam.getPolicyVersion({
      PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess',
      VersionId: 'v1',
    });
    expect(JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? '')).Statement).to.deep.equal([
      { Effect: 'Allow', Action: '*', Resource: '*' },
    ]);
    const { SummaryMap } = await iam.getAccountSummary({});
    expect(SummaryMap?.AccessKeysPerUserQuota).to.equal(2);
    const found: (string | undefined)[] = [];
    for await (const { Users = [] } of paginateListUsers({ client: iam, pageSize: 1 }, {})) {
      found.push(...Users.map(({ UserName }) => UserName));
    }
    expect(found).to.include.members(['administrator', name]);
  });

  it('names every error as the SDK knows it', async () => {
    const name = unique('errors');
    await refused(
      iam.getUser({ UserName: name }),
      'NoSuchEntityException',
      `The user with name ${name} cannot be found.`,
    );
    await iam.createUser({ UserName: name });
    await refused(iam.createUser({ UserName: name }), 'EntityAlreadyExistsException');
    await iam.attachUserPolicy({
      UserName: name,
      PolicyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess',
    });
    await refused(iam.deleteUser({ UserName: name }), 'DeleteConflictException');
    await refused(
      iam.putUserPolicy({ UserName: name, PolicyName: 'p', PolicyDocument: '{}' }),
      'MalformedPolicyDocumentException',
    );
    for (const _ of [1, 2]) await iam.createAccessKey({ UserName: name });
    await refused(iam.createAccessKey({ UserName: name }), 'LimitExceededException');
    expect((await refusal(iam.createUser({ UserName: 'a b' }))).message).to.match(/userName/);
  });

  it('lets a new user do what its policy says and nothing else, at once and in every worker', async () => {
    const { name, kms } = await newUser();
    const { id, arn } = await newKey(at.client());
    const plaintext = Buffer.from('for whom');
    const both = () =>
      Promise.allSettled(Array.from({ length: 8 }, () => kms.encrypt({ KeyId: id, Plaintext: plaintext })));
    const outcomes = async () => [...new Set((await both()).map(({ status }) => status))];
    expect(await outcomes()).to.deep.equal(['rejected']);
    await refused(
      kms.encrypt({ KeyId: id, Plaintext: plaintext }),
      'AccessDeniedException',
      `User: arn:aws:iam::${at.account}:user/${name} is not authorized to perform: kms:Encrypt on resource: ${arn} because no identity-based policy allows the kms:Encrypt action`,
    );
    const policy = { UserName: name, PolicyName: 'p' };
    for (const _ of [1, 2, 3]) {
      await iam.putUserPolicy({
        ...policy,
        PolicyDocument: document({ Action: 'kms:Encrypt', Resource: arn }),
      });
      expect(await outcomes()).to.deep.equal(['fulfilled']);
      await iam.deleteUserPolicy(policy);
      expect(await outcomes()).to.deep.equal(['rejected']);
    }
  });

  it('takes an access key that is switched off for the next request, in every worker', async () => {
    const { name, keys, kms } = await newUser(document({ Action: 'kms:ListKeys', Resource: '*' }));
    const all = async () => {
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => kms.listKeys({})));
      return [
        ...new Set(results.map((result) => (result.status === 'rejected' ? result.reason.name : 'ok'))),
      ];
    };
    const key = { UserName: name, AccessKeyId: keys.accessKeyId };
    for (const _ of [1, 2, 3]) {
      expect(await all()).to.deep.equal(['ok']);
      await iam.updateAccessKey({ ...key, Status: 'Inactive' });
      expect(await all()).to.deep.equal(['UnrecognizedClientException']);
      await iam.updateAccessKey({ ...key, Status: 'Active' });
    }
    await iam.deleteAccessKey(key);
    expect(await all()).to.deep.equal(['UnrecognizedClientException']);
  });

  it('knows a renamed user by its new name in the very next refusal', async () => {
    const { name, kms } = await newUser();
    const renamed = unique('renamed');
    await refused(kms.listKeys({}), 'AccessDeniedException', new RegExp(`user/${name} is not`));
    await iam.updateUser({ UserName: name, NewUserName: renamed });
    await refused(kms.listKeys({}), 'AccessDeniedException', new RegExp(`user/${renamed} is not`));
  });

  it('gives nothing of a deleted user to who is made with its name, in a key policy either', async () => {
    const { name, keys } = await newUser();
    const { id } = await newKey(at.client());
    const arn = `arn:aws:iam::${at.account}:user/${name}`;
    const root = { Principal: { AWS: at.account }, Action: 'kms:*', Resource: '*' };
    const named = { Principal: { AWS: arn }, Action: 'kms:DescribeKey', Resource: '*' };
    await at.client().putKeyPolicy({ KeyId: id, Policy: document(root, named) });
    await at.client({ credentials: keys }).describeKey({ KeyId: id });
    await iam.deleteAccessKey({ UserName: name, AccessKeyId: keys.accessKeyId });
    await iam.deleteUser({ UserName: name });
    await iam.createUser({ UserName: name });
    const again = at.client({ credentials: await keysOf(name) });
    await refused(again.describeKey({ KeyId: id }), 'AccessDeniedException');
    const { Policy } = await at.client().getKeyPolicy({ KeyId: id });
    expect(Policy).to.match(/"AIDA[A-Z2-7]{16}"/);
  });

  it('tells when, where and for what an access key was last used, and not by whom it was only claimed', async () => {
    const { name, keys, kms } = await newUser(document({ Action: 'kms:ListKeys', Resource: '*' }));
    const last = async () => {
      const answer = await iam.getAccessKeyLastUsed({ AccessKeyId: keys.accessKeyId });
      expect(answer.UserName).to.equal(name);
      return answer.AccessKeyLastUsed;
    };
    const forged = at.client({ credentials: { ...keys, secretAccessKey: 'forged' } });
    await refused(forged.listKeys({}), 'InvalidSignatureException');
    expect(await last()).to.deep.equal({ ServiceName: 'N/A', Region: 'N/A' });
    const before = Math.floor(Date.now() / 1_000) * 1_000;
    await kms.listKeys({});
    await refused(forged.listKeys({}), 'InvalidSignatureException');
    const { LastUsedDate, ...where } = (await last()) ?? {};
    expect(where).to.deep.equal({ ServiceName: 'kms', Region: 'us-east-1' });
    expect(LastUsedDate?.getTime()).to.be.within(before, Date.now());
    await refused(iam.getAccessKeyLastUsed({ AccessKeyId: 'AKIAAAAAAAAAAAAAAAAA' }), 'NoSuchEntityException');
  });

  it('shows a secret to who asked for it and keeps it out of trail, store and log', async () => {
    const { keys } = await newUser();
    const secret = keys.secretAccessKey;
    // Records of changes come to the trail from the store, a moment after the answer.
    while (!trailText(at).includes(keys.accessKeyId)) await setImmediate();
    expect(trailText(at)).not.to.include(secret);
    for (const file of [at.storeFile, `${at.storeFile}-wal`]) {
      expect(readFileSync(file, 'latin1')).not.to.include(secret);
    }
    expect(at.log.join('\n')).not.to.include(secret);
  });

  describe('by the AWS CLI', () => {
    let aws: Cli;

    before(async function () {
      const command = await findCli();
      if (command === undefined) this.skip();
      aws = cli(command, at);
    });

    it('is managed from a user to a role and back', async () => {
      const [user, group, role, policy] = ['u', 'g', 'r', 'p'].map(unique);
      if (!user || !group || !role || !policy) throw new Error('no names');
      const allow = document({ Action: 'kms:ListKeys', Resource: '*' });
      const file = join(at.folder, 'policy.json');
      writeFileSync(file, allow);
      await aws.run('iam', 'create-user', '--user-name', user, '--tags', 'Key=team,Value=red');
      await aws.run('iam', 'create-group', '--group-name', group);
      await aws.run('iam', 'add-user-to-group', '--group-name', group, '--user-name', user);
      const made = await aws.run(
        'iam',
        ...['create-policy', '--policy-name', policy, '--policy-document', `file://${file}`],
      );
      const { Arn: arn } = made.Policy;
      await aws.run('iam', 'attach-group-policy', '--group-name', group, '--policy-arn', arn);
      const { Role } = await aws.run(
        'iam',
        ...['create-role', '--role-name', role, '--assume-role-policy-document'],
        JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Principal: { AWS: `arn:aws:iam::${at.account}:user/${user}` },
              Action: 'sts:AssumeRole',
            },
          ],
        }),
      );
      expect(Role.AssumeRolePolicyDocument.Statement[0].Principal.AWS).to.equal(
        `arn:aws:iam::${at.account}:user/${user}`,
      );
      await aws.run(
        'iam',
        ...['put-role-policy', '--role-name', role, '--policy-name', 'inline', '--policy-document', allow],
      );
      expect(
        (await aws.run('iam', 'get-role-policy', '--role-name', role, '--policy-name', 'inline'))
          .PolicyDocument,
      ).to.deep.equal(JSON.parse(allow));
      const details = await aws.run('iam', 'get-account-authorization-details', '--filter', 'User', 'Group');
      expect(details.UserDetailList).to.deep.include.members([
        details.UserDetailList.find(
          ({ UserName, GroupList }: { UserName: string; GroupList: string[] }) =>
            UserName === user && GroupList.includes(group),
        ),
      ]);
      const simulated = await aws.run(
        'iam',
        ...['simulate-principal-policy', '--policy-source-arn', `arn:aws:iam::${at.account}:user/${user}`],
        ...['--action-names', 'kms:ListKeys', 'kms:CreateKey'],
      );
      expect(
        simulated.EvaluationResults.map(({ EvalDecision }: { EvalDecision: string }) => EvalDecision),
      ).to.deep.equal(['allowed', 'implicitDeny']);
      expect(await aws.mistake('iam', 'delete-policy', '--policy-arn', arn)).to.match(
        /An error occurred \(DeleteConflict\) when calling the DeletePolicy operation: Cannot delete a policy attached to entities\./,
      );
      await aws.run('iam', 'delete-role-policy', '--role-name', role, '--policy-name', 'inline');
      await aws.run('iam', 'delete-role', '--role-name', role);
      await aws.run('iam', 'detach-group-policy', '--group-name', group, '--policy-arn', arn);
      await aws.run('iam', 'delete-policy', '--policy-arn', arn);
      await aws.run('iam', 'remove-user-from-group', '--group-name', group, '--user-name', user);
      await aws.run('iam', 'delete-group', '--group-name', group);
      await aws.run('iam', 'delete-user', '--user-name', user);
      expect(await aws.mistake('iam', 'get-user', '--user-name', user)).to.match(
        /\(NoSuchEntity\).*The user with name .* cannot be found\./,
      );
    });
  });
});
