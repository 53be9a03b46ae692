import {
  type GrantListEntry,
  type KMS,
  paginateListGrants,
  paginateListRetirableGrants,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { newKey, refused, service, unique } from './shared.ts';

describe('grants, through the AWS SDK', () => {
  let client: KMS;
  let account: string;
  let user: string;
  let root: string;

  before(async function () {
    this.timeout(60_000);
    const at = await service();
    client = at.client();
    account = at.account;
    user = `arn:aws:iam::${account}:user/administrator`;
    root = `arn:aws:iam::${account}:root`;
  });

  const grantsOf = async (KeyId: string): Promise<GrantListEntry[]> =>
    (await client.listGrants({ KeyId })).Grants ?? [];

  it('a grant is made, listed as it was made, and revoked', async () => {
    const { id, arn } = await newKey(client);
    const Constraints = { EncryptionContextSubset: { Department: 'IT', ' "☃': '' } };
    const Operations = ['Encrypt', 'Decrypt', 'RetireGrant'] as const;
    const { GrantId = '', GrantToken = '' } = await client.createGrant({
      KeyId: arn,
      GranteePrincipal: user,
      RetiringPrincipal: root,
      Operations: [...Operations, 'Encrypt'],
      Constraints,
      Name: 'a/name:of_it-1',
    });
    expect(GrantId).to.match(/^[0-9a-f]{64}$/);
    expect(GrantToken).to.match(/^[A-Za-z0-9_-]+$/);
    const bare = await client.createGrant({ KeyId: id, GranteePrincipal: root, Operations: ['DescribeKey'] });

    const { Grants = [], Truncated, NextMarker } = await client.listGrants({ KeyId: id });
    expect([Truncated, NextMarker]).to.deep.equal([false, undefined]);
    expect(Grants.map((grant) => grant.GrantId)).to.deep.equal([GrantId, bare.GrantId].sort());
    const { CreationDate, ...full } = Grants.find((grant) => grant.GrantId === GrantId) ?? {};
    expect(Math.abs(Date.now() - Number(CreationDate))).to.be.below(60_000);
    expect(full).to.deep.equal({
      KeyId: arn,
      GrantId,
      Name: 'a/name:of_it-1',
      GranteePrincipal: user,
      RetiringPrincipal: root,
      IssuingAccount: root,
      Operations,
      Constraints,
    });
    const { CreationDate: _, ...least } = Grants.find((grant) => grant.GrantId === bare.GrantId) ?? {};
    expect(least).to.deep.equal({
      KeyId: arn,
      GrantId: bare.GrantId,
      Name: '',
      GranteePrincipal: root,
      IssuingAccount: root,
      Operations: ['DescribeKey'],
    });

    await client.revokeGrant({ KeyId: arn, GrantId });
    expect((await grantsOf(id)).map((grant) => grant.GrantId)).to.deep.equal([bare.GrantId]);
    await refused(client.revokeGrant({ KeyId: id, GrantId }), 'NotFoundException');
  });

  it('a grant of a name is made once, and tried again gives the same id and another token', async () => {
    const { id: KeyId } = await newKey(client);
    const grant = {
      KeyId,
      GranteePrincipal: user,
      RetiringPrincipal: root,
      Name: unique('grant'),
      Operations: ['Encrypt' as const, 'Decrypt' as const],
      Constraints: { EncryptionContextEquals: { a: '1', b: '2' } },
    };
    const first = await client.createGrant(grant);
    const again = await client.createGrant({
      ...grant,
      Operations: ['Decrypt', 'Encrypt'],
      Constraints: { EncryptionContextEquals: { b: '2', a: '1' } },
    });
    expect(again.GrantId).to.equal(first.GrantId);
    expect(again.GrantToken).to.not.equal(first.GrantToken);
    const { Name, ...unnamed } = grant;
    const { RetiringPrincipal, ...unretired } = grant;
    const { Constraints, ...unbound } = grant;
    const others = [
      unnamed,
      unnamed,
      unretired,
      unbound,
      { ...grant, Name: unique('grant') },
      { ...grant, GranteePrincipal: root },
      { ...grant, Operations: ['Encrypt' as const] },
      { ...unbound, Constraints: { EncryptionContextSubset: Constraints.EncryptionContextEquals } },
    ];
    const ids = new Set([first.GrantId]);
    for (const other of others) ids.add((await client.createGrant(other)).GrantId);
    expect(ids.size).to.equal(1 + others.length);
    expect(await grantsOf(KeyId)).to.have.length(1 + others.length);
    await client.retireGrant({ GrantToken: again.GrantToken });
    expect((await client.createGrant(grant)).GrantId).to.not.equal(first.GrantId);
  });

  it('as many ask at once, there is one grant of a name', async () => {
    const { id: KeyId } = await newKey(client);
    const grant = { KeyId, GranteePrincipal: user, Name: unique('grant'), Operations: ['Encrypt' as const] };
    const made = await Promise.all(Array.from({ length: 8 }, () => client.createGrant(grant)));
    expect(new Set(made.map(({ GrantId }) => GrantId)).size).to.equal(1);
    expect(await grantsOf(KeyId)).to.have.length(1);
  });

  it('a grant is retired by any of its tokens, or by key and id', async () => {
    const { id, arn } = await newKey(client);
    const make = () =>
      client.createGrant({
        KeyId: id,
        GranteePrincipal: user,
        RetiringPrincipal: user,
        Operations: ['Decrypt'],
      });
    const byToken = await make();
    const byArn = await make();
    const byId = await make();
    await client.retireGrant({ GrantToken: byToken.GrantToken });
    await client.retireGrant({ KeyId: arn, GrantId: byArn.GrantId });
    await client.retireGrant({ KeyId: id, GrantId: byId.GrantId });
    expect(await grantsOf(id)).to.deep.equal([]);
    await refused(client.retireGrant({ GrantToken: byToken.GrantToken }), 'NotFoundException');
    await refused(client.retireGrant({ KeyId: arn, GrantId: byArn.GrantId }), 'NotFoundException');
  });

  it('what names a grant must be whole', async () => {
    const { id: KeyId } = await newKey(client);
    const { GrantId = '', GrantToken = '' } = await client.createGrant({
      KeyId,
      GranteePrincipal: user,
      Operations: ['Decrypt'],
    });
    await refused(client.retireGrant({ GrantToken: `${GrantToken}A` }), 'InvalidGrantTokenException');
    await refused(client.retireGrant({}), 'ValidationException');
    await refused(client.retireGrant({ GrantId }), 'ValidationException');
    await refused(client.retireGrant({ KeyId }), 'ValidationException');
    await refused(client.retireGrant({ GrantToken, GrantId, KeyId }), 'ValidationException');
    for (const wrong of ['x', GrantId.slice(1), GrantId.toUpperCase().replace(/^./, 'G')]) {
      await refused(client.retireGrant({ KeyId, GrantId: wrong }), 'InvalidGrantIdException');
      await refused(client.revokeGrant({ KeyId, GrantId: wrong }), 'InvalidGrantIdException');
      await refused(client.listGrants({ KeyId, GrantId: wrong }), 'InvalidGrantIdException');
    }
    expect(await grantsOf(KeyId)).to.have.length(1);
  });

  it('the grants of a key come in pages, of all or of one grantee, or one by its id', async () => {
    const { id: KeyId } = await newKey(client);
    const made: string[] = [];
    for (let index = 0; index < 5; index += 1) {
      const GranteePrincipal = index < 3 ? user : root;
      const { GrantId = '' } = await client.createGrant({ KeyId, GranteePrincipal, Operations: ['Decrypt'] });
      made.push(GrantId);
    }
    const listed = async (filter: { GranteePrincipal?: string }) => {
      const found: (string | undefined)[] = [];
      for await (const page of paginateListGrants({ client, pageSize: 2 }, { KeyId, ...filter })) {
        expect(page.Grants?.length).to.be.within(1, 2);
        found.push(...(page.Grants ?? []).map(({ GrantId }) => GrantId));
      }
      return found;
    };
    expect(await listed({})).to.deep.equal(made.toSorted());
    expect(await listed({ GranteePrincipal: user })).to.deep.equal(made.slice(0, 3).sort());
    const byId = async (GranteePrincipal?: string) =>
      (await client.listGrants({ KeyId, GrantId: made[4], GranteePrincipal })).Grants?.map(
        ({ GrantId }) => GrantId,
      );
    expect(await byId()).to.deep.equal([made[4]]);
    expect(await byId(root)).to.deep.equal([made[4]]);
    expect(await byId(user)).to.deep.equal([]);
    expect((await client.listGrants({ KeyId, GrantId: '0'.repeat(64) })).Grants).to.deep.equal([]);
    await refused(client.listGrants({ KeyId, Limit: 101 }), 'ValidationException');
    await refused(client.listGrants({ KeyId, Limit: 0 }), 'ValidationException');
    const { NextMarker } = await client.listGrants({ KeyId, Limit: 1 });
    await refused(
      client.listGrants({ KeyId, GranteePrincipal: user, Marker: NextMarker }),
      'InvalidMarkerException',
    );
    const other = await newKey(client);
    await refused(client.listGrants({ KeyId: other.id, Marker: NextMarker }), 'InvalidMarkerException');
  });

  it('what somebody may retire is listed over all keys', async () => {
    const keys = [await newKey(client), await newKey(client)];
    const made: (string | undefined)[] = [];
    for (const { id: KeyId } of [...keys, ...keys]) {
      const grant = {
        KeyId,
        GranteePrincipal: user,
        RetiringPrincipal: root,
        Operations: ['Decrypt' as const],
      };
      made.push((await client.createGrant(grant)).GrantId);
    }
    const [key] = keys;
    await client.createGrant({ KeyId: key?.id, GranteePrincipal: root, Operations: ['Decrypt'] });
    const found: GrantListEntry[] = [];
    for await (const page of paginateListRetirableGrants(
      { client, pageSize: 2 },
      { RetiringPrincipal: root },
    )) {
      found.push(...(page.Grants ?? []));
    }
    expect(found.every(({ RetiringPrincipal }) => RetiringPrincipal === root)).to.equal(true);
    expect(found.map(({ GrantId }) => GrantId)).to.include.members(made);
    const mine = found.filter(({ GrantId }) => made.includes(GrantId));
    expect(new Set(mine.map(({ KeyId }) => KeyId))).to.deep.equal(new Set(keys.map(({ arn }) => arn)));
    await refused(client.listRetirableGrants({ RetiringPrincipal: undefined }), 'ValidationException');
    await refused(client.listRetirableGrants({ RetiringPrincipal: root, Limit: 101 }), 'ValidationException');
  });

  it('a grant is given only to who is there', async () => {
    const { id: KeyId } = await newKey(client);
    const Operations = ['Decrypt' as const];
    const nobodies = [
      `arn:aws:iam::${account}:user/nobody`,
      `arn:aws:iam::${account}:role/nobody`,
      `arn:aws:sts::${account}:assumed-role/nobody/session`,
      `arn:aws:iam::${account}:group/administrator`,
      'arn:aws:iam::999999999999:root',
      account,
      'administrator',
      'rds.amazonaws.com',
    ];
    for (const nobody of nobodies) {
      const message = `ARN does not refer to a valid principal: ${nobody}`;
      await refused(
        client.createGrant({ KeyId, GranteePrincipal: nobody, Operations }),
        'InvalidArnException',
        message,
      );
      await refused(
        client.createGrant({ KeyId, GranteePrincipal: user, RetiringPrincipal: nobody, Operations }),
        'InvalidArnException',
        message,
      );
      await refused(client.listGrants({ KeyId, GranteePrincipal: nobody }), 'InvalidArnException', message);
    }
    expect(await grantsOf(KeyId)).to.deep.equal([]);
  });

  it('what a grant cannot say is refused, and nothing is made', async () => {
    const { id: KeyId } = await newKey(client);
    const grant = { KeyId, GranteePrincipal: user, Operations: ['Decrypt' as const] };
    const pairs = (count: number, size: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}`, 'x'.repeat(size)]));
    const cases: [string, Record<string, unknown>][] = [
      ['an operation of other keys', { Operations: ['Sign'] }],
      ['the public key, which a symmetric key has not', { Operations: ['GetPublicKey', 'Decrypt'] }],
      ['CreateGrant alone', { Operations: ['CreateGrant', 'CreateGrant'] }],
      ['no operation', { Operations: [] }],
      ['an unknown operation', { Operations: ['DisableKey'] }],
      ['a name with a space', { Name: 'a name' }],
      ['a name too long', { Name: 'x'.repeat(257) }],
      ['a constraint without a pair', { Constraints: { EncryptionContextSubset: {} } }],
      ['nine pairs', { Constraints: { EncryptionContextEquals: pairs(9, 1) } }],
      ['385 characters', { Constraints: { EncryptionContextEquals: pairs(1, 384) } }],
      [
        'two kinds of constraint',
        { Constraints: { EncryptionContextEquals: { a: '1' }, EncryptionContextSubset: { a: '1' } } },
      ],
    ];
    for (const [name, over] of cases) {
      const error = await client.createGrant({ ...grant, ...over }).then(
        () => undefined,
        (reason: Error) => reason.name,
      );
      expect(error, name).to.equal('ValidationException');
    }
    await refused(
      client.createGrant({ ...grant, Operations: ['CreateGrant'] }),
      'ValidationException',
      'Grants must not contain only the CreateGrant operation.',
    );
    await refused(
      client.createGrant({
        ...grant,
        GranteePrincipal: undefined,
        GranteeServicePrincipal: 'rds.amazonaws.com',
      }),
      'UnsupportedOperationException',
    );
    await refused(client.createGrant({ ...grant, GrantTokens: ['a'] }), 'InvalidGrantTokenException');
    expect(await grantsOf(KeyId)).to.deep.equal([]);
    const most = { Constraints: { EncryptionContextEquals: { ...pairs(7, 53), x: '12345' } } };
    await client.createGrant({ ...grant, ...most });
  });

  it('a constraint that is empty beside one that is not counts for nothing, as Terraform sends it', async () => {
    const { id: KeyId } = await newKey(client);
    const subset = { EncryptionContextSubset: { tenant: 'blue' } };
    await client.createGrant({
      KeyId,
      GranteePrincipal: user,
      Operations: ['Decrypt'],
      Constraints: { ...subset, EncryptionContextEquals: {} },
    });
    const [made] = await grantsOf(KeyId);
    expect(made?.Constraints).to.deep.equal(subset);
  });

  it('a grant is made on an enabled key alone, and taken away from any', async () => {
    const { id: KeyId, arn } = await newKey(client);
    const grant = {
      KeyId,
      GranteePrincipal: user,
      RetiringPrincipal: user,
      Operations: ['Decrypt' as const],
    };
    const ids: (string | undefined)[] = [];
    for (let index = 0; index < 4; index += 1) ids.push((await client.createGrant(grant)).GrantId);
    await client.disableKey({ KeyId });
    await refused(client.createGrant(grant), 'DisabledException', `${arn} is disabled.`);
    await client.revokeGrant({ KeyId, GrantId: ids[0] });
    await client.retireGrant({ KeyId, GrantId: ids[1] });
    await client.scheduleKeyDeletion({ KeyId });
    await refused(client.createGrant(grant), 'KMSInvalidStateException', `${arn} is pending deletion.`);
    await client.revokeGrant({ KeyId, GrantId: ids[2] });
    await client.retireGrant({ KeyId, GrantId: ids[3] });
    expect(await grantsOf(KeyId)).to.deep.equal([]);
    const absent = '00000000-1111-4222-8333-444444444444';
    await refused(client.createGrant({ ...grant, KeyId: absent }), 'NotFoundException');
    await refused(client.listGrants({ KeyId: absent }), 'NotFoundException');
    await refused(client.revokeGrant({ KeyId: absent, GrantId: ids[0] }), 'NotFoundException');
  });

  it('a dry run changes nothing, and fails as the request would', async () => {
    const { id: KeyId } = await newKey(client);
    const grant = { KeyId, GranteePrincipal: user, Operations: ['Decrypt' as const] };
    const dry = 'DryRunOperationException';
    const nobody = `arn:aws:iam::${account}:user/nobody`;
    await refused(client.createGrant({ ...grant, DryRun: true }), dry);
    await refused(
      client.createGrant({ ...grant, GranteePrincipal: nobody, DryRun: true }),
      'InvalidArnException',
    );
    expect(await grantsOf(KeyId)).to.deep.equal([]);
    const { GrantId, GrantToken } = await client.createGrant(grant);
    await refused(client.revokeGrant({ KeyId, GrantId, DryRun: true }), dry);
    await refused(client.retireGrant({ KeyId, GrantId, DryRun: true }), dry);
    await refused(client.retireGrant({ GrantToken, DryRun: true }), dry);
    expect(await grantsOf(KeyId)).to.have.length(1);
    await client.revokeGrant({ KeyId, GrantId });
    await refused(client.revokeGrant({ KeyId, GrantId, DryRun: true }), 'NotFoundException');
    await refused(client.retireGrant({ GrantToken, DryRun: true }), 'NotFoundException');
  });

  it('a grant token of whatever grant may come with a request, one that is none may not', async () => {
    const { id: KeyId } = await newKey(client);
    const other = await newKey(client);
    const tokens = [];
    for (const key of [KeyId, other.id]) {
      const grant = { KeyId: key, GranteePrincipal: user, Operations: ['Encrypt' as const] };
      const { GrantId, GrantToken = '' } = await client.createGrant(grant);
      tokens.push(GrantToken);
      if (key === KeyId) await client.revokeGrant({ KeyId, GrantId });
    }
    const Plaintext = Buffer.from('attack at dawn');
    await client.encrypt({ KeyId, Plaintext, GrantTokens: tokens });
    await client.describeKey({ KeyId, GrantTokens: tokens });
    for (const wrong of ['a', `${tokens[0]}=`, 'A'.repeat(8192)]) {
      await refused(
        client.encrypt({ KeyId, Plaintext, GrantTokens: [...tokens, wrong] }),
        'InvalidGrantTokenException',
      );
      await refused(client.describeKey({ KeyId, GrantTokens: [wrong] }), 'InvalidGrantTokenException');
    }
    await refused(
      client.encrypt({ KeyId, Plaintext, GrantTokens: Array(11).fill(tokens[1]) }),
      'ValidationException',
    );
  });
});
