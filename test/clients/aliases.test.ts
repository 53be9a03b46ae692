import {
  AlreadyExistsException,
  type KMS,
  NotFoundException,
  paginateListAliases,
  paginateListResourceTags,
  TagException,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { newKey, refusal, refused, service, unique } from './shared.ts';

describe('aliases and tags, through the AWS SDK', () => {
  let client: KMS;

  before(async function () {
    this.timeout(60_000);
    client = (await service()).client();
  });

  it('an alias is made, listed, moved and deleted', async () => {
    const first = await newKey(client);
    const second = await newKey(client);
    const AliasName = unique('alias/moved/about_it');
    const AliasArn = `arn:aws:kms:us-east-1:${first.account}:${AliasName}`;
    await client.createAlias({ AliasName, TargetKeyId: first.arn });
    const made = (await client.listAliases({ KeyId: first.id })).Aliases?.[0];
    expect(made).to.include({ AliasName, AliasArn, TargetKeyId: first.id });
    expect(Math.abs(Date.now() - Number(made?.CreationDate))).to.be.below(60_000);
    expect(made?.LastUpdatedDate).to.deep.equal(made?.CreationDate);

    await client.updateAlias({ AliasName, TargetKeyId: second.id });
    expect((await client.describeKey({ KeyId: AliasName })).KeyMetadata?.KeyId).to.equal(second.id);
    expect((await client.listAliases({ KeyId: first.id })).Aliases).to.deep.equal([]);
    const moved = (await client.listAliases({ KeyId: second.arn })).Aliases?.[0];
    expect(moved).to.include({ AliasName, AliasArn, TargetKeyId: second.id });
    expect(moved?.CreationDate).to.deep.equal(made?.CreationDate);
    expect(Number(moved?.LastUpdatedDate)).to.be.least(Number(made?.LastUpdatedDate));

    await client.deleteAlias({ AliasName });
    const error = await refusal(client.describeKey({ KeyId: AliasName }));
    expect(error).to.be.instanceOf(NotFoundException);
    expect(error.message).to.equal(`Alias ${AliasArn} is not found.`);
  });

  it('an alias is there once', async () => {
    const { id: TargetKeyId, account } = await newKey(client);
    const other = await newKey(client);
    const AliasName = unique('alias/once');
    await client.createAlias({ AliasName, TargetKeyId });
    for (const target of [TargetKeyId, other.id]) {
      const error = await refusal(client.createAlias({ AliasName, TargetKeyId: target }));
      expect(error).to.be.instanceOf(AlreadyExistsException);
      expect(error.message).to.equal(
        `An alias with the name arn:aws:kms:us-east-1:${account}:${AliasName} already exists`,
      );
    }
    expect((await client.describeKey({ KeyId: AliasName })).KeyMetadata?.KeyId).to.equal(TargetKeyId);
  });

  it('an alias that is not there is neither moved nor deleted, nor does one name an unknown key', async () => {
    const { id, account } = await newKey(client);
    const AliasName = unique('alias/absent');
    const message = `Alias arn:aws:kms:us-east-1:${account}:${AliasName} is not found.`;
    await refused(client.deleteAlias({ AliasName }), 'NotFoundException', message);
    await refused(client.updateAlias({ AliasName, TargetKeyId: id }), 'NotFoundException', message);
    const TargetKeyId = '00000000-1111-4222-8333-444444444444';
    await refused(
      client.createAlias({ AliasName, TargetKeyId }),
      'NotFoundException',
      `Key 'arn:aws:kms:us-east-1:${account}:key/${TargetKeyId}' does not exist`,
    );
    await refused(client.describeKey({ KeyId: AliasName }), 'NotFoundException', message);
  });

  it('names that AWS does not take are refused', async () => {
    const { id: TargetKeyId } = await newKey(client);
    const names = [
      'plain',
      'alias/',
      'alias/with space',
      'alias/aws/mine',
      `alias/${'x'.repeat(251)}`,
      'alias/é',
    ];
    for (const AliasName of names) {
      const error = await refusal(client.createAlias({ AliasName, TargetKeyId }));
      expect(error.name, AliasName).to.be.oneOf([
        'ValidationException',
        'InvalidAliasNameException',
        'NotAuthorizedException',
      ]);
    }
    expect((await client.listAliases({ KeyId: TargetKeyId })).Aliases).to.deep.equal([]);
    await client.createAlias({ AliasName: `alias/${'x'.repeat(250)}`, TargetKeyId });
  });

  it('the aliases of a key and of the account come in pages, each once', async () => {
    const { id: KeyId } = await newKey(client);
    const made: string[] = [];
    for (let i = 0; i < 5; i++) {
      const AliasName = unique('alias/paged');
      await client.createAlias({ AliasName, TargetKeyId: KeyId });
      made.push(AliasName);
    }
    const ofKey: (string | undefined)[] = [];
    for await (const page of paginateListAliases({ client, pageSize: 2 }, { KeyId })) {
      expect(page.Aliases?.length).to.be.within(1, 2);
      ofKey.push(...(page.Aliases ?? []).map(({ AliasName }) => AliasName));
    }
    expect(ofKey).to.have.members(made);
    const all: (string | undefined)[] = [];
    for await (const page of paginateListAliases({ client, pageSize: 2 }, {})) {
      all.push(...(page.Aliases ?? []).map(({ AliasName }) => AliasName));
    }
    expect(all).to.include.members(made);
    expect(new Set(all).size).to.equal(all.length);
    await refused(client.listAliases({ Limit: 101 }), 'ValidationException');
  });

  it('tags are put, put again, taken away and listed in pages', async () => {
    const { id: KeyId } = await newKey(client, { Tags: [{ TagKey: 'kept', TagValue: '1' }] });
    const Tags = ['a', 'b', 'c', 'd'].map((TagKey) => ({ TagKey, TagValue: `value of ${TagKey}` }));
    await client.tagResource({ KeyId, Tags });
    await client.tagResource({ KeyId, Tags: [{ TagKey: 'a', TagValue: '' }] });
    await client.untagResource({ KeyId, TagKeys: ['b', 'never there'] });
    const listed: Record<string, string> = {};
    let pages = 0;
    for await (const page of paginateListResourceTags({ client, pageSize: 3 }, { KeyId })) {
      pages += 1;
      for (const { TagKey = '', TagValue = '?' } of page.Tags ?? []) listed[TagKey] = TagValue;
    }
    expect(pages).to.equal(2);
    expect(listed).to.deep.equal({ kept: '1', a: '', c: 'value of c', d: 'value of d' });
    await refused(client.listResourceTags({ KeyId, Limit: 51 }), 'ValidationException');
  });

  it('tags have their limits, and nothing of what is refused is put', async () => {
    const { id: KeyId } = await newKey(client);
    const many = (count: number, prefix: string) =>
      Array.from({ length: count }, (_, i) => ({ TagKey: `${prefix}${i}`, TagValue: 'v' }));
    await refused(
      client.tagResource({ KeyId, Tags: [{ TagKey: 'x'.repeat(129), TagValue: 'v' }] }),
      'ValidationException',
    );
    await refused(
      client.tagResource({ KeyId, Tags: [{ TagKey: 'k', TagValue: 'x'.repeat(257) }] }),
      'ValidationException',
    );
    const tagged = [
      () => client.tagResource({ KeyId, Tags: [{ TagKey: 'aws:mine', TagValue: 'v' }] }),
      () => client.createKey({ Tags: [{ TagKey: 'aws:mine', TagValue: 'v' }] }),
      () => client.tagResource({ KeyId, Tags: [...many(1, 'same'), ...many(1, 'same')] }),
      () => client.createKey({ Tags: [...many(1, 'same'), ...many(1, 'same')] }),
    ];
    for (const ask of tagged) expect(await refusal(ask()), String(ask)).to.be.instanceOf(TagException);
    expect((await client.listResourceTags({ KeyId })).Tags).to.deep.equal([]);
    await client.tagResource({ KeyId, Tags: many(50, 't') });
    const tooMany = await refusal(client.tagResource({ KeyId, Tags: many(1, 'one more') }));
    expect(tooMany.name).to.be.oneOf(['LimitExceededException', 'TagException']);
    // the same keys again are no more than 50
    await client.tagResource({ KeyId, Tags: many(50, 't') });
    expect((await client.listResourceTags({ KeyId, Limit: 50 })).Tags).to.have.length(50);
  });
});
