import { expect } from 'chai';
import { newKey, refused, service } from './shared.ts';

const malformed = 'MalformedPolicyDocumentException';

describe('key policies over HTTP', () => {
  before(async function () {
    this.timeout(60_000);
    await service();
  });

  const root = async () => `arn:aws:iam::${(await service()).account}:root`;
  const statement = (Principal: unknown, Action: unknown, more: object = {}) => ({
    Effect: 'Allow',
    Principal,
    Action,
    Resource: '*',
    ...more,
  });
  const document = (...Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement });

  it('a key has the default policy until another is put, and shows what was put', async () => {
    const client = (await service()).client();
    const { id: KeyId } = await newKey(client);
    const { Policy: first, PolicyName } = await client.getKeyPolicy({ KeyId });
    expect(PolicyName).to.equal('default');
    expect(JSON.parse(first ?? '').Statement[0].Principal).to.deep.equal({ AWS: await root() });
    const Policy = document(statement({ AWS: await root() }, ['kms:*']));
    await client.putKeyPolicy({ KeyId, Policy });
    const { Policy: second } = await client.getKeyPolicy({ KeyId, PolicyName: 'default' });
    expect(JSON.parse(second ?? '')).to.deep.equal(JSON.parse(Policy));
  });

  it('what a policy takes away is refused with the very next request, in the words of AWS', async () => {
    const at = await service();
    const client = at.client();
    const { id: KeyId, arn } = await newKey(client);
    const Plaintext = Buffer.from('attack at dawn');
    await client.encrypt({ KeyId, Plaintext });
    const everything = statement({ AWS: await root() }, 'kms:*');
    const Policy = document(everything, {
      ...statement('*', 'kms:Encrypt'),
      Effect: 'Deny',
      Sid: 'NobodyEncrypts',
    });
    await client.putKeyPolicy({ KeyId, Policy });
    const user = `arn:aws:iam::${at.account}:user/administrator`;
    await refused(
      client.encrypt({ KeyId, Plaintext }),
      'AccessDeniedException',
      `User: ${user} is not authorized to perform: kms:Encrypt on resource: ${arn} with an explicit deny in a resource-based policy`,
    );
    await client.generateDataKey({ KeyId, KeySpec: 'AES_256' });
    await client.putKeyPolicy({ KeyId, Policy: document(everything) });
    await client.encrypt({ KeyId, Plaintext });
  });

  it('without the account in it, identity policies count for nothing on the key', async () => {
    const at = await service();
    const client = at.client();
    const user = `arn:aws:iam::${at.account}:user/administrator`;
    const Policy = document(
      statement({ AWS: user }, ['kms:PutKeyPolicy', 'kms:GetKeyPolicy', 'kms:Decrypt']),
    );
    const { id: KeyId, arn } = await newKey(client, { Policy });
    await refused(
      client.encrypt({ KeyId, Plaintext: Buffer.from('x') }),
      'AccessDeniedException',
      `User: ${user} is not authorized to perform: kms:Encrypt on resource: ${arn} because no resource-based policy allows the kms:Encrypt action`,
    );
    // Stored as the user's unique id, and shown by its ARN.
    expect(JSON.parse((await client.getKeyPolicy({ KeyId })).Policy ?? '')).to.deep.equal(JSON.parse(Policy));
  });

  it('conditions on the encryption context, the alias and the tags are enforced', async () => {
    const at = await service();
    const client = at.client();
    const name = 'alias/condition-of-policy';
    const Policy = document(
      statement({ AWS: await root() }, ['kms:*Key*', 'kms:*Alias*', 'kms:TagResource']),
      statement({ AWS: await root() }, 'kms:Encrypt', {
        Condition: {
          StringEquals: {
            'kms:EncryptionContext:tenant': 'blue',
            'kms:RequestAlias': name,
            'aws:ResourceTag/use': 'test',
            'kms:CallerAccount': at.account,
          },
          'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': ['tenant', 'purpose'] },
        },
      }),
    );
    const { id } = await newKey(client, { Policy, Tags: [{ TagKey: 'use', TagValue: 'test' }] });
    await client.createAlias({ AliasName: name, TargetKeyId: id });
    const encrypt = (KeyId: string, EncryptionContext?: Record<string, string>) =>
      client.encrypt({ KeyId, Plaintext: Buffer.from('x'), ...(EncryptionContext && { EncryptionContext }) });
    await encrypt(name, { tenant: 'blue' });
    await encrypt(name, { tenant: 'blue', purpose: 'test' });
    const denied = 'AccessDeniedException';
    await refused(encrypt(name, { tenant: 'red' }), denied);
    await refused(encrypt(name, { tenant: 'blue', other: 'x' }), denied);
    await refused(encrypt(name), denied);
    await refused(encrypt(id, { tenant: 'blue' }), denied);
    await refused(encrypt(name, { tenant: 'blue', Tenant: 'red' }), 'ValidationException');
    await client.tagResource({ KeyId: id, Tags: [{ TagKey: 'use', TagValue: 'other' }] });
    await refused(encrypt(name, { tenant: 'blue' }), denied);
  });

  it('a policy that is none, names nobody who is there or is too large is refused, and the key keeps its own', async () => {
    const at = await service();
    const client = at.client();
    const { id: KeyId } = await newKey(client);
    const { Policy: before } = await client.getKeyPolicy({ KeyId });
    const put = (Policy: string) => client.putKeyPolicy({ KeyId, Policy });
    await refused(put('{'), malformed);
    await refused(put(JSON.stringify({ Statement: [] })), malformed);
    await refused(put(document({ Effect: 'Allow', Action: 'kms:*', Resource: '*' })), malformed);
    const nobody = `arn:aws:iam::${at.account}:user/nobody`;
    for (const AWS of [
      nobody,
      'arn:aws:iam::999988887777:root',
      '999988887777',
      'AIDAAAAAAAAAAAAAAAAAA',
      'x',
    ]) {
      await refused(
        put(document(statement({ AWS: await root() }, 'kms:*'), statement({ AWS }, 'kms:Encrypt'))),
        malformed,
        /invalid principals/,
      );
    }
    const large = document(statement({ AWS: await root() }, ['kms:*'], { Sid: 'x'.repeat(33_000) }));
    await refused(put(large), 'LimitExceededException');
    await refused(
      client.putKeyPolicy({ KeyId, Policy: before ?? '', PolicyName: 'other' }),
      'NotFoundException',
    );
    expect((await client.getKeyPolicy({ KeyId })).Policy).to.equal(before);
  });

  it('nobody locks themselves out, unless they say that they mean it', async () => {
    const client = (await service()).client();
    const { id: KeyId } = await newKey(client);
    const Policy = document(statement({ AWS: await root() }, ['kms:Describe*', 'kms:ScheduleKeyDeletion']));
    const message = 'The new key policy will not allow you to update the key policy in the future.';
    await refused(client.putKeyPolicy({ KeyId, Policy }), malformed, message);
    await refused(client.createKey({ Policy }), malformed, message);
    await client.putKeyPolicy({ KeyId, Policy, BypassPolicyLockoutSafetyCheck: true });
    await refused(client.getKeyPolicy({ KeyId }), 'AccessDeniedException');
    await client.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
  });

  it('a dry run asks the policy too', async () => {
    const client = (await service()).client();
    const { id: KeyId } = await newKey(client, {
      Policy: document(statement({ AWS: await root() }, ['kms:PutKeyPolicy'])),
    });
    await refused(
      client.encrypt({ KeyId, Plaintext: Buffer.from('x'), DryRun: true }),
      'AccessDeniedException',
    );
  });
});
