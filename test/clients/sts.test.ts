import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { KMS } from '@aws-sdk/client-kms';
import { type AssumeRoleCommandInput, type Credentials, STS } from '@aws-sdk/client-sts';
import { expect } from 'chai';
import type { Role } from '../../src/identity/entity.ts';
import { cleanEnvironment, type Service } from '../service.ts';
import { sign } from '../sign.ts';
import { cli, findCli } from './cli.ts';
import { change, document, makeRole, recordsOf, trailText } from './operator.ts';
import { newKey, refusal, refused, send, service, unique } from './shared.ts';

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

function keysOf(credentials: Credentials | undefined): Required<Keys> {
  const {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
  } = credentials ?? {};
  if (!accessKeyId || !secretAccessKey || !sessionToken) throw new Error('no credentials');
  return { accessKeyId, secretAccessKey, sessionToken };
}

describe('STS', function () {
  this.timeout(60_000);
  let at: Service;
  let sts: STS;
  const clients: (STS | KMS)[] = [];

  before(async () => {
    at = await service();
    sts = stsOf(at.credentials);
  });
  after(() => {
    for (const client of clients) client.destroy();
  });

  function stsOf(credentials: Keys): STS {
    const client = new STS({ region: at.region, endpoint: at.url, credentials, maxAttempts: 1 });
    clients.push(client);
    return client;
  }

  function kmsOf(credentials: Keys): KMS {
    const client = new KMS({ region: at.region, endpoint: at.url, credentials, maxAttempts: 1 });
    clients.push(client);
    return client;
  }

  /** Whom the account's identity policies let: the administrator. */
  const ownAccount = () => ({ Principal: { AWS: at.account } });
  const everything = { Action: '*', Resource: '*' };

  async function assume(
    role: Pick<Role, 'arn'>,
    more: Partial<AssumeRoleCommandInput> = {},
    by: STS = sts,
  ): Promise<Required<Keys>> {
    const { Credentials: given } = await by.assumeRole({
      RoleArn: role.arn,
      RoleSessionName: 'test',
      ...more,
    });
    return keysOf(given);
  }

  describe('GetCallerIdentity', () => {
    it('says who asks: a user, its session, the session of a role', async () => {
      const me = await sts.getCallerIdentity({});
      expect(me).to.include({
        Account: at.account,
        Arn: `arn:aws:iam::${at.account}:user/administrator`,
      });
      expect(me.UserId).to.match(/^AIDA[A-Z2-7]{16}$/);
      const mine = stsOf(keysOf((await sts.getSessionToken({})).Credentials));
      expect(await mine.getCallerIdentity({})).to.include({ Arn: me.Arn, UserId: me.UserId });

      const role = await makeRole(at, unique('role'), ownAccount(), []);
      const assumed = await sts.assumeRole({ RoleArn: role.arn, RoleSessionName: 'build@17' });
      expect(assumed.AssumedRoleUser).to.deep.equal({
        AssumedRoleId: `${role.id}:build@17`,
        Arn: `arn:aws:sts::${at.account}:assumed-role/${role.name}/build@17`,
      });
      expect(assumed.PackedPolicySize).to.equal(undefined);
      expect(await stsOf(keysOf(assumed.Credentials)).getCallerIdentity({})).to.include({
        Account: at.account,
        Arn: assumed.AssumedRoleUser?.Arn,
        UserId: assumed.AssumedRoleUser?.AssumedRoleId,
      });
    });

    it('can be denied to nobody', async () => {
      const role = await makeRole(at, unique('role'), ownAccount(), [{ ...everything, Effect: 'Deny' }]);
      expect((await stsOf(await assume(role)).getCallerIdentity({})).Account).to.equal(at.account);
    });
  });

  describe('GetSessionToken', () => {
    it('gives credentials that do what the user does, as long as was asked for', async () => {
      const { Credentials: given } = await sts.getSessionToken({ DurationSeconds: 900 });
      expect(given?.AccessKeyId).to.match(/^ASIA[A-Z2-7]{16}$/);
      const left = (given?.Expiration?.getTime() ?? 0) - Date.now();
      expect(left).to.be.within(890_000, 900_000);
      const key = await newKey(kmsOf(keysOf(given)));
      await kmsOf(keysOf(given)).encrypt({ KeyId: key.id, Plaintext: Buffer.from('x') });
    });

    it('is for long-term credentials alone, and what it gives asks STS for little else', async () => {
      const keys = keysOf((await sts.getSessionToken({})).Credentials);
      await refused(
        stsOf(keys).getSessionToken({}),
        'AccessDenied',
        'Cannot call GetSessionToken with session credentials',
      );
      await refused(
        stsOf(keys).getAccessKeyInfo({ AccessKeyId: at.credentials.accessKeyId }),
        'AccessDenied',
      );
      const role = await makeRole(at, unique('role'), ownAccount(), []);
      await assume(role, {}, stsOf(keys));
    });

    it('lasts between 15 minutes and 36 hours', async () => {
      for (const [seconds, text] of [
        [899, 'greater than or equal to 900'],
        [129_601, 'less than or equal to 129600'],
      ] as const) {
        await refused(
          sts.getSessionToken({ DurationSeconds: seconds }),
          'ValidationError',
          `1 validation error detected: Value '${seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value ${text}`,
        );
      }
    });

    it('takes no second factor, and says so', async () => {
      await refused(
        sts.getSessionToken({ SerialNumber: 'arn:aws:iam::111122223333:mfa/a', TokenCode: '123456' }),
        'InvalidAction',
        /does not support the member SerialNumber, TokenCode/,
      );
    });
  });

  describe('GetAccessKeyInfo', () => {
    it('names the account of an access key', async () => {
      const { accessKeyId } = at.credentials;
      expect((await sts.getAccessKeyInfo({ AccessKeyId: accessKeyId })).Account).to.equal(at.account);
      await refused(sts.getAccessKeyInfo({ AccessKeyId: 'AKIANOBODY0000000000' }), 'ValidationError');
    });
  });

  describe('AssumeRole', () => {
    it('gives credentials that may do what the role’s policies allow, and nothing else', async () => {
      const key = await newKey(at.client());
      const role = await makeRole(at, unique('role'), ownAccount(), [
        { Action: 'kms:Encrypt', Resource: key.arn },
      ]);
      const kms = kmsOf(await assume(role));
      await kms.encrypt({ KeyId: key.id, Plaintext: Buffer.from('x') });
      const session = `arn:aws:sts::${at.account}:assumed-role/${role.name}/test`;
      await refused(
        kms.generateDataKey({ KeyId: key.id, KeySpec: 'AES_256' }),
        'AccessDeniedException',
        `User: ${session} is not authorized to perform: kms:GenerateDataKey on resource: ${key.arn} because no identity-based policy allows the kms:GenerateDataKey action`,
      );
      await refused(kms.listKeys({}), 'AccessDeniedException');
    });

    it('asks the trust policy, and answers alike for roles that nobody may assume and that are not there', async () => {
      const me = await sts.getCallerIdentity({});
      const nobody = await makeRole(at, unique('role'), { Principal: { AWS: '999999999999' } }, [everything]);
      const named = await makeRole(at, unique('role'), { Principal: { AWS: me.UserId } }, []);
      await assume(named);
      const missing = `arn:aws:iam::${at.account}:role/${unique('missing')}`;
      for (const arn of [nobody.arn, missing, missing.replace(at.account, '999999999999')]) {
        await refused(
          assume({ arn }),
          'AccessDenied',
          `User: ${me.Arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
        );
      }
      await refused(assume({ arn: named.arn.replace('role/', 'role/path/') }), 'AccessDenied');
      await refused(assume({ arn: 'arn:aws:iam::no:role/such' }), 'ValidationError');
    });

    it('wants the external id that the trust policy wants', async () => {
      const trust = { ...ownAccount(), Condition: { StringEquals: { 'sts:ExternalId': 'agreed-17' } } };
      const role = await makeRole(at, unique('role'), trust, []);
      await assume(role, { ExternalId: 'agreed-17' });
      await refused(assume(role), 'AccessDenied');
      await refused(assume(role, { ExternalId: 'agreed-18' }), 'AccessDenied');
    });

    it('narrows a session by the policy that is given with it', async () => {
      const key = await newKey(at.client());
      const role = await makeRole(at, unique('role'), ownAccount(), [everything]);
      const Policy = document({ Action: 'kms:Encrypt', Resource: key.arn });
      const assumed = await sts.assumeRole({ RoleArn: role.arn, RoleSessionName: 'narrow', Policy });
      expect(assumed.PackedPolicySize).to.be.within(1, 20);
      const kms = kmsOf(keysOf(assumed.Credentials));
      await kms.encrypt({ KeyId: key.id, Plaintext: Buffer.from('x') });
      await refused(
        kms.describeKey({ KeyId: key.id }),
        'AccessDeniedException',
        /because no session policy allows the kms:DescribeKey action$/,
      );
    });

    it('narrows a session by managed policies, which must be there', async () => {
      const role = await makeRole(at, unique('role'), ownAccount(), [everything]);
      const arns = (...names: string[]) => names.map((arn) => ({ arn }));
      const aws = 'arn:aws:iam::aws:policy/';
      const kms = kmsOf(await assume(role, { PolicyArns: arns(`${aws}AWSCloudTrail_ReadOnlyAccess`) }));
      await refused(kms.listKeys({}), 'AccessDeniedException', /no session policy/);
      await kmsOf(await assume(role, { PolicyArns: arns(`${aws}AdministratorAccess`) })).listKeys({});
      for (const arn of [`${aws}NoSuchPolicy`, 'arn:aws:iam::999999999999:policy/Theirs']) {
        await refused(assume(role, { PolicyArns: arns(arn) }), 'InvalidParameterValue');
      }
    });

    it('takes no session policy that is none, or too long', async () => {
      const role = await makeRole(at, unique('role'), ownAccount(), []);
      await refused(assume(role, { Policy: '{"Version":' }), 'MalformedPolicyDocumentException');
      const trust = document({ Principal: '*', Action: '*', Resource: '*' });
      await refused(assume(role, { Policy: trust }), 'MalformedPolicyDocumentException');
      await refused(
        assume(role, { Policy: ' '.repeat(2_049) }),
        'ValidationError',
        /less than or equal to 2048/,
      );
    });

    it('says by how much tags and policies are too large for a token', async () => {
      const role = await makeRole(
        at,
        unique('role'),
        { ...ownAccount(), Action: ['sts:AssumeRole', 'sts:TagSession'] },
        [],
      );
      const Tags = Array.from({ length: 50 }, (_, n) => ({
        Key: `k${n}`,
        Value: randomBytes(120).toString('hex'),
      }));
      const error = await refusal(assume(role, { Tags }));
      expect(error.name).to.match(/^PackedPolicyTooLarge/);
      expect(error.message).to.match(/\d{3}%/);
      await assume(role, { Tags: Tags.slice(0, 10) });
    });

    it('lasts an hour, or as long as is asked for and the role allows', async () => {
      const role = await makeRole(at, unique('role'), ownAccount(), [], { maxSessionDuration: 7_200 });
      const left = async (DurationSeconds?: number) => {
        const input = {
          RoleArn: role.arn,
          RoleSessionName: 'long',
          ...(DurationSeconds && { DurationSeconds }),
        };
        const { Credentials: given } = await sts.assumeRole(input);
        return Math.round(((given?.Expiration?.getTime() ?? 0) - Date.now()) / 60_000);
      };
      expect(await left()).to.equal(60);
      expect(await left(900)).to.equal(15);
      expect(await left(7_200)).to.equal(120);
      await refused(left(7_201), 'ValidationError', /MaxSessionDuration/);
      await refused(left(899), 'ValidationError', /greater than or equal to 900/);
    });

    it('of a session of a role lasts no more than an hour, whatever that role allows', async () => {
      const first = await makeRole(at, unique('role'), ownAccount(), [everything]);
      const second = await makeRole(at, unique('role'), ownAccount(), [], { maxSessionDuration: 43_200 });
      const chained = stsOf(await assume(first));
      await assume(second, { DurationSeconds: 3_600 }, chained);
      await refused(assume(second, { DurationSeconds: 3_601 }, chained), 'ValidationError', /role chaining/);
    });

    it('tags a session where it may, and policies read the tags', async () => {
      const Action = ['sts:AssumeRole', 'sts:TagSession'];
      const policy = {
        Action: 'kms:Encrypt',
        Resource: '*',
        Condition: { StringEquals: { 'kms:EncryptionContext:tenant': `\${aws:PrincipalTag/tenant}` } },
      };
      const role = await makeRole(at, unique('role'), { ...ownAccount(), Action }, [policy]);
      const key = await newKey(at.client());
      const kms = kmsOf(await assume(role, { Tags: [{ Key: 'Tenant', Value: 'blue' }] }));
      const encrypt = (tenant: string) =>
        kms.encrypt({ KeyId: key.id, Plaintext: Buffer.from('x'), EncryptionContext: { tenant } });
      await encrypt('blue');
      await refused(encrypt('red'), 'AccessDeniedException');

      const untagged = await makeRole(at, unique('role'), ownAccount(), []);
      await refused(
        assume(untagged, { Tags: [{ Key: 'tenant', Value: 'blue' }] }),
        'AccessDenied',
        /perform: sts:TagSession on resource/,
      );
    });

    it('takes no tags that are reserved, repeated or not allowed', async () => {
      const role = await makeRole(
        at,
        unique('role'),
        { ...ownAccount(), Action: ['sts:AssumeRole', 'sts:TagSession'] },
        [],
      );
      for (const [Tags, TransitiveTagKeys] of [
        [[{ Key: 'AWS:x', Value: '' }], []],
        [
          [
            { Key: 'a', Value: '' },
            { Key: 'A', Value: '' },
          ],
          [],
        ],
        [[{ Key: 'a', Value: '{' }], []],
        [[{ Key: 'a', Value: '' }], ['b']],
      ] as const) {
        await refused(
          assume(role, { Tags: [...Tags], TransitiveTagKeys: [...TransitiveTagKeys] }),
          'InvalidParameterValue',
        );
      }
      const many = Array.from({ length: 51 }, (_, n) => ({ Key: `k${n}`, Value: '' }));
      await refused(assume(role, { Tags: many }), 'ValidationError', /less than or equal to 50/);
    });

    it('hands transitive tags on down a chain, where nobody replaces them', async () => {
      const trust = { ...ownAccount(), Action: ['sts:AssumeRole', 'sts:TagSession'] };
      const onlyBlue = {
        Action: 'kms:ListKeys',
        Resource: '*',
        Condition: {
          StringEquals: { 'aws:PrincipalTag/team': 'blue' },
          Null: { 'aws:PrincipalTag/desk': 'true' },
        },
      };
      const first = await makeRole(at, unique('role'), trust, [everything]);
      const second = await makeRole(at, unique('role'), trust, [everything, onlyBlue]);
      const third = await makeRole(at, unique('role'), trust, [onlyBlue]);
      const Tags = [
        { Key: 'Team', Value: 'blue' },
        { Key: 'desk', Value: '17' },
      ];
      const one = stsOf(await assume(first, { Tags, TransitiveTagKeys: ['team'] }));
      const two = stsOf(await assume(second, {}, one));
      await kmsOf(await assume(third, {}, two)).listKeys({});
      await refused(
        assume(third, { Tags: [{ Key: 'TEAM', Value: 'red' }] }, two),
        'InvalidParameterValue',
        /conflicts with a transitive tag key/,
      );
      await refused(kmsOf(await assume(third)).listKeys({}), 'AccessDeniedException');
    });

    it('keeps the source identity that a chain began with', async () => {
      const trust = { ...ownAccount(), Action: ['sts:AssumeRole', 'sts:SetSourceIdentity'] };
      const first = await makeRole(at, unique('role'), trust, [everything]);
      const onlyAda = {
        Action: 'kms:ListKeys',
        Resource: '*',
        Condition: { StringEquals: { 'aws:SourceIdentity': 'ada' } },
      };
      const second = await makeRole(at, unique('role'), trust, [onlyAda]);
      const one = stsOf(await assume(first, { SourceIdentity: 'ada' }));
      const chained = await one.assumeRole({ RoleArn: second.arn, RoleSessionName: 'two' });
      expect(chained.SourceIdentity).to.equal('ada');
      await kmsOf(keysOf(chained.Credentials)).listKeys({});
      await refused(assume(second, { SourceIdentity: 'eve' }, one), 'AccessDenied');
      const plain = await makeRole(at, unique('role'), ownAccount(), []);
      await refused(assume(plain, { SourceIdentity: 'ada' }), 'AccessDenied', /sts:SetSourceIdentity/);
      await refused(assume(plain, {}, one), 'AccessDenied', /sts:SetSourceIdentity/);
    });

    it('across accounts needs both sides', async () => {
      const name = unique('other');
      const file = join(at.folder, 'aws', name);
      const coffer = resolve(import.meta.dirname, '../../scripts/coffer');
      const args = ['account', 'create', name, '--config', at.configFile, '--credentials', file];
      const { stdout } = await promisify(execFile)(coffer, args, { env: cleanEnvironment() });
      const other = JSON.parse(stdout).account;
      const theirs = await makeRole(at, unique('role'), ownAccount(), [everything], {
        account: other,
        arn: `arn:aws:iam::${other}:role/Shared`,
        name: 'Shared',
      });
      const { Arn, Account } = await stsOf(await assume(theirs)).getCallerIdentity({});
      expect({ Arn, Account }).to.deep.equal({
        Arn: `arn:aws:sts::${other}:assumed-role/Shared/test`,
        Account: other,
      });
      const weak = await makeRole(at, unique('role'), ownAccount(), [
        { Action: 'sts:AssumeRole', Resource: `arn:aws:iam::${at.account}:role/*` },
      ]);
      await refused(assume(theirs, {}, stsOf(await assume(weak))), 'AccessDenied');
    });

    it('refuses members that it can’t honour', async () => {
      const role = await makeRole(at, unique('role'), ownAccount(), []);
      await refused(
        assume(role, { SerialNumber: 'arn:aws:iam::111122223333:mfa/a', TokenCode: '123456' }),
        'InvalidAction',
        /AssumeRole does not support the member SerialNumber, TokenCode/,
      );
    });
  });

  describe('temporary credentials', () => {
    it('are none with a token that was altered, or without it, or with long-term ones’ id', async () => {
      const role = await makeRole(at, unique('role'), ownAccount(), [everything]);
      const keys = await assume(role);
      await kmsOf(keys).listKeys({});
      const { sessionToken: _gone, ...bare } = keys;
      const middle = Math.floor(keys.sessionToken.length / 2);
      const altered = `${keys.sessionToken.slice(0, middle)}${keys.sessionToken[middle] === 'A' ? 'B' : 'A'}${keys.sessionToken.slice(middle + 1)}`;
      for (const wrong of [
        { ...keys, sessionToken: altered },
        bare,
        { ...at.credentials, sessionToken: keys.sessionToken },
        { ...keys, sessionToken: (await assume(role)).sessionToken },
      ]) {
        await refused(
          kmsOf(wrong).listKeys({}),
          'UnrecognizedClientException',
          /^The security token included/,
        );
        await refused(stsOf(wrong).getCallerIdentity({}), 'InvalidClientTokenId');
      }
      await refused(
        kmsOf({ ...keys, secretAccessKey: 'x'.repeat(40) }).listKeys({}),
        'InvalidSignatureException',
      );
    });

    it('end with their role, for the very next request, whichever process answers it', async () => {
      const role = await makeRole(at, unique('role'), ownAccount(), [everything]);
      const keys = await assume(role);
      for (let i = 0; i < 8; i++) await kmsOf(keys).listKeys({});
      const scope = { region: at.region, account: at.account };
      await change(at, { ...scope, type: 'inline-policy-deleted', id: role.id, name: 'policy-0' });
      for (let i = 0; i < 8; i++) await refused(kmsOf(keys).listKeys({}), 'AccessDeniedException');
      await change(at, { ...scope, type: 'identity-deleted', id: role.id });
      for (let i = 0; i < 8; i++) await refused(kmsOf(keys).listKeys({}), 'UnrecognizedClientException');
      const again = await makeRole(at, role.name, ownAccount(), [everything]);
      expect(again.arn).to.equal(role.arn);
      await refused(kmsOf(keys).listKeys({}), 'UnrecognizedClientException');
    });

    it('presign requests', async () => {
      const role = await makeRole(at, unique('role'), ownAccount(), [everything]);
      const credentials = await assume(role);
      const signed = await sign({ ...at, url: at.url, credentials }, 'ListKeys', {}, { presign: 60 });
      expect(signed.path).to.include('X-Amz-Security-Token=');
      expect((await send(at, signed)).status).to.equal(200);
      const altered = {
        ...signed,
        path: signed.path.replace('X-Amz-Security-Token=A', 'X-Amz-Security-Token=B'),
      };
      expect((await send(at, altered)).status).to.equal(400);
    });

    it('are named in the trail, without secret or token', async () => {
      const role = await makeRole(at, unique('role'), ownAccount(), [everything]);
      const keys = await assume(role, { RoleSessionName: 'seen' });
      const own = keysOf((await sts.getSessionToken({})).Credentials);
      await kmsOf(keys).generateRandom({ NumberOfBytes: 16 });
      const given = recordsOf(at, 'AssumeRole').find(
        ({ responseElements }) => responseElements?.credentials.accessKeyId === keys.accessKeyId,
      );
      expect(given).to.deep.include({
        eventSource: 'sts.amazonaws.com',
        requestParameters: { roleArn: role.arn, roleSessionName: 'seen' },
        resources: [{ accountId: at.account, type: 'AWS::IAM::Role', ARN: role.arn }],
      });
      expect(given.responseElements.assumedRoleUser.assumedRoleId).to.equal(`${role.id}:seen`);
      const used = recordsOf(at, 'GenerateRandom').find(
        ({ userIdentity }) => userIdentity.accessKeyId === keys.accessKeyId,
      );
      expect(used.userIdentity).to.deep.include({ type: 'AssumedRole', principalId: `${role.id}:seen` });
      expect(used.userIdentity.sessionContext.sessionIssuer).to.deep.equal({
        type: 'Role',
        principalId: role.id,
        arn: role.arn,
        accountId: at.account,
        userName: role.name,
      });
      const text = trailText(at) + at.log.join('\n');
      for (const { secretAccessKey, sessionToken } of [keys, own]) {
        expect(text.includes(secretAccessKey)).to.equal(false);
        expect(text.includes(sessionToken.slice(4, 60))).to.equal(false);
      }
    });
  });

  describe('at the AWS CLI', () => {
    let command = '';
    before(async function () {
      const found = await findCli();
      if (found === undefined) {
        console.error('      the AWS CLI is missing: `apt-get install awscli` brings it');
        this.skip();
      }
      command = found;
    });

    it('assumes a role, works as it and is told what it may not', async () => {
      const aws = cli(command, at);
      const me = await aws.run('sts', 'get-caller-identity');
      expect(me.Arn).to.equal(`arn:aws:iam::${at.account}:user/administrator`);
      const role = await makeRole(
        at,
        unique('role'),
        { ...ownAccount(), Action: ['sts:AssumeRole', 'sts:TagSession'] },
        [{ Action: 'kms:ListKeys', Resource: '*' }],
      );
      const assumed = await aws.run(
        'sts',
        'assume-role',
        '--role-arn',
        role.arn,
        '--role-session-name',
        'shell',
        '--duration-seconds',
        '900',
        '--tags',
        'Key=team,Value=a b/ü',
        '--transitive-tag-keys',
        'team',
        '--policy',
        document(everything),
      );
      expect(assumed.AssumedRoleUser.Arn).to.equal(
        `arn:aws:sts::${at.account}:assumed-role/${role.name}/shell`,
      );
      const environment = {
        AWS_ACCESS_KEY_ID: assumed.Credentials.AccessKeyId,
        AWS_SECRET_ACCESS_KEY: assumed.Credentials.SecretAccessKey,
        AWS_SESSION_TOKEN: assumed.Credentials.SessionToken,
      };
      const shell = cli(command, at, { environment });
      expect((await shell.run('sts', 'get-caller-identity')).Arn).to.equal(assumed.AssumedRoleUser.Arn);
      expect(await shell.run('kms', 'list-keys')).to.have.property('Keys');
      expect(await shell.mistake('kms', 'create-key')).to.match(
        /^An error occurred \(AccessDeniedException\) when calling the CreateKey operation: User: .* is not authorized to perform: kms:CreateKey on resource: \* because no identity-based policy allows/,
      );
      expect(
        await shell.mistake('sts', 'assume-role', '--role-arn', role.arn, '--role-session-name', 'x1'),
      ).to.equal(
        `An error occurred (AccessDenied) when calling the AssumeRole operation: User: ${assumed.AssumedRoleUser.Arn} is not authorized to perform: sts:AssumeRole on resource: ${role.arn}`,
      );
      const wrong = cli(command, at, { environment: { ...environment, AWS_SESSION_TOKEN: 'AQ==' } });
      expect(await wrong.mistake('sts', 'get-caller-identity')).to.equal(
        'An error occurred (InvalidClientTokenId) when calling the GetCallerIdentity operation: The security token included in the request is invalid.',
      );
    });

    it('asks for a session token, and after an access key', async () => {
      const aws = cli(command, at);
      const { Credentials: given } = await aws.run('sts', 'get-session-token', '--duration-seconds', '900');
      expect(given.Expiration).to.match(/^\d{4}-\d\d-\d\dT/);
      const environment = {
        AWS_ACCESS_KEY_ID: given.AccessKeyId,
        AWS_SECRET_ACCESS_KEY: given.SecretAccessKey,
        AWS_SESSION_TOKEN: given.SessionToken,
      };
      const session = cli(command, at, { environment });
      expect(await session.run('kms', 'list-keys')).to.have.property('Keys');
      expect(await session.mistake('iam', 'list-users')).to.match(/\(InvalidClientTokenId\)/);
      const { accessKeyId } = at.credentials;
      expect(await aws.run('sts', 'get-access-key-info', '--access-key-id', accessKeyId)).to.deep.equal({
        Account: at.account,
      });
      expect(await aws.mistake('sts', 'decode-authorization-message', '--encoded-message', 'x')).to.equal(
        'An error occurred (InvalidAction) when calling the DecodeAuthorizationMessage operation: Could not find operation DecodeAuthorizationMessage for version 2011-06-15',
      );
    });
  });
});
