import {
  DisabledException,
  type KMS,
  KMSInvalidStateException,
  NotFoundException,
  paginateListKeyPolicies,
  paginateListKeys,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { call, type NewKey, newKey, refusal, refused, service, unique } from './shared.ts';

const day = 24 * 60 * 60 * 1_000;

describe('keys, through the AWS SDK', () => {
  let client: KMS;

  before(async function () {
    this.timeout(60_000);
    client = (await service()).client();
  });

  it('a created key is described as AWS describes it', async () => {
    const Tags = [{ TagKey: 'team', TagValue: 'käse' }];
    const created = await client.createKey({ Description: 'a first key', Tags });
    const metadata = created.KeyMetadata;
    expect(metadata).to.include({
      Description: 'a first key',
      Enabled: true,
      KeyState: 'Enabled',
      KeyUsage: 'ENCRYPT_DECRYPT',
      KeyManager: 'CUSTOMER',
      KeySpec: 'SYMMETRIC_DEFAULT',
      CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
      Origin: 'AWS_KMS',
      MultiRegion: false,
    });
    expect(metadata?.EncryptionAlgorithms).to.deep.equal(['SYMMETRIC_DEFAULT']);
    expect(metadata?.KeyId).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    expect(metadata?.AWSAccountId).to.match(/^\d{12}$/);
    expect(metadata?.Arn).to.equal(`arn:aws:kms:us-east-1:${metadata?.AWSAccountId}:key/${metadata?.KeyId}`);
    expect(metadata?.CurrentKeyMaterialId).to.match(/^[0-9a-f]{64}$/);
    expect(Math.abs(Date.now() - Number(metadata?.CreationDate))).to.be.below(60_000);

    const described = await client.describeKey({ KeyId: metadata?.KeyId });
    expect(described.KeyMetadata).to.deep.equal(metadata);
    const tags = await client.listResourceTags({ KeyId: metadata?.KeyId });
    expect(tags.Tags).to.deep.equal(Tags);
  });

  it('what AWS gives as defaults may be said', async () => {
    await newKey(client, {
      Description: '',
      KeySpec: 'SYMMETRIC_DEFAULT',
      KeyUsage: 'ENCRYPT_DECRYPT',
      Origin: 'AWS_KMS',
      MultiRegion: false,
      BypassPolicyLockoutSafetyCheck: false,
      Tags: [],
    });
  });

  it('a key is named by id, ARN, alias or alias ARN', async () => {
    const key = await newKey(client);
    const AliasName = unique('alias/named/four_ways');
    await client.createAlias({ AliasName, TargetKeyId: key.id });
    const aliasArn = `arn:aws:kms:us-east-1:${key.account}:${AliasName}`;
    for (const KeyId of [key.id, key.arn, AliasName, aliasArn]) {
      const { KeyMetadata } = await client.describeKey({ KeyId });
      expect(KeyMetadata?.Arn, KeyId).to.equal(key.arn);
      const Plaintext = Buffer.from(KeyId);
      const encrypted = await client.encrypt({ KeyId, Plaintext });
      expect(encrypted.KeyId).to.equal(key.arn);
      const { CiphertextBlob } = encrypted;
      const decrypted = await client.decrypt({ CiphertextBlob, KeyId });
      expect(Buffer.from(decrypted.Plaintext ?? [])).to.deep.equal(Plaintext);
    }
  });

  it('an unknown key is not found, in the words of AWS', async () => {
    const { account } = await newKey(client);
    const id = '00000000-1111-4222-8333-444444444444';
    const arn = `arn:aws:kms:us-east-1:${account}:key/${id}`;
    for (const KeyId of [id, arn]) {
      for (const ask of [() => client.describeKey({ KeyId }), () => client.enableKey({ KeyId })]) {
        const error = await refusal(ask());
        expect(error).to.be.instanceOf(NotFoundException);
        expect(error.message).to.equal(`Key '${arn}' does not exist`);
      }
    }
    const alias = `arn:aws:kms:us-east-1:${account}:alias/nobody`;
    for (const KeyId of ['alias/nobody', alias]) {
      const error = await refusal(client.encrypt({ KeyId, Plaintext: Buffer.from('x') }));
      expect(error).to.be.instanceOf(NotFoundException);
      expect(error.message).to.equal(`Alias ${alias} is not found.`);
    }
    await refused(
      client.describeKey({ KeyId: 'what is this' }),
      'NotFoundException',
      "Invalid keyId 'what is this'",
    );
  });

  it('an alias does not name a key where AWS takes only ids and ARNs', async () => {
    const key = await newKey(client);
    const AliasName = unique('alias/only-ids');
    await client.createAlias({ AliasName, TargetKeyId: key.id });
    const commands = [
      () => client.disableKey({ KeyId: AliasName }),
      () => client.scheduleKeyDeletion({ KeyId: AliasName }),
      () => client.updateKeyDescription({ KeyId: AliasName, Description: 'x' }),
      () => client.getKeyPolicy({ KeyId: AliasName }),
      () => client.listResourceTags({ KeyId: AliasName }),
    ];
    for (const ask of commands) {
      const error = await refusal(ask());
      expect(error.name, String(ask)).to.be.oneOf(['NotFoundException', 'InvalidArnException']);
    }
    const { KeyMetadata } = await client.describeKey({ KeyId: key.id });
    expect(KeyMetadata?.KeyState).to.equal('Enabled');
  });

  it("another account's key answers the same whether or not it is there", async () => {
    const key = await newKey(client);
    const other = key.account === '999988887777' ? '999988887776' : '999988887777';
    const say = async (keyId: string) => {
      const KeyId = `arn:aws:kms:us-east-1:${other}:key/${keyId}`;
      const errors = [
        await refusal(client.describeKey({ KeyId })),
        await refusal(client.encrypt({ KeyId, Plaintext: Buffer.from('x') })),
        await refusal(client.disableKey({ KeyId })),
      ];
      return errors.map(({ name, message }) => `${name}: ${message.replaceAll(keyId, 'ID')}`);
    };
    const unknown = await say('00000000-1111-4222-8333-444444444444');
    expect(await say(key.id)).to.deep.equal(unknown);
    for (const answer of unknown) {
      expect(answer).to.match(/^AccessDeniedException: User: arn:aws:iam::\d{12}:\S+ is not authorized to /);
    }
  });

  it('a key may be disabled, enabled, and described anew', async () => {
    const { id: KeyId, arn } = await newKey(client);
    await client.disableKey({ KeyId: arn });
    const disabled = await client.describeKey({ KeyId });
    expect(disabled.KeyMetadata).to.include({ KeyState: 'Disabled', Enabled: false });
    await client.enableKey({ KeyId });
    await client.updateKeyDescription({ KeyId, Description: 'späť "quoted"\n' });
    const { KeyMetadata } = await client.describeKey({ KeyId });
    expect(KeyMetadata).to.include({ KeyState: 'Enabled', Description: 'späť "quoted"\n' });
    await refused(
      client.updateKeyDescription({ KeyId, Description: 'x'.repeat(8_193) }),
      'ValidationException',
      /'description' failed to satisfy constraint: Member must have length less than or equal to 8192/,
    );
  });

  it('deletion waits 7 to 30 days, 30 where nothing is said, and is taken back into Disabled', async () => {
    const { id: KeyId, arn } = await newKey(client);
    for (const PendingWindowInDays of [0, 6, 31]) {
      await refused(client.scheduleKeyDeletion({ KeyId, PendingWindowInDays }), 'ValidationException');
    }
    const scheduled = await client.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    expect(scheduled).to.include({ KeyId: arn, KeyState: 'PendingDeletion', PendingWindowInDays: 7 });
    expect(Math.abs(Number(scheduled.DeletionDate) - Date.now() - 7 * day)).to.be.below(60_000);
    const pending = await client.describeKey({ KeyId });
    expect(pending.KeyMetadata).to.include({ KeyState: 'PendingDeletion', Enabled: false });
    expect(pending.KeyMetadata?.DeletionDate).to.deep.equal(scheduled.DeletionDate);

    const cancelled = await client.cancelKeyDeletion({ KeyId });
    expect(cancelled.KeyId).to.equal(arn);
    const { KeyMetadata } = await client.describeKey({ KeyId });
    expect(KeyMetadata).to.include({ KeyState: 'Disabled', Enabled: false });
    expect(KeyMetadata).not.to.have.property('DeletionDate');

    const again = await client.scheduleKeyDeletion({ KeyId });
    expect(again.PendingWindowInDays).to.equal(30);
    expect(Math.abs(Number(again.DeletionDate) - Date.now() - 30 * day)).to.be.below(60_000);
  });

  it('a state allows what the table of key states says', async function () {
    this.timeout(30_000);
    const good = await newKey(client);
    const states = ['Disabled', 'PendingDeletion'] as const;
    for (const state of states) {
      const make = async (): Promise<NewKey & { blob: Uint8Array | undefined; alias: string }> => {
        const key = await newKey(client, { Tags: [{ TagKey: 'a', TagValue: 'b' }] });
        const alias = unique('alias/state');
        const KeyId = key.id;
        await client.createAlias({ AliasName: alias, TargetKeyId: KeyId });
        const encrypted = await client.encrypt({ KeyId, Plaintext: Buffer.from('x') });
        if (state === 'Disabled') await client.disableKey({ KeyId });
        else await client.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
        return { ...key, blob: encrypted.CiphertextBlob, alias };
      };
      const key = await make();
      const { id: KeyId, blob: CiphertextBlob } = key;
      const goodBlob = (await client.encrypt({ KeyId: good.id, Plaintext: Buffer.from('x') })).CiphertextBlob;
      const otherAlias = unique('alias/state');
      await client.createAlias({ AliasName: otherAlias, TargetKeyId: good.id });

      const useless =
        state === 'Disabled'
          ? { class: DisabledException, message: `${key.arn} is disabled.` }
          : { class: KMSInvalidStateException, message: `${key.arn} is pending deletion.` };
      const cryptographic = [
        () => client.encrypt({ KeyId, Plaintext: Buffer.from('x') }),
        () => client.encrypt({ KeyId: key.alias, Plaintext: Buffer.from('x'), DryRun: true }),
        () => client.decrypt({ CiphertextBlob }),
        () => client.decrypt({ CiphertextBlob, KeyId }),
        () => client.reEncrypt({ CiphertextBlob, DestinationKeyId: good.id }),
        () => client.reEncrypt({ CiphertextBlob: goodBlob, DestinationKeyId: KeyId }),
        () => client.generateDataKey({ KeyId, KeySpec: 'AES_256' }),
        () => client.generateDataKeyWithoutPlaintext({ KeyId, KeySpec: 'AES_256' }),
      ];
      for (const ask of cryptographic) {
        const error = await refusal(ask());
        expect(error, String(ask)).to.be.instanceOf(useless.class);
        expect(error.message, String(ask)).to.equal(useless.message);
      }

      const always = [
        () => client.describeKey({ KeyId }),
        () => client.listAliases({ KeyId }),
        () => client.listResourceTags({ KeyId }),
        () => client.getKeyPolicy({ KeyId }),
        () => client.listKeyPolicies({ KeyId }),
        () => client.deleteAlias({ AliasName: key.alias }),
      ];
      for (const ask of always) await ask();

      const unlessPending = [
        () => client.createAlias({ AliasName: unique('alias/state'), TargetKeyId: KeyId }),
        () => client.updateAlias({ AliasName: otherAlias, TargetKeyId: KeyId }),
        () => client.tagResource({ KeyId, Tags: [{ TagKey: 'c', TagValue: 'd' }] }),
        () => client.untagResource({ KeyId, TagKeys: ['a'] }),
        () => client.updateKeyDescription({ KeyId, Description: 'described' }),
        () => client.disableKey({ KeyId }),
        () => client.enableKey({ KeyId }),
        () => client.scheduleKeyDeletion({ KeyId }),
      ];
      for (const ask of unlessPending) {
        if (state === 'Disabled') await ask();
        else {
          const error = await refusal(ask());
          expect(error, String(ask)).to.be.instanceOf(KMSInvalidStateException);
        }
      }
      const third = await make();
      const cancel = client.cancelKeyDeletion({ KeyId: third.id });
      if (state === 'Disabled') expect(await refusal(cancel)).to.be.instanceOf(KMSInvalidStateException);
      else expect((await cancel).KeyId).to.equal(third.arn);
    }
  });

  it('the key list comes in pages, each key once', async () => {
    const made = [];
    for (let i = 0; i < 7; i++) made.push((await newKey(client)).arn);
    const listed: (string | undefined)[] = [];
    let pages = 0;
    for await (const page of paginateListKeys({ client, pageSize: 3 }, {})) {
      pages += 1;
      expect(page.Keys?.length).to.be.within(1, 3);
      expect(page.Truncated).to.equal(page.NextMarker !== undefined);
      for (const key of page.Keys ?? []) {
        expect(key.KeyArn?.endsWith(`:key/${key.KeyId}`)).to.equal(true);
        listed.push(key.KeyArn);
      }
    }
    expect(listed).to.include.members(made);
    expect(new Set(listed).size).to.equal(listed.length);
    expect(pages).to.equal(Math.ceil(listed.length / 3));
  });

  it('a page has its limits, a marker its operation', async () => {
    await newKey(client);
    await newKey(client);
    for (const Limit of [0, 1_001, -1]) {
      await refused(client.listKeys({ Limit }), 'ValidationException', /'limit' failed to satisfy/);
    }
    const { NextMarker } = await client.listKeys({ Limit: 1 });
    await refused(client.listAliases({ Marker: NextMarker }), 'InvalidMarkerException');
    for (const Marker of ['nonsense', `${NextMarker}x`, Buffer.from('{}').toString('base64')]) {
      await refused(client.listKeys({ Marker }), 'InvalidMarkerException');
    }
  });

  it('every key has the default policy and no other', async () => {
    const { id: KeyId, account } = await newKey(client);
    const { Policy, PolicyName } = await client.getKeyPolicy({ KeyId });
    expect(PolicyName).to.equal('default');
    expect(JSON.parse(Policy ?? '')).to.deep.include({ Version: '2012-10-17' });
    expect(JSON.parse(Policy ?? '').Statement).to.deep.equal([
      {
        Sid: 'Enable IAM User Permissions',
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${account}:root` },
        Action: 'kms:*',
        Resource: '*',
      },
    ]);
    const names: string[] = [];
    for await (const page of paginateListKeyPolicies({ client, pageSize: 1 }, { KeyId })) {
      names.push(...(page.PolicyNames ?? []));
    }
    expect(names).to.deep.equal(['default']);
    await refused(client.getKeyPolicy({ KeyId, PolicyName: 'other' }), 'NotFoundException');
  });

  it('an operation without output answers 200 and no more than `{}`', async () => {
    const at = await service();
    const { id: KeyId } = await newKey(client);
    const answer = await call(at, 'DisableKey', { KeyId });
    expect(answer.status).to.equal(200);
    expect(answer.text).to.be.oneOf(['', '{}']);
    expect(answer.headers['x-amzn-requestid']).to.match(/^[0-9a-f-]{36}$/);
  });
});
