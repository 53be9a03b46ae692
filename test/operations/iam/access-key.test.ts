import { expect } from 'chai';
import { allow, assembly, iam, newUser, refused } from './fixture.ts';

interface Made {
  readonly AccessKey: {
    readonly UserName: string;
    readonly AccessKeyId: string;
    readonly SecretAccessKey: string;
    readonly Status: string;
  };
}

describe('access keys', function () {
  this.timeout(20_000);

  it('show their secret once, which is in no record of the trail, nor in the store', async () => {
    const at = await assembly();
    const { userName } = await newUser();
    const { AccessKey } = await iam<Made>('CreateAccessKey', { UserName: userName });
    expect(AccessKey).to.include({ UserName: userName, Status: 'Active' });
    expect(AccessKey.AccessKeyId).to.match(/^AKIA[A-Z2-7]{16}$/);
    expect(AccessKey.SecretAccessKey).to.match(/^[A-Za-z0-9+/]{40}$/);
    const record = (await at.records()).find(({ responseElements }) =>
      JSON.stringify(responseElements).includes(AccessKey.AccessKeyId),
    );
    expect(record).to.deep.include({ eventName: 'CreateAccessKey', eventSource: 'iam.amazonaws.com' });
    expect(JSON.stringify(await at.records())).not.to.include(AccessKey.SecretAccessKey);
    const stored = await at.identities.findAccessKey(AccessKey.AccessKeyId);
    expect(stored?.sealedSecret.toString('latin1')).not.to.include(AccessKey.SecretAccessKey);
    const listed = await iam<{ AccessKeyMetadata: object[] }>('ListAccessKeys', { UserName: userName });
    expect(listed.AccessKeyMetadata).to.have.length(1);
    expect(JSON.stringify(listed)).not.to.include(AccessKey.SecretAccessKey);
  });

  it('are two a user', async () => {
    const { userName } = await newUser();
    for (const _ of [1, 2]) await iam('CreateAccessKey', { UserName: userName });
    await refused(
      iam('CreateAccessKey', { UserName: userName }),
      'LimitExceededException',
      'Cannot exceed quota for AccessKeysPerUser: 2',
    );
  });

  it('are switched off and on, and deleted, for their own user alone', async () => {
    const at = await assembly();
    const { userName } = await newUser();
    const other = await newUser();
    const { AccessKey } = await iam<Made>('CreateAccessKey', { UserName: userName });
    const { AccessKeyId } = AccessKey;
    const active = async () => (await at.identities.findAccessKey(AccessKeyId))?.active;
    const unknown = `The Access Key with id ${AccessKeyId} cannot be found.`;
    await refused(
      iam('UpdateAccessKey', { UserName: other.userName, AccessKeyId, Status: 'Inactive' }),
      'NoSuchEntityException',
      unknown,
    );
    await refused(
      iam('DeleteAccessKey', { UserName: other.userName, AccessKeyId }),
      'NoSuchEntityException',
      unknown,
    );
    expect(await active()).to.equal(true);
    await iam('UpdateAccessKey', { UserName: userName, AccessKeyId, Status: 'Inactive' });
    expect(await active()).to.equal(false);
    await iam('UpdateAccessKey', { UserName: userName, AccessKeyId, Status: 'Active' });
    expect(await active()).to.equal(true);
    await iam('DeleteAccessKey', { UserName: userName, AccessKeyId });
    expect(await active()).to.equal(undefined);
  });

  it('can be managed by their user, where a policy names it by variable', async () => {
    const user = await newUser(
      allow(['iam:CreateAccessKey', 'iam:ListAccessKeys', 'iam:DeleteAccessKey'], {
        Resource: `arn:aws:iam::*:user/\${aws:username}`,
      }),
    );
    const other = await newUser();
    const { AccessKey } = await iam<Made>('CreateAccessKey', {}, user);
    expect(AccessKey.UserName).to.equal(user.userName);
    await refused(iam('CreateAccessKey', { UserName: other.userName }, user), 'AccessDeniedException');
    await iam('DeleteAccessKey', { AccessKeyId: AccessKey.AccessKeyId }, user);
  });

  it('of the root are its own business', async () => {
    const at = await assembly();
    const { AccessKey } = await iam<Made>('CreateAccessKey');
    expect((await at.identities.findAccessKey(AccessKey.AccessKeyId))?.principal.type).to.equal('Root');
    const summary = async () =>
      (await iam<{ SummaryMap: Map<string, number> }>('GetAccountSummary')).SummaryMap.get(
        'AccountAccessKeysPresent',
      );
    expect(await summary()).to.equal(1);
    await iam('DeleteAccessKey', { AccessKeyId: AccessKey.AccessKeyId });
    expect(await summary()).to.equal(0);
  });
});
