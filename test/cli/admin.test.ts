import { join } from 'node:path';
import { expect } from 'chai';
import { change, document, recordsOf, trailText } from '../clients/operator.ts';
import { newKey, refused } from '../clients/shared.ts';
import { type Service, startService } from '../service.ts';
import { type Clients, clientsOf, coffer, complaint, makeAccount, profileIn } from './coffer.ts';

const administratorAccess = 'arn:aws:iam::aws:policy/AdministratorAccess';

describe('coffer admin', function () {
  this.timeout(60_000);
  let at: Service;
  const clients: Clients[] = [];

  before(async () => {
    at = await startService({ workers: 2, hosts: 1 });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    if (at.pids().length === 0) await at.start();
  });
  after(() => at.remove());

  /** An account of the test's own, with its administrator's id and clients. */
  async function account() {
    const made = await makeAccount(at);
    const own = as(made.file, made.profile);
    const { UserId: userId = '' } = await own.sts.getCallerIdentity({});
    return { ...made, ...own, userId, scope: { region: at.region, account: made.account } };
  }

  function as(file: string, profile: string): Clients {
    const made = clientsOf(at, profileIn(file, profile));
    clients.push(made);
    return made;
  }

  async function reset(own: { account: string; file: string }, ...more: string[]) {
    const args = ['admin', 'reset', '--account', own.account, '--credentials', own.file, ...more];
    return JSON.parse(await coffer(at, ...args));
  }

  it('gives an administrator who has lost the access key another one', async () => {
    const own = await account();
    const done = await reset(own);
    expect(done).to.deep.include({
      account: own.account,
      administrator: `arn:aws:iam::${own.account}:user/administrator`,
      profile: own.profile,
      revoked: [],
      denying: [],
    });
    const again = as(own.file, own.profile);
    expect((await again.sts.getCallerIdentity({})).UserId).to.equal(own.userId);
    expect(done.accessKeyId).not.to.equal(own.accessKeyId);
    await own.kms.listKeys({});
  });

  it('takes the old access keys from whoever has them, for the very next request', async () => {
    const own = await account();
    await reset(own);
    expect(
      await complaint(at, 'admin', 'reset', '--account', own.account, '--credentials', own.file),
    ).to.match(/has 2 access keys already \(AKIA\w+, AKIA\w+\).*--revoke/);
    const second = as(own.file, own.profile);
    for (let i = 0; i < 4; i++) await second.kms.listKeys({});
    const { revoked } = await reset(own, '--revoke');
    expect(revoked).to.include(own.accessKeyId).and.to.have.length(2);
    for (let i = 0; i < 4; i++) await refused(second.kms.listKeys({}), 'UnrecognizedClientException');
    await refused(own.kms.listKeys({}), 'UnrecognizedClientException');
    await as(own.file, own.profile).kms.listKeys({});
  });

  it('makes the administrator again who is gone', async () => {
    const own = await account();
    const { scope, userId: id } = own;
    await change(at, { ...scope, type: 'access-key-deleted', accessKeyId: own.accessKeyId, principalId: id });
    await change(at, { ...scope, type: 'policy-detached', id, policyArn: administratorAccess });
    await change(at, { ...scope, type: 'identity-deleted', id });
    await refused(own.kms.listKeys({}), 'UnrecognizedClientException');
    await reset(own);
    const again = as(own.file, own.profile);
    const { UserId } = await again.sts.getCallerIdentity({});
    expect(UserId).to.match(/^AIDA/).and.not.to.equal(id);
    await newKey(again.kms);
  });

  it('takes what bounds the administrator away, attaches what it had, and names what denies', async () => {
    const own = await account();
    const { scope, userId: id } = own;
    const Deny = { Effect: 'Deny', Action: 'kms:ListAliases', Resource: '*' };
    await change(at, { ...scope, type: 'policy-detached', id, policyArn: administratorAccess });
    await change(at, {
      ...scope,
      type: 'boundary-set',
      id,
      policyArn: 'arn:aws:iam::aws:policy/AWSCloudTrail_ReadOnlyAccess',
    });
    const inline = { ...scope, type: 'inline-policy-put', id, limit: 2_048 } as const;
    await change(at, { ...inline, name: 'no-aliases', document: document(Deny) });
    await change(at, { ...inline, name: 'harmless', document: document({ Action: 'kms:*', Resource: '*' }) });
    await refused(own.kms.listKeys({}), 'AccessDeniedException');
    const { denying } = await reset(own);
    expect(denying).to.deep.equal(['user policy no-aliases']);
    await own.kms.listKeys({});
    await refused(own.kms.listAliases({}), 'AccessDeniedException', /with an explicit deny/);
    const said = ['DeleteUserPermissionsBoundary', 'AttachUserPolicy', 'CreateAccessKey'].map((operation) =>
      recordsOf(at, operation).find(
        ({ recipientAccountId, userIdentity }) =>
          recipientAccountId === own.account && userIdentity.invokedBy === 'coffer admin',
      ),
    );
    expect(said.map((record) => record?.requestParameters.userName)).to.deep.equal(
      Array(3).fill('administrator'),
    );
  });

  it('recovers it while the service doesn’t run', async () => {
    const own = await account();
    await at.stop();
    await reset(own, '--revoke');
    await at.start();
    const again = as(own.file, own.profile);
    expect((await again.sts.getCallerIdentity({})).UserId).to.equal(own.userId);
    const revoked = recordsOf(at, 'DeleteAccessKey').map(
      ({ requestParameters }) => requestParameters.accessKeyId,
    );
    expect(revoked).to.include(own.accessKeyId);
    expect(trailText(at).includes(profileIn(own.file, own.profile).secretAccessKey)).to.equal(false);
    const old = clientsOf(at, { ...profileIn(own.file, own.profile), accessKeyId: own.accessKeyId });
    clients.push(old);
    await refused(old.kms.listKeys({}), 'UnrecognizedClientException');
  });

  it('asks which account where there are several', async () => {
    const own = await account();
    expect(await complaint(at, 'admin', 'reset', '--credentials', own.file)).to.match(
      /say which with --account/,
    );
    expect(await complaint(at, 'admin', 'reset', '--account', '000000000000')).to.match(
      /there is no account/,
    );
    expect(await complaint(at, 'admin')).to.match(/^coffer admin: usage:/);
  });

  describe('reset-key-policy', () => {
    /** A key that its account can do nothing with. */
    async function lockedKey(own: Clients) {
      const key = await newKey(own.kms);
      const nobody = document({ Principal: { AWS: at.account }, Action: 'kms:Encrypt', Resource: '*' });
      await own.kms.putKeyPolicy({ KeyId: key.id, Policy: nobody, BypassPolicyLockoutSafetyCheck: true });
      for (let i = 0; i < 4; i++)
        await refused(own.kms.describeKey({ KeyId: key.id }), 'AccessDeniedException');
      await refused(own.kms.getKeyPolicy({ KeyId: key.id }), 'AccessDeniedException');
      return key;
    }

    it('lets a key’s account in again, for the very next request', async () => {
      const own = await account();
      const key = await lockedKey(own);
      const done = JSON.parse(await coffer(at, 'admin', 'reset-key-policy', key.arn));
      expect(done.key).to.equal(key.arn);
      for (let i = 0; i < 4; i++) await own.kms.describeKey({ KeyId: key.id });
      const { Policy = '' } = await own.kms.getKeyPolicy({ KeyId: key.id });
      expect(JSON.parse(Policy)).to.deep.equal(done.policy);
      const record = recordsOf(at, 'PutKeyPolicy').find(
        ({ userIdentity }) => userIdentity.type === 'AWSService',
      );
      expect(record).to.deep.include({
        eventSource: 'kms.amazonaws.com',
        recipientAccountId: own.account,
        resources: [{ accountId: own.account, type: 'AWS::KMS::Key', ARN: key.arn }],
      });
      expect(record.userIdentity.invokedBy).to.equal('coffer admin');
    });

    it('does so while the service doesn’t run, by the key’s id', async () => {
      const own = await account();
      const key = await lockedKey(own);
      await at.stop();
      await coffer(at, 'admin', 'reset-key-policy', key.id);
      await at.start();
      await as(own.file, own.profile).kms.describeKey({ KeyId: key.id });
    });

    it('names no key that isn’t there', async () => {
      const none = '00000000-0000-4000-8000-000000000000';
      expect(await complaint(at, 'admin', 'reset-key-policy', none)).to.match(/there is no key/);
      expect(await complaint(at, 'admin', 'reset-key-policy', 'arn:aws:iam::x')).to.match(/names no key/);
      expect(await complaint(at, 'admin', 'reset-key-policy', join('a', 'b'))).to.match(/there is no key/);
    });
  });
});
