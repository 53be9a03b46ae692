import { expect } from 'chai';
import { allow, assembly, iam, newUser, refused } from './iam/fixture.ts';

const deny = (Action: string, Condition: object, more: object = {}) => ({
  Effect: 'Deny',
  Action,
  Resource: '*',
  Condition,
  ...more,
});

/** Who may do everything but what these statements deny. */
function userWith(...statements: object[]) {
  const all = { Effect: 'Allow', Action: '*', Resource: '*' };
  return newUser(JSON.stringify({ Version: '2012-10-17', Statement: [all, ...statements] }));
}

describe('what policies ask of a request', function () {
  this.timeout(20_000);

  it('is not passed by with a tag in two cases', async () => {
    const at = await assembly();
    const secret = { StringEquals: { 'aws:RequestTag/level': 'secret' } };
    const user = await userWith(deny('kms:TagResource', secret));
    const tag = (TagKey: string, TagValue: string) => ({ TagKey, TagValue });
    const KeyId = await at.createKey();
    const put = (Tags: object[]) => at.callAs(user, 'kms', 'TagResource', { KeyId, Tags });
    await refused(put([tag('level', 'secret')]), 'AccessDeniedException');
    await refused(put([tag('level', 'secret'), tag('LEVEL', 'open')]), 'ValidationException');
    await refused(
      at.callAs(user, 'kms', 'CreateKey', { Tags: [tag('level', 'secret'), tag('LEVEL', 'open')] }),
      'ValidationException',
    );
    await put([tag('level', 'open'), tag('owner', 'one'), tag('OWNER', 'two')]);
  });

  it('is not passed by where a key has a tag in two cases', async () => {
    const at = await assembly();
    const user = await userWith(deny('kms:Encrypt', { StringEquals: { 'aws:ResourceTag/level': 'secret' } }));
    const KeyId = await at.createKey();
    const tag = (TagKey: string, TagValue: string) =>
      at.callAs(user, 'kms', 'TagResource', { KeyId, Tags: [{ TagKey, TagValue }] });
    const encrypt = () => at.callAs(user, 'kms', 'Encrypt', { KeyId, Plaintext: 'AAAA' });
    await tag('level', 'secret');
    await refused(encrypt(), 'AccessDeniedException');
    await tag('LEVEL', 'open');
    await refused(encrypt(), 'ValidationException');
    await at.callAs(user, 'kms', 'UntagResource', { KeyId, TagKeys: ['level'] });
    await encrypt();
  });

  it('is the same where a policy is checked for locking its caller out', async () => {
    const at = await assembly();
    const KeyId = await at.createKey();
    const checked = { Bool: { 'kms:BypassPolicyLockoutSafetyCheck': 'false' } };
    const statement = {
      Effect: 'Allow',
      Principal: { AWS: at.root.account },
      Action: 'kms:*',
      Resource: '*',
    };
    const put = (more: object) =>
      at.call('PutKeyPolicy', {
        KeyId,
        Policy: JSON.stringify({ Version: '2012-10-17', Statement: [{ ...statement, Condition: checked }] }),
        ...more,
      });
    await put({});
    await put({});
    await refused(put({ BypassPolicyLockoutSafetyCheck: true }), 'AccessDeniedException');
  });

  it('takes no longer than others can wait, whatever policy and request bring', async () => {
    const at = await assembly();
    const KeyId = await at.createKey();
    const EncryptionContext = Object.fromEntries(
      Array.from({ length: 2_700 }, (_, index) => [index.toString(36), '']),
    );
    const encrypt = () => at.call('Encrypt', { KeyId, Plaintext: 'AAAA', EncryptionContext });
    const put = (Condition: object) =>
      at.call('PutKeyPolicy', {
        KeyId,
        Policy: JSON.stringify({
          Version: '2012-10-17',
          Statement: [
            deny('kms:Encrypt', Condition, { Principal: '*' }),
            { Effect: 'Allow', Principal: { AWS: at.root.account }, Action: 'kms:*', Resource: '*' },
          ],
        }),
      });
    const names = Array.from({ length: 500 }, (_, index) => `kms:EncryptionContext:~${index}`);
    const keys = 'kms:EncryptionContextKeys';

    await put({ StringEquals: Object.fromEntries(names.map((name) => [name, 'x'])) });
    await encrypt();
    for (const values of [names.map((name) => `\${${name}}`), Array.from({ length: 4_000 }, () => '*~*')]) {
      await put({ 'ForAnyValue:StringLike': { [keys]: values } });
      const began = performance.now();
      await refused(encrypt(), 'ValidationException');
      expect(performance.now() - began).to.be.below(1_000);
    }
    await put({ 'ForAnyValue:StringLike': { [keys]: ['*~*'] } });
    await encrypt();
  });

  it('takes no longer in simulations', async () => {
    const values = Array.from({ length: 1_000 }, (_, index) => `${index}`);
    const patterns = Array.from({ length: 5_000 }, () => '*~*');
    const input = {
      PolicyInputList: [
        allow('kms:*', { Condition: { 'ForAnyValue:StringLike': { 'aws:TagKeys': patterns } } }),
      ],
      ActionNames: Array.from({ length: 100 }, () => 'kms:Encrypt'),
      ContextEntries: [
        { ContextKeyName: 'aws:TagKeys', ContextKeyValues: values, ContextKeyType: 'stringList' },
      ],
    };
    const began = performance.now();
    await refused(iam('SimulateCustomPolicy', input), 'InvalidInputException');
    expect(performance.now() - began).to.be.below(3_000);
  });
});
