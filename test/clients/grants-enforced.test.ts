import { IAM } from '@aws-sdk/client-iam';
import { type CreateGrantCommandInput, type GrantOperation, KMS } from '@aws-sdk/client-kms';
import { STS } from '@aws-sdk/client-sts';
import { expect } from 'chai';
import { makeAccount, profileIn } from '../cli/coffer.ts';
import type { Service } from '../service.ts';
import { type NewKey, newKey, refused, service, unique } from './shared.ts';

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Somebody who asks. */
interface Person {
  readonly name: string;
  readonly arn: string;
  readonly kms: KMS;
  readonly sts: STS;
}

const denied = 'AccessDeniedException';
const Plaintext = Buffer.from('attack at dawn');
const blue = { tenant: 'blue' };

describe('grants are enforced', function () {
  this.timeout(60_000);
  let at: Service;
  /** Who may do everything in the account. */
  let admin: KMS;
  let iam: IAM;
  const clients: { destroy(): void }[] = [];

  before(async () => {
    at = await service();
    admin = at.client();
    iam = iamOf(at.credentials);
  });
  after(() => {
    for (const client of clients) client.destroy();
  });

  const options = (credentials: Credentials) => ({
    region: at.region,
    endpoint: at.url,
    credentials,
    maxAttempts: 1,
  });
  function iamOf(credentials: Credentials): IAM {
    const client = new IAM(options(credentials));
    clients.push(client);
    return client;
  }
  function personOf(name: string, arn: string, credentials: Credentials): Person {
    const kms = new KMS(options(credentials));
    const sts = new STS(options(credentials));
    clients.push(kms, sts);
    return { name, arn, kms, sts };
  }
  const document = (...statements: readonly object[]) =>
    JSON.stringify({
      Version: '2012-10-17',
      Statement: statements.map((statement) => ({ Effect: 'Allow', Resource: '*', ...statement })),
    });

  /** A user with the statements of one inline policy, or without any. */
  async function makeUser(by: IAM, name: string, ...statements: readonly object[]): Promise<Person> {
    const { User } = await by.createUser({ UserName: name });
    if (statements.length > 0) await allow(by, name, ...statements);
    const { AccessKey } = await by.createAccessKey({ UserName: name });
    return personOf(name, User?.Arn ?? '', {
      accessKeyId: AccessKey?.AccessKeyId ?? '',
      secretAccessKey: AccessKey?.SecretAccessKey ?? '',
    });
  }
  const user = (...statements: readonly object[]) => makeUser(iam, unique('grantee'), ...statements);
  const allow = (by: IAM, UserName: string, ...statements: readonly object[]) =>
    by.putUserPolicy({ UserName, PolicyName: 'own', PolicyDocument: document(...statements) });

  /** A role that whoever may in the account can assume. */
  async function role(): Promise<{ arn: string; session(name: string, policy?: string): Promise<Person> }> {
    const RoleName = unique('role');
    const trust = { Effect: 'Allow', Principal: { AWS: at.account }, Action: 'sts:AssumeRole' };
    const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [trust] });
    const { Role } = await iam.createRole({ RoleName, AssumeRolePolicyDocument });
    const arn = Role?.Arn ?? '';
    const sts = new STS(options(at.credentials));
    clients.push(sts);
    return {
      arn,
      async session(RoleSessionName, Policy) {
        const given = await sts.assumeRole({ RoleArn: arn, RoleSessionName, ...(Policy && { Policy }) });
        const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = given.Credentials ?? {};
        return personOf(RoleSessionName, given.AssumedRoleUser?.Arn ?? '', {
          accessKeyId: AccessKeyId,
          secretAccessKey: SecretAccessKey,
          sessionToken: SessionToken,
        });
      },
    };
  }

  const grant = (
    key: NewKey,
    to: { readonly arn: string },
    Operations: GrantOperation[],
    more: Partial<CreateGrantCommandInput> = {},
    by: KMS = admin,
  ) => by.createGrant({ KeyId: key.arn, GranteePrincipal: to.arn, Operations, ...more });
  const encrypt = (who: Person, key: NewKey, more: object = {}) =>
    who.kms.encrypt({ KeyId: key.arn, Plaintext, ...more });

  it('a grantee may what the grant says, within its constraint, and nobody else may', async () => {
    const key = await newKey(admin);
    const grantee = await user();
    const other = await user();
    const message = `User: ${grantee.arn} is not authorized to perform: kms:Encrypt on resource: ${key.arn} because no identity-based policy allows the kms:Encrypt action`;
    await refused(encrypt(grantee, key, { EncryptionContext: blue }), denied, message);
    const { GrantId } = await grant(key, grantee, ['Encrypt', 'DescribeKey'], {
      Constraints: { EncryptionContextSubset: blue },
    });
    // Whichever worker of the node gets it: the next request already.
    for (let index = 0; index < 4; index += 1) await encrypt(grantee, key, { EncryptionContext: blue });
    await encrypt(grantee, key, { EncryptionContext: { ...blue, more: '1' } });
    await grantee.kms.describeKey({ KeyId: key.arn });
    await refused(encrypt(grantee, key), denied, message);
    await refused(encrypt(grantee, key, { EncryptionContext: { tenant: 'red' } }), denied, message);
    await refused(
      grantee.kms.generateDataKey({ KeyId: key.arn, KeySpec: 'AES_256', EncryptionContext: blue }),
      denied,
    );
    await refused(encrypt(other, key, { EncryptionContext: blue }), denied);
    const another = await newKey(admin);
    await refused(encrypt(grantee, another, { EncryptionContext: blue }), denied);
    await refused(
      encrypt(grantee, key, { EncryptionContext: blue, DryRun: true }),
      'DryRunOperationException',
    );
    await admin.revokeGrant({ KeyId: key.arn, GrantId });
    for (let index = 0; index < 4; index += 1) {
      await refused(encrypt(grantee, key, { EncryptionContext: blue }), denied, message);
    }
  });

  it('a grant decrypts what it may, and re-encrypts from and to by itself', async () => {
    const [from, to] = [await newKey(admin), await newKey(admin)];
    const grantee = await user();
    const EncryptionContext = blue;
    const { CiphertextBlob } = await admin.encrypt({ KeyId: from.arn, Plaintext, EncryptionContext });
    const reEncrypt = (DestinationEncryptionContext: Record<string, string>) =>
      grantee.kms.reEncrypt({
        CiphertextBlob,
        SourceEncryptionContext: blue,
        DestinationKeyId: to.arn,
        DestinationEncryptionContext,
      });
    const exactly = (EncryptionContextEquals: Record<string, string>) => ({
      Constraints: { EncryptionContextEquals },
    });
    await grant(from, grantee, ['ReEncryptFrom'], exactly(blue));
    await refused(reEncrypt({ tenant: 'red' }), denied);
    await grant(to, grantee, ['ReEncryptTo'], exactly({ tenant: 'red' }));
    await reEncrypt({ tenant: 'red' });
    await refused(reEncrypt(blue), denied);
    await refused(grantee.kms.decrypt({ CiphertextBlob, EncryptionContext }), denied);
    await grant(from, grantee, ['Decrypt'], exactly(blue));
    const { Plaintext: opened } = await grantee.kms.decrypt({ CiphertextBlob, EncryptionContext });
    expect(opened).to.deep.equal(new Uint8Array(Plaintext));
  });

  it("a denial in the grantee's policies or the key's is stronger than a grant", async () => {
    const key = await newKey(admin);
    const grantee = await user({ Effect: 'Deny', Action: 'kms:Encrypt' });
    await grant(key, grantee, ['Encrypt', 'GenerateDataKey']);
    await refused(encrypt(grantee, key), denied, /with an explicit deny in an identity-based policy$/);
    const dataKey = () => grantee.kms.generateDataKey({ KeyId: key.arn, KeySpec: 'AES_256' });
    await dataKey();
    const everything = { Principal: { AWS: `arn:aws:iam::${at.account}:root` }, Action: 'kms:*' };
    const nobody = { Effect: 'Deny', Principal: '*', Action: 'kms:GenerateDataKey' };
    await admin.putKeyPolicy({ KeyId: key.id, Policy: document(everything, nobody) });
    await refused(dataKey(), denied, /with an explicit deny in a resource-based policy$/);
  });

  it('a grant to a role is for its sessions, one to a session for that alone', async () => {
    const key = await newKey(admin);
    const worker = await role();
    const [one, two] = [await worker.session('one'), await worker.session('two')];
    await grant(key, one, ['Encrypt']);
    await encrypt(one, key);
    await refused(encrypt(two, key), denied);
    await grant(key, worker, ['DescribeKey']);
    for (const session of [one, two]) await session.kms.describeKey({ KeyId: key.arn });
    const listed = (await admin.listGrants({ KeyId: key.id })).Grants ?? [];
    expect(listed.map(({ GranteePrincipal }) => GranteePrincipal)).to.have.members([one.arn, worker.arn]);
    expect((await admin.listGrants({ KeyId: key.id, GranteePrincipal: one.arn })).Grants).to.have.length(1);
    const limited = await worker.session('three', document({ Action: 'kms:Encrypt' }));
    await refused(limited.kms.describeKey({ KeyId: key.arn }), denied, /no session policy allows/);
  });

  it('a grant to an account is for whom its own policies allow', async () => {
    // The key's policy knows the administrator alone, so without the grant identity policies count for nothing.
    const only = {
      Principal: { AWS: `arn:aws:iam::${at.account}:user/administrator` },
      Action: 'kms:*',
    };
    const key = await newKey(admin, { Policy: document(only) });
    const allowed = await user({ Action: 'kms:Encrypt' });
    const without = await user();
    await refused(encrypt(allowed, key), denied);
    await grant(key, { arn: `arn:aws:iam::${at.account}:root` }, ['Encrypt']);
    await encrypt(allowed, key);
    await refused(encrypt(without, key), denied);
  });

  it('a user who is deleted and made again has nothing of the grants', async () => {
    const key = await newKey(admin);
    const name = unique('grantee');
    const first = await makeUser(iam, name);
    const { GrantId } = await grant(key, first, ['Encrypt'], { RetiringPrincipal: first.arn });
    await encrypt(first, key);
    const { User } = await iam.getUser({ UserName: name });
    for (const { AccessKeyId } of (await iam.listAccessKeys({ UserName: name })).AccessKeyMetadata ?? []) {
      await iam.deleteAccessKey({ UserName: name, AccessKeyId });
    }
    await iam.deleteUser({ UserName: name });
    const second = await makeUser(iam, name);
    expect(second.arn).to.equal(first.arn);
    await refused(encrypt(second, key), denied);
    await refused(second.kms.retireGrant({ KeyId: key.arn, GrantId }), denied);
    const [listed] = (await admin.listGrants({ KeyId: key.id })).Grants ?? [];
    expect(listed).to.include({ GranteePrincipal: User?.UserId, RetiringPrincipal: User?.UserId });
    expect((await admin.listGrants({ KeyId: key.id, GranteePrincipal: second.arn })).Grants).to.deep.equal(
      [],
    );
  });

  it('a grantee gives on what the grant gives, or less, if it says so', async () => {
    const key = await newKey(admin);
    const [parent, child, third] = [await user(), await user(), await user()];
    const bound = { Constraints: { EncryptionContextSubset: blue } };
    await refused(grant(key, child, ['Encrypt'], bound, parent.kms), denied);
    await grant(key, parent, ['CreateGrant', 'Encrypt', 'Decrypt'], bound);
    await refused(grant(key, child, ['Encrypt'], {}, parent.kms), denied);
    await refused(grant(key, child, ['Encrypt', 'GenerateDataKey'], bound, parent.kms), denied);
    const red = { Constraints: { EncryptionContextSubset: { tenant: 'red' } } };
    await refused(grant(key, child, ['Encrypt'], red, parent.kms), denied);
    const narrower = { Constraints: { EncryptionContextEquals: { ...blue, file: '1' } } };
    await grant(key, child, ['Encrypt', 'CreateGrant'], narrower, parent.kms);
    await encrypt(child, key, { EncryptionContext: { ...blue, file: '1' } });
    await refused(encrypt(child, key, { EncryptionContext: blue }), denied);
    await refused(grant(key, third, ['Encrypt'], bound, child.kms), denied);
    const { GrantToken = '' } = await grant(key, third, ['Encrypt'], narrower, child.kms);
    await encrypt(third, key, { EncryptionContext: { ...blue, file: '1' }, GrantTokens: [GrantToken] });
    // A token is for its grantee.
    await refused(
      encrypt(parent, key, { EncryptionContext: { file: '1' }, GrantTokens: [GrantToken] }),
      denied,
    );
    const issuers = (await admin.listGrants({ KeyId: key.id })).Grants?.map(
      ({ IssuingAccount }) => IssuingAccount,
    );
    expect(new Set(issuers)).to.deep.equal(new Set([`arn:aws:iam::${at.account}:root`]));
  });

  it('a grant is retired by whom it names, and by whom the account lets', async () => {
    const key = await newKey(admin);
    const [grantee, retiring, stranger] = [await user(), await user(), await user()];
    const delegate = await user({ Action: 'kms:RetireGrant' });
    const barred = await user({ Effect: 'Deny', Action: 'kms:RetireGrant' });
    const make = async (RetiringPrincipal: string, ...more: GrantOperation[]) => {
      const made = await grant(key, grantee, ['Encrypt', ...more], { RetiringPrincipal });
      return made.GrantToken ?? '';
    };
    const first = await make(retiring.arn);
    for (const who of [grantee, stranger, barred]) {
      await refused(who.kms.retireGrant({ GrantToken: first }), denied);
      await refused(who.kms.retireGrant({ GrantToken: first, DryRun: true }), denied);
    }
    await refused(retiring.kms.retireGrant({ GrantToken: first, DryRun: true }), 'DryRunOperationException');
    await encrypt(grantee, key);
    await retiring.kms.retireGrant({ GrantToken: first });
    await refused(encrypt(grantee, key), denied);
    await grantee.kms.retireGrant({ GrantToken: await make(retiring.arn, 'RetireGrant') });
    await delegate.kms.retireGrant({ GrantToken: await make(retiring.arn) });
    const forBarred = await make(barred.arn);
    await refused(
      barred.kms.retireGrant({ GrantToken: forBarred }),
      denied,
      /with an explicit deny in an identity-based policy$/,
    );
    await admin.retireGrant({ GrantToken: forBarred });
    // Of one that is gone only those learn who might have retired it.
    await refused(stranger.kms.retireGrant({ GrantToken: forBarred }), denied);
    await refused(delegate.kms.retireGrant({ GrantToken: forBarred }), 'NotFoundException');
  });

  it("a session policy limits what a role's session may retire", async () => {
    const key = await newKey(admin);
    const worker = await role();
    const { GrantToken } = await grant(key, worker, ['Encrypt'], { RetiringPrincipal: worker.arn });
    const limited = await worker.session('limited', document({ Action: 'kms:Encrypt' }));
    await refused(limited.kms.retireGrant({ GrantToken }), denied, /no session policy allows/);
    await (await worker.session('free')).kms.retireGrant({ GrantToken });
  });

  it('a grant is listed and revoked by permission alone, never by a grant', async () => {
    const key = await newKey(admin);
    const grantee = await user();
    const auditor = await user({ Action: ['kms:ListGrants', 'kms:ListRetirableGrants'] });
    const operator = await user({ Action: 'kms:RevokeGrant' });
    const all: GrantOperation[] = ['Encrypt', 'CreateGrant', 'RetireGrant', 'DescribeKey'];
    const { GrantId } = await grant(key, grantee, all, { RetiringPrincipal: grantee.arn });
    await refused(grantee.kms.listGrants({ KeyId: key.arn }), denied);
    await refused(grantee.kms.revokeGrant({ KeyId: key.arn, GrantId }), denied);
    await refused(grantee.kms.listRetirableGrants({ RetiringPrincipal: grantee.arn }), denied);
    expect((await auditor.kms.listGrants({ KeyId: key.arn })).Grants).to.have.length(1);
    const retirable = await auditor.kms.listRetirableGrants({ RetiringPrincipal: grantee.arn });
    expect(retirable.Grants?.map((one) => one.GrantId)).to.deep.equal([GrantId]);
    await refused(auditor.kms.revokeGrant({ KeyId: key.arn, GrantId }), denied);
    await operator.kms.revokeGrant({ KeyId: key.arn, GrantId });
  });

  it('who may retire grants of whom is a permission on the retiring principal', async () => {
    const [mine, theirs] = [await user(), await user()];
    const auditor = await user({ Action: 'kms:ListRetirableGrants', Resource: mine.arn });
    await auditor.kms.listRetirableGrants({ RetiringPrincipal: mine.arn });
    await refused(auditor.kms.listRetirableGrants({ RetiringPrincipal: theirs.arn }), denied);
    await refused(
      admin.listRetirableGrants({ RetiringPrincipal: 'arn:aws:iam::444455556666:user/nobody' }),
      denied,
    );
  });

  it('conditions on what a grant gives, to whom, and for whom are enforced', async () => {
    const key = await newKey(admin);
    const [grantee, other] = [await user(), await user()];
    const action = { Action: 'kms:CreateGrant' };
    const bound = { Constraints: { EncryptionContextSubset: blue } };
    const cases: [object, Parameters<typeof grant>[3], GrantOperation[], 'yes' | 'no'][] = [
      [{ Bool: { 'kms:GrantIsForAWSResource': true } }, {}, ['Encrypt'], 'no'],
      [{ Bool: { 'kms:GrantIsForAWSResource': false } }, {}, ['Encrypt'], 'yes'],
      [
        { 'ForAllValues:StringEquals': { 'kms:GrantOperations': ['Encrypt', 'Decrypt'] } },
        {},
        ['Encrypt'],
        'yes',
      ],
      [
        { 'ForAllValues:StringEquals': { 'kms:GrantOperations': ['Encrypt'] } },
        {},
        ['Encrypt', 'Decrypt'],
        'no',
      ],
      [{ StringEquals: { 'kms:GranteePrincipal': grantee.arn } }, {}, ['Encrypt'], 'yes'],
      [{ StringEquals: { 'kms:GranteePrincipal': other.arn } }, {}, ['Encrypt'], 'no'],
      [{ StringEquals: { 'kms:RetiringPrincipal': other.arn } }, {}, ['Encrypt'], 'no'],
      [
        { StringEquals: { 'kms:RetiringPrincipal': other.arn } },
        { RetiringPrincipal: other.arn },
        ['Encrypt'],
        'yes',
      ],
      [{ StringEquals: { 'kms:GrantConstraintType': 'EncryptionContextSubset' } }, {}, ['Encrypt'], 'no'],
      [{ StringEquals: { 'kms:GrantConstraintType': 'EncryptionContextSubset' } }, bound, ['Encrypt'], 'yes'],
      [{ StringEquals: { 'kms:GrantConstraintType': 'EncryptionContextEquals' } }, bound, ['Encrypt'], 'no'],
      [{ StringEquals: { 'kms:EncryptionContext:tenant': 'blue' } }, bound, ['Encrypt'], 'yes'],
      [{ StringEquals: { 'kms:EncryptionContext:tenant': 'red' } }, bound, ['Encrypt'], 'no'],
    ];
    const maker = await user(action);
    for (const [Condition, more, operations, expected] of cases) {
      await allow(iam, maker.name, { ...action, Condition });
      const name = await grant(key, grantee, operations, more, maker.kms).then(
        () => 'yes',
        (error: Error) => (error.name === denied ? 'no' : error.name),
      );
      expect(name, JSON.stringify(Condition)).to.equal(expected);
    }
  });

  it('of more grants than a node keeps of one grantee, each is in force', async () => {
    const key = await newKey(admin);
    const grantee = await user();
    const tenants = Array.from({ length: 201 }, (_, index) => ({ tenant: `${index}` }));
    await Promise.all(
      tenants.map((tenant) =>
        grant(key, grantee, ['Encrypt', 'CreateGrant'], { Constraints: { EncryptionContextSubset: tenant } }),
      ),
    );
    const some = [0, 100, 200].map((index) => tenants[index] ?? {});
    for (const EncryptionContext of some) await encrypt(grantee, key, { EncryptionContext });
    await refused(encrypt(grantee, key, { EncryptionContext: { tenant: '201' } }), denied);
    await refused(encrypt(grantee, key), denied);
    await refused(grantee.kms.describeKey({ KeyId: key.arn }), denied);
    const [bound = {}] = some;
    await grant(key, grantee, ['Encrypt'], { Constraints: { EncryptionContextEquals: bound } }, grantee.kms);
    const { GrantId } = await grant(key, grantee, ['DescribeKey', 'GenerateDataKey']);
    await grantee.kms.describeKey({ KeyId: key.arn });
    const dataKey = () => grantee.kms.generateDataKey({ KeyId: key.arn, KeySpec: 'AES_256' });
    await dataKey();
    await admin.revokeGrant({ KeyId: key.arn, GrantId });
    for (let index = 0; index < 4; index += 1) await refused(dataKey(), denied);
    await refused(grantee.kms.describeKey({ KeyId: key.arn }), denied);
  });

  it('across accounts a grant needs the policies of the other account too', async () => {
    const made = await makeAccount(at);
    const theirs = iamOf(profileIn(made.file, made.profile));
    const [allowed, without] = [
      await makeUser(theirs, unique('grantee'), { Action: ['kms:Encrypt', 'kms:ListRetirableGrants'] }),
      await makeUser(theirs, unique('grantee')),
    ];
    const key = await newKey(admin);
    await refused(encrypt(allowed, key), denied);
    const { GrantToken } = await grant(key, allowed, ['Encrypt'], { RetiringPrincipal: allowed.arn });
    await grant(key, without, ['Encrypt']);
    await encrypt(allowed, key);
    await refused(encrypt(without, key), denied);
    await refused(allowed.kms.listGrants({ KeyId: key.arn }), denied);
    const absent = { ...key, arn: key.arn.replace(key.id, '00000000-1111-4222-8333-444444444444') };
    const there = await refusalText(allowed.kms.listGrants({ KeyId: key.arn }));
    const nowhere = await refusalText(allowed.kms.listGrants({ KeyId: absent.arn }));
    expect(nowhere.replace(absent.arn, key.arn)).to.equal(there);
    const { Grants = [] } = await allowed.kms.listRetirableGrants({ RetiringPrincipal: allowed.arn });
    expect(Grants.map(({ KeyId }) => KeyId)).to.deep.equal([key.arn]);
    await refused(without.kms.retireGrant({ GrantToken }), denied);
    await allowed.kms.retireGrant({ GrantToken });
    await refused(encrypt(allowed, key), denied);
    await refused(allowed.kms.retireGrant({ GrantToken }), denied);
  });

  async function refusalText(request: Promise<unknown>): Promise<string> {
    return request.then(
      () => expect.fail('it was answered'),
      (error: Error) => error.message,
    );
  }
});
