import { expect } from 'chai';
import type { Principal } from '../../src/identity/principal.ts';
import { type Assembly, assemble } from '../jobs/assembly.ts';

const other = '444455556666';
const stranger: Principal = {
  type: 'Root',
  arn: `arn:aws:iam::${other}:root`,
  principalId: other,
  account: other,
  userName: undefined,
};

describe('what another account does to a key', function () {
  this.timeout(20_000);
  let at: Assembly;
  before(async () => {
    at = await assemble();
    await at.store.createAccount(other, 'other');
  });
  after(() => at.close());

  it('is told to the account that owns it, changes too, each in a record of its own', async () => {
    const keyId = await at.createKey();
    const KeyId = `arn:aws:kms:us-east-1:${at.root.account}:key/${keyId}`;
    const accounts = [at.root.account, other].map((account) => `arn:aws:iam::${account}:root`);
    const everything = { Effect: 'Allow', Principal: { AWS: accounts }, Action: 'kms:*', Resource: '*' };
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement: [everything] });
    await at.call('PutKeyPolicy', { KeyId: keyId, PolicyName: 'default', Policy });
    const call = <T>(operation: string, input: object) =>
      at.callAs<T>(stranger, 'kms', operation, { KeyId, ...input });
    const grant = () =>
      call<{ GrantId: string }>('CreateGrant', {
        GranteePrincipal: stranger.arn,
        RetiringPrincipal: stranger.arn,
        Operations: ['Decrypt'],
      });

    await call('DescribeKey', {});
    await call('RetireGrant', { GrantId: (await grant()).GrantId });
    await call('RevokeGrant', { GrantId: (await grant()).GrantId });

    const records = (await at.records()).filter(({ sharedEventID }) => sharedEventID !== undefined);
    const told = (account: string) =>
      records
        .filter(({ recipientAccountId }) => recipientAccountId === account)
        .map(({ eventName, sharedEventID }) => `${eventName} ${sharedEventID}`);
    expect(told(at.root.account)).to.have.length(5);
    expect(told(at.root.account)).to.have.members(told(other));
    expect(new Set(records.map(({ eventID }) => eventID)).size).to.equal(10);
    for (const { recipientAccountId, userIdentity, eventName } of records) {
      expect(userIdentity.type, eventName).to.equal(recipientAccountId === other ? 'Root' : 'AWSAccount');
    }
  });
});
