import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import type { Principal } from '../../src/identity/principal.ts';
import type { ServiceName } from '../../src/service.ts';
import { type Assembly, assemble } from '../jobs/assembly.ts';

const other = '444455556666';
const stranger: Principal = {
  type: 'Root',
  arn: `arn:aws:iam::${other}:root`,
  principalId: other,
  account: other,
  userName: undefined,
};

/** What account 444455556666 can find out about account 111122223333. */
describe('an account beside another', function () {
  this.timeout(20_000);
  let at: Assembly;
  before(async () => {
    at = await assemble();
    await at.store.createAccount(other, 'other');
  });
  after(() => at.close());

  /** The error that a call of the stranger's meets. */
  async function refusal(
    service: ServiceName,
    operation: string,
    input: Record<string, unknown>,
    who = stranger,
  ): Promise<KmsError> {
    const error = await at.callAs(who, service, operation, input).then(
      () => expect.fail('it was answered'),
      (reason: unknown) => reason,
    );
    if (!(error instanceof KmsError)) throw error;
    return error;
  }

  /** The newest record that the stranger's account has, without what differs from call to call. */
  async function ownRecord(names: readonly string[]): Promise<string> {
    const record = (await at.records())
      .filter(({ recipientAccountId }) => recipientAccountId === other)
      .at(-1);
    const {
      eventID: _id,
      requestID: _request,
      eventTime: _time,
      ...rest
    } = record ?? expect.fail('no record');
    const { trail: _place, ...told } = { trail: undefined, ...rest };
    return names.reduce((text, name) => text.replaceAll(name, 'NAME'), JSON.stringify(told));
  }

  it('reads the same in its trail whether a key is there or not', async () => {
    const there = await at.createKey();
    const absent = crypto.randomUUID();
    const records: string[] = [];
    for (const keyId of [there, absent]) {
      const KeyId = `arn:aws:kms:us-east-1:111122223333:key/${keyId}`;
      const error = await refusal('kms', 'DescribeKey', { KeyId });
      expect(error.code).to.equal('AccessDeniedException');
      records.push(await ownRecord([keyId]));
    }
    expect(records[0]).to.equal(records[1]);
  });

  it('is told the same of an alias whether it is there or not, and never its key', async () => {
    await at.call('CreateAlias', { AliasName: 'alias/there', TargetKeyId: await at.createKey() });
    const told: string[] = [];
    for (const name of ['there', 'absent']) {
      const KeyId = `arn:aws:kms:us-east-1:111122223333:alias/${name}`;
      const error = await refusal('kms', 'Encrypt', { KeyId, Plaintext: 'AAAA' });
      expect(error.code).to.equal('AccessDeniedException');
      told.push(error.message.replaceAll(name, 'NAME'), await ownRecord([name]));
    }
    expect(told.slice(0, 2)).to.deep.equal(told.slice(2));
  });

  it('learns nothing of keys by re-encrypting from or to them', async () => {
    const there = `arn:aws:kms:us-east-1:111122223333:key/${await at.createKey()}`;
    const absent = `arn:aws:kms:us-east-1:111122223333:key/${crypto.randomUUID()}`;
    const user = await newUser(at, 're-encrypter', { Action: ['kms:Encrypt', 'kms:ReEncryptTo'] });
    const { KeyMetadata } = await at.callAs<{ KeyMetadata: { KeyId: string } }>(
      stranger,
      'kms',
      'CreateKey',
      {},
    );
    const { KeyId } = KeyMetadata;
    const { CiphertextBlob } = await at.callAs<{ CiphertextBlob: string }>(stranger, 'kms', 'Encrypt', {
      KeyId,
      Plaintext: 'AAAA',
    });
    const asked: [string, (arn: string) => Record<string, unknown>][] = [
      ['to it, from a key that may not be', (DestinationKeyId) => ({ DestinationKeyId })],
      [
        'from it, to a key that is not there',
        (SourceKeyId) => ({ SourceKeyId, DestinationKeyId: crypto.randomUUID() }),
      ],
      ['from it, to no key', (SourceKeyId) => ({ SourceKeyId, DestinationKeyId: 'none' })],
    ];
    for (const [name, input] of asked) {
      const told: string[] = [];
      for (const arn of [there, absent]) {
        const error = await refusal('kms', 'ReEncrypt', { CiphertextBlob, ...input(arn) }, user);
        told.push(`${error.code} ${error.message.replaceAll(arn, 'ARN')}`);
      }
      expect(told[0], name).to.equal(told[1]);
    }
  });

  it('learns nothing of the tags of users and policies by conditions of its own', async () => {
    const tags = { Tags: [{ Key: 'level', Value: 'secret' }] };
    const nothing = { Effect: 'Allow', Action: 'kms:ListKeys', Resource: '*' };
    const { Policy } = await at.callAs<{ Policy: { Arn: string } }>(at.root, 'iam', 'CreatePolicy', {
      PolicyName: 'tagged',
      PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [nothing] }),
      ...tags,
    });
    const { User } = await at.callAs<{ User: { Arn: string } }>(at.root, 'iam', 'CreateUser', {
      UserName: 'tagged',
      ...tags,
    });
    const condition = { StringLike: { 'aws:ResourceTag/level': 's*' } };
    const user = await newUser(at, 'guesser', { Condition: condition });
    const kinds: [string, string, (arn: string) => Record<string, unknown>][] = [
      ['GetPolicy', Policy.Arn, (PolicyArn) => ({ PolicyArn })],
      [
        'SimulatePrincipalPolicy',
        User.Arn,
        (PolicySourceArn) => ({ PolicySourceArn, ActionNames: ['kms:Encrypt'] }),
      ],
    ];
    for (const [operation, arn, input] of kinds) {
      const absent = arn.replace(/tagged$/, 'absent');
      const there = await refusal('iam', operation, input(arn), user);
      const not = await refusal('iam', operation, input(absent), user);
      expect(there.message.replaceAll(arn, absent), operation).to.equal(not.message);
    }
  });

  it('learns nothing of a user by simulating its requests', async () => {
    await at.callAs(at.root, 'iam', 'CreateUser', { UserName: 'there' });
    const known = {
      Effect: 'Allow',
      Action: '*',
      Resource: '*',
      Condition: { StringLike: { 'aws:userid': 'A*' } },
    };
    const decisions: string[] = [];
    for (const name of ['there', 'absent']) {
      const { EvaluationResults } = await at.callAs<{ EvaluationResults: { EvalDecision: string }[] }>(
        stranger,
        'iam',
        'SimulateCustomPolicy',
        {
          PolicyInputList: [JSON.stringify({ Version: '2012-10-17', Statement: [known] })],
          ActionNames: ['kms:Encrypt'],
          CallerArn: `arn:aws:iam::111122223333:user/${name}`,
        },
      );
      decisions.push(...EvaluationResults.map(({ EvalDecision }) => EvalDecision));
    }
    expect(decisions).to.deep.equal(['implicitDeny', 'implicitDeny']);
  });

  it('is not told what the policy of a key asks of encryption contexts', async () => {
    const condition = { StringNotEquals: { 'kms:EncryptionContext:tenant': 'blue' } };
    const all = { Principal: { AWS: '*' }, Resource: '*' };
    const KeyId = `arn:aws:kms:us-east-1:111122223333:key/${await at.createKey()}`;
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { ...all, Effect: 'Deny', Action: 'kms:Encrypt', Condition: condition },
        { ...all, Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: 'kms:*' },
      ],
    });
    await at.call('PutKeyPolicy', { KeyId, Policy });
    const EncryptionContext = { tenant: 'blue', Tenant: 'blue' };
    const error = await refusal('kms', 'Encrypt', { KeyId, Plaintext: 'AAAA', EncryptionContext });
    expect(error.code).to.equal('AccessDeniedException');
    expect(error.message).to.contain('because the resource does not exist in this Region');
  });

  it('reads the same in its trail whether a role is there or not', async () => {
    const trust = { Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: 'sts:AssumeRole' };
    await at.callAs(at.root, 'iam', 'CreateRole', {
      RoleName: 'there',
      AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [trust] }),
    });
    const user = await newUser(at, 'prober');
    const records: string[] = [];
    for (const name of ['there', 'absent']) {
      const input = { RoleArn: `arn:aws:iam::111122223333:role/${name}`, RoleSessionName: 'probe' };
      const error = await refusal('sts', 'AssumeRole', input, user);
      expect(error.code).to.equal('AccessDeniedException');
      records.push(await ownRecord([name]));
    }
    expect(records[0]).to.equal(records[1]);
    const told = (await at.records()).filter(
      ({ eventName, recipientAccountId }) => eventName === 'AssumeRole' && recipientAccountId !== other,
    );
    expect(told, 'the account of the role that is there').to.have.length(1);
    expect(told[0]).to.deep.include({
      userIdentity: { type: 'AWSAccount', principalId: user.principalId, accountId: other },
      recipientAccountId: '111122223333',
      errorCode: 'AccessDeniedException',
    });
    expect(JSON.stringify(told[0]), 'of who asked its account alone').not.to.contain('prober');
  });
});

/** A user of the stranger's, who may do everything. @param more of the statement that says so */
async function newUser(at: Assembly, name: string, more: object = {}): Promise<Principal> {
  const { User } = await at.callAs<{ User: { UserId: string; Arn: string } }>(stranger, 'iam', 'CreateUser', {
    UserName: name,
  });
  const everything = { Effect: 'Allow', Action: '*', Resource: '*', ...more };
  await at.callAs(stranger, 'iam', 'PutUserPolicy', {
    UserName: name,
    PolicyName: 'everything',
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [everything] }),
  });
  return { type: 'IAMUser', arn: User.Arn, principalId: User.UserId, account: other, userName: name };
}
