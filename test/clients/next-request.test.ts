import { IAM } from '@aws-sdk/client-iam';
import type { KMS } from '@aws-sdk/client-kms';
import { STS } from '@aws-sdk/client-sts';
import { expect } from 'chai';
import type { Service } from '../service.ts';
import { document } from './operator.ts';
import { type NewKey, newKey, service, unique } from './shared.ts';

const encrypt = { Action: 'kms:Encrypt', Resource: '*' };
const nothing = { Action: 'kms:ListKeys', Resource: '*' };

interface Stage {
  readonly userName: string;
  readonly key: NewKey;
  /** Whoever is to be allowed or not. */
  readonly kms: KMS;
}

/** How a permission to encrypt comes to be, and how it goes. */
interface Change {
  give(stage: Stage): Promise<unknown>;
  take(stage: Stage): Promise<unknown>;
}

describe('what allowed a request is gone with the very next, in every worker', function () {
  this.timeout(60_000);
  let at: Service;
  let iam: IAM;
  const clients: { destroy(): void }[] = [];
  before(async () => {
    at = await service();
    iam = new IAM({ region: at.region, endpoint: at.url, credentials: at.credentials, maxAttempts: 1 });
    clients.push(iam);
  });
  after(() => {
    for (const client of clients) client.destroy();
  });

  async function newPolicy(...statements: object[]): Promise<string> {
    const PolicyDocument = document(...statements);
    const { Policy } = await iam.createPolicy({ PolicyName: unique('next'), PolicyDocument });
    return Policy?.Arn ?? expect.fail('a policy without ARN');
  }

  /** Made by `give`, asked for by `take`. */
  let made = '';
  const inline = (UserName: string, ...statements: object[]) =>
    iam.putUserPolicy({ UserName, PolicyName: 'own', PolicyDocument: document(...statements) });
  const tagged = { ...encrypt, Condition: { StringEquals: { 'aws:PrincipalTag/team': 'blue' } } };

  const changes: Readonly<Record<string, Change>> = {
    'an inline policy that is deleted': {
      give: ({ userName }) => inline(userName, encrypt),
      take: ({ userName }) => iam.deleteUserPolicy({ UserName: userName, PolicyName: 'own' }),
    },
    'an inline policy that is put again': {
      give: ({ userName }) => inline(userName, encrypt),
      take: ({ userName }) => inline(userName, encrypt, { ...encrypt, Effect: 'Deny' }),
    },
    'a managed policy that is detached': {
      async give({ userName }) {
        made = await newPolicy(encrypt);
        await iam.attachUserPolicy({ UserName: userName, PolicyArn: made });
      },
      take: ({ userName }) => iam.detachUserPolicy({ UserName: userName, PolicyArn: made }),
    },
    'a version that is the default no more': {
      async give({ userName }) {
        made = await newPolicy(nothing);
        await iam.attachUserPolicy({ UserName: userName, PolicyArn: made });
        const PolicyDocument = document(encrypt);
        await iam.createPolicyVersion({ PolicyArn: made, PolicyDocument, SetAsDefault: true });
      },
      take: () => iam.setDefaultPolicyVersion({ PolicyArn: made, VersionId: 'v1' }),
    },
    'a group that is left': {
      async give({ userName }) {
        made = unique('group');
        await iam.createGroup({ GroupName: made });
        await iam.putGroupPolicy({ GroupName: made, PolicyName: 'p', PolicyDocument: document(encrypt) });
        await iam.addUserToGroup({ GroupName: made, UserName: userName });
      },
      take: ({ userName }) => iam.removeUserFromGroup({ GroupName: made, UserName: userName }),
    },
    'a group whose policy denies': {
      async give({ userName }) {
        made = unique('group');
        await iam.createGroup({ GroupName: made });
        await iam.addUserToGroup({ GroupName: made, UserName: userName });
        await inline(userName, encrypt);
      },
      take: () =>
        iam.putGroupPolicy({
          GroupName: made,
          PolicyName: 'p',
          PolicyDocument: document({ ...encrypt, Effect: 'Deny' }),
        }),
    },
    'a boundary that is put': {
      async give({ userName }) {
        made = await newPolicy(nothing);
        await inline(userName, encrypt);
      },
      take: ({ userName }) =>
        iam.putUserPermissionsBoundary({ UserName: userName, PermissionsBoundary: made }),
    },
    'a boundary that is another version': {
      async give({ userName }) {
        made = await newPolicy(encrypt);
        await iam.putUserPermissionsBoundary({ UserName: userName, PermissionsBoundary: made });
        await inline(userName, encrypt);
      },
      take: () =>
        iam.createPolicyVersion({
          PolicyArn: made,
          PolicyDocument: document(nothing),
          SetAsDefault: true,
        }),
    },
    'a tag of the user': {
      async give({ userName }) {
        await iam.tagUser({ UserName: userName, Tags: [{ Key: 'Team', Value: 'blue' }] });
        await inline(userName, tagged);
      },
      take: ({ userName }) => iam.untagUser({ UserName: userName, TagKeys: ['team'] }),
    },
    'a tag of the key': {
      async give({ userName, key }) {
        await at.client().tagResource({ KeyId: key.id, Tags: [{ TagKey: 'team', TagValue: 'blue' }] });
        const condition = { StringEquals: { 'aws:ResourceTag/team': 'blue' } };
        await inline(userName, { ...encrypt, Condition: condition });
      },
      take: ({ key }) => at.client().untagResource({ KeyId: key.id, TagKeys: ['team'] }),
    },
    'an alias of the key': {
      async give({ userName, key }) {
        made = `alias/${unique('next')}`;
        await at.client().createAlias({ AliasName: made, TargetKeyId: key.id });
        const condition = { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': made } };
        await inline(userName, { ...encrypt, Condition: condition });
      },
      take: () => at.client().deleteAlias({ AliasName: made }),
    },
    'a key policy': {
      give: ({ userName }) => inline(userName, encrypt),
      take: ({ key }) =>
        at.client().putKeyPolicy({
          KeyId: key.id,
          Policy: document(
            { Principal: { AWS: at.account }, Action: 'kms:*', Resource: '*' },
            { Effect: 'Deny', Principal: '*', ...encrypt },
          ),
        }),
    },
    'a grant': {
      async give({ userName, key }) {
        const { GrantId } = await at.client().createGrant({
          KeyId: key.id,
          GranteePrincipal: `arn:aws:iam::${at.account}:user/${userName}`,
          Operations: ['Encrypt'],
        });
        made = GrantId ?? '';
      },
      take: ({ key }) => at.client().revokeGrant({ KeyId: key.id, GrantId: made }),
    },
  };

  for (const [name, { give, take }] of Object.entries(changes)) {
    it(name, async () => {
      const userName = unique('next');
      await iam.createUser({ UserName: userName });
      const { AccessKey } = await iam.createAccessKey({ UserName: userName });
      const { AccessKeyId: accessKeyId = '', SecretAccessKey: secretAccessKey = '' } = AccessKey ?? {};
      const kms = at.client({ credentials: { accessKeyId, secretAccessKey } });
      const stage = { userName, key: await newKey(at.client()), kms };
      await everywhere(stage, 'AccessDeniedException');
      await give(stage);
      await everywhere(stage, 'answered');
      await take(stage);
      await everywhere(stage, 'AccessDeniedException');
    });
  }

  const ofSession: Readonly<Record<string, (role: string, policy: string) => Promise<unknown>>> = {
    'a policy of the role': (RoleName) => iam.deleteRolePolicy({ RoleName, PolicyName: 'own' }),
    'a boundary of the role': async (RoleName) =>
      iam.putRolePermissionsBoundary({ RoleName, PermissionsBoundary: await newPolicy(nothing) }),
    'a version of the session policy': (_role, PolicyArn) =>
      iam.createPolicyVersion({ PolicyArn, PolicyDocument: document(nothing), SetAsDefault: true }),
    'the session policy as a whole': (_role, PolicyArn) => iam.deletePolicy({ PolicyArn }),
  };
  for (const [name, take] of Object.entries(ofSession)) {
    it(`for a session: ${name}`, async () => {
      const RoleName = unique('next');
      const { Role } = await iam.createRole({
        RoleName,
        AssumeRolePolicyDocument: document({ Principal: { AWS: at.account }, Action: 'sts:AssumeRole' }),
      });
      await iam.putRolePolicy({ RoleName, PolicyName: 'own', PolicyDocument: document(encrypt) });
      const policy = await newPolicy(encrypt);
      const sts = new STS({
        region: at.region,
        endpoint: at.url,
        credentials: at.credentials,
        maxAttempts: 1,
      });
      clients.push(sts);
      const { Credentials: given } = await sts.assumeRole({
        RoleArn: Role?.Arn,
        RoleSessionName: 'next',
        PolicyArns: [{ arn: policy }],
      });
      const { AccessKeyId: accessKeyId = '', SecretAccessKey: secretAccessKey = '' } = given ?? {};
      const credentials = { accessKeyId, secretAccessKey, sessionToken: given?.SessionToken ?? '' };
      const stage = { userName: '', key: await newKey(at.client()), kms: at.client({ credentials }) };
      await everywhere(stage, 'answered');
      await take(RoleName, policy);
      await everywhere(stage, 'AccessDeniedException');
    });
  }

  /** Many requests at once are answered by all the workers there are. */
  async function everywhere({ kms, key }: Stage, outcome: string): Promise<void> {
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, () =>
        kms.encrypt({ KeyId: key.id, Plaintext: Buffer.from('x') }).then(
          () => 'answered',
          (error: Error) => error.name,
        ),
      ),
    );
    expect(new Set(outcomes)).to.deep.equal(new Set([outcome]));
  }
});
