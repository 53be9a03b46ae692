import { expect } from 'chai';
import type { Scope } from '../../../src/arn.ts';
import type { Grant } from '../../../src/keys/grant.ts';
import { type GrantIndex, type GrantsSought, grantIndex } from '../../../src/keys/grant-index.ts';
import type { Change } from '../../../src/store/store.ts';
import { addKey, all, apply, close, type MakePlace, newGrant, type Opened, open, scope } from './fixture.ts';

export function grantsContract(make: MakePlace): void {
  let store: Opened;
  beforeEach(async () => {
    store = await open(make);
  });
  afterEach(() => close(store));

  const created = (grant: Grant, over: Partial<GrantIndex> & { limit?: number } = {}): Change => ({
    region: grant.region,
    account: grant.account,
    type: 'grant-created',
    grant,
    from: ['Enabled'],
    index: { ...grantIndex(grant), ...over },
    limit: over.limit ?? 50_000,
  });
  const comesTo = async (outcome: 'conflict' | 'limit', change: Change) => {
    const before = await store.writer.changeSequence();
    const applied = await store.writer.apply(change, undefined);
    expect(applied).to.deep.equal({ outcome: { type: outcome }, invalidation: undefined });
    expect(await store.writer.changeSequence()).to.equal(before);
  };
  const add = async (keyId: string, over: Partial<Grant> = {}): Promise<Grant> => {
    const grant = newGrant({ keyId, ...over });
    await apply(store.writer, created(grant));
    return grant;
  };
  const found = async (where: Scope, keyId: string, granteeId: string) =>
    (await store.reader.findGrants(where, keyId, granteeId)).grants;
  const ids = (grants: readonly Grant[]) => grants.map(({ grantId }) => grantId);
  const sorted = (grants: readonly Grant[]) => ids(grants).sort();

  it('keeps a grant as it was made, and makes stale what the key grants to its grantee alone', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    const full = newGrant({
      keyId,
      name: 'a name',
      granteeId: 'AROAROLE:session',
      retiringId: '444455556666',
      operations: ['Encrypt', 'Decrypt', 'CreateGrant'],
      constraints: {
        encryptionContextEquals: { Tenant: 'blue', ' "☃': '' },
        encryptionContextSubset: { Tenant: 'blue' },
        sourceArn: 'arn:aws:s3:::bucket',
      },
      issuingAccount: '444455556666',
    });
    const { invalidation } = await apply(writer, created(full, { fingerprint: 'f' }));
    expect(invalidation).to.deep.include({
      keys: [],
      aliases: [],
      grants: [`us-east-1/111122223333/${keyId}/AROAROLE:session`],
    });
    const bare = await add(keyId);
    expect(await reader.findGrant(scope, keyId, full.grantId)).to.deep.equal(full);
    expect(await reader.findGrant(scope, keyId, bare.grantId)).to.deep.equal(bare);
    expect(await reader.findGrantId(scope, keyId, 'f')).to.equal(full.grantId);
    expect(await reader.findGrantId(scope, keyId, 'g')).to.equal(undefined);
  });

  it('finds the grants of a grantee by exactly the id, on the key that was asked for', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    const other = await addKey(writer);
    const mine = [
      await add(keyId, { granteeId: 'AROAROLE' }),
      await add(keyId, { granteeId: 'AROAROLE', operations: ['Encrypt'] }),
    ];
    await add(keyId, { granteeId: 'AROAROLE:session' });
    await add(other.keyId, { granteeId: 'AROAROLE' });
    expect(sorted(await found(scope, keyId, 'AROAROLE'))).to.deep.equal(sorted(mine));
    expect(await found(scope, keyId, 'AROA')).to.deep.equal([]);
    expect(await found({ ...scope, region: 'eu-west-1' }, keyId, 'AROAROLE')).to.deep.equal([]);
    expect(await reader.findGrant(scope, other.keyId, mine[0]?.grantId ?? '')).to.equal(undefined);
  });

  it('says where a grantee has more grants on a key than are read at once, and seeks among those', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    const granteeId = 'AROAMANY';
    const bound = (tenant: string): Partial<Grant> => ({
      granteeId,
      constraints: { encryptionContextSubset: { tenant, of: 'many' } },
    });
    for (let index = 0; index < 200; index += 1) await add(keyId, bound(`tenant ${index}`));
    expect(await reader.findGrants(scope, keyId, granteeId)).to.include({ more: false });
    const blue = await add(keyId, bound('blue'));
    const open = await add(keyId, { granteeId, operations: ['Encrypt'] });
    const describing = await add(keyId, { granteeId, operations: ['DescribeKey', 'Encrypt'] });
    await add(keyId, { ...bound('blue'), granteeId: 'AROAOTHER' });
    const { grants, more } = await reader.findGrants(scope, keyId, granteeId);
    expect([grants.length, more]).to.deep.equal([200, true]);
    const { anchor } = grantIndex(blue);
    const seek = async (sought: GrantsSought) =>
      sorted(await reader.findGrantsSought(scope, keyId, granteeId, sought));
    expect(await seek({ type: 'anchored', anchors: [anchor] })).to.deep.equal([blue.grantId]);
    expect(await seek({ type: 'anchored', anchors: ['', anchor, 'none'] })).to.deep.equal(
      sorted([blue, open, describing]),
    );
    expect(await seek({ type: 'describing' })).to.deep.equal([describing.grantId]);
  });

  it('makes a grant only on a key in a state that the change names', async () => {
    const { writer } = store;
    const disabled = await addKey(writer, { state: 'Disabled' });
    await comesTo('conflict', created(newGrant({ keyId: disabled.keyId })));
    await comesTo('conflict', created(newGrant({ keyId: 'nobody' })));
    const elsewhere: Scope = { ...scope, account: '444455556666' };
    await comesTo('conflict', created(newGrant({ keyId: disabled.keyId, ...elsewhere })));
  });

  it('makes one grant of a fingerprint, and again when that is gone', async () => {
    const { writer } = store;
    const { keyId } = await addKey(writer);
    const other = await addKey(writer);
    const first = newGrant({ keyId });
    await apply(writer, created(first, { fingerprint: 'f' }));
    await comesTo('conflict', created(newGrant({ keyId }), { fingerprint: 'f' }));
    await apply(writer, created(newGrant({ keyId: other.keyId }), { fingerprint: 'f' }));
    await apply(writer, created(newGrant({ keyId }), { fingerprint: 'g' }));
    await apply(writer, { ...scope, type: 'grant-removed', keyId, grantId: first.grantId });
    await apply(writer, created(newGrant({ keyId }), { fingerprint: 'f' }));
  });

  it('makes as many grants on a key as the change allows, whoever has gone between', async () => {
    const { writer } = store;
    const { keyId } = await addKey(writer);
    const other = await addKey(writer);
    const first = newGrant({ keyId });
    await apply(writer, created(first, { limit: 2 }));
    await apply(writer, created(newGrant({ keyId }), { limit: 2 }));
    await comesTo('limit', created(newGrant({ keyId }), { limit: 2 }));
    await apply(writer, created(newGrant({ keyId: other.keyId }), { limit: 2 }));
    await apply(writer, { ...scope, type: 'grant-removed', keyId, grantId: first.grantId });
    await comesTo('conflict', { ...scope, type: 'grant-removed', keyId, grantId: first.grantId });
    await apply(writer, created(newGrant({ keyId }), { limit: 2 }));
    await comesTo('limit', created(newGrant({ keyId }), { limit: 2 }));
  });

  it('removes a grant once, from its own key, in whatever state that is', async () => {
    const { writer } = store;
    const { keyId } = await addKey(writer);
    const other = await addKey(writer);
    const grant = await add(keyId);
    const kept = await add(keyId);
    const { grantId, granteeId } = grant;
    await comesTo('conflict', { ...scope, type: 'grant-removed', keyId: other.keyId, grantId });
    await comesTo('conflict', { ...scope, region: 'eu-west-1', type: 'grant-removed', keyId, grantId });
    await apply(writer, { ...scope, type: 'key-state', keyId, from: all, to: 'Disabled' });
    const { invalidation } = await apply(writer, { ...scope, type: 'grant-removed', keyId, grantId });
    expect(invalidation?.grants).to.deep.equal([`us-east-1/111122223333/${keyId}/${granteeId}`]);
    await comesTo('conflict', { ...scope, type: 'grant-removed', keyId, grantId });
    expect(await found(scope, keyId, granteeId)).to.deep.equal([kept]);
  });

  it('removes the grants of a destroyed key, and those of no other', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    const other = await addKey(writer);
    const gone = await add(keyId, { retiringId: 'AIDARETIRING' });
    const kept = await add(other.keyId, { retiringId: 'AIDARETIRING' });
    for (const change of [
      { type: 'key-state', keyId, from: all, to: 'PendingDeletion', deletionDate: 1 },
      { type: 'key-state', keyId, from: all, to: 'Destroying' },
      { type: 'key-destroyed', keyId },
    ] as const) {
      await apply(writer, { ...scope, ...change });
    }
    expect(await reader.findGrant(scope, keyId, gone.grantId)).to.equal(undefined);
    const left = await reader.listRetirableGrants(scope.region, 'AIDARETIRING', undefined, 10);
    expect(left).to.deep.equal({ items: [kept], next: undefined });
  });

  it('lists the grants of a key by id in pages, of all grantees or of one', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    const other = await addKey(writer);
    await add(other.keyId);
    const grants: Grant[] = [];
    for (let index = 0; index < 6; index += 1) {
      grants.push(await add(keyId, { granteeId: index % 2 === 0 ? 'AIDAEVEN' : 'AIDAODD' }));
    }
    const even = grants.filter(({ granteeId }) => granteeId === 'AIDAEVEN');
    for (const limit of [1, 2, 3, 6, 100]) {
      for (const [granteeId, wanted] of [
        [undefined, grants],
        ['AIDAEVEN', even],
      ] as const) {
        const listed: Grant[] = [];
        let after: string | undefined;
        let pages = 0;
        do {
          const page = await reader.listGrants(scope, keyId, granteeId, after, limit);
          listed.push(...page.items);
          after = page.next;
          pages += 1;
        } while (after !== undefined);
        expect(ids(listed)).to.deep.equal(sorted(wanted));
        expect(pages).to.equal(Math.ceil(wanted.length / limit));
      }
    }
  });

  it('lists what somebody may retire on any key of the region, in pages', async () => {
    const { writer, reader } = store;
    await writer.createAccount('444455556666', 'other');
    const one = await addKey(writer);
    const abroad = await addKey(writer, { account: '444455556666' });
    const elsewhere = await addKey(writer, { region: 'eu-west-1' });
    const retiringId = 'AROARETIRING';
    const mine = [
      await add(one.keyId, { retiringId }),
      await add(one.keyId, { retiringId }),
      await add(abroad.keyId, { retiringId, account: '444455556666' }),
    ];
    await add(elsewhere.keyId, { retiringId, region: 'eu-west-1' });
    await add(one.keyId, { retiringId: 'AROARETIRING:session' });
    await add(one.keyId);
    const first = await reader.listRetirableGrants(scope.region, retiringId, undefined, 2);
    const second = await reader.listRetirableGrants(scope.region, retiringId, first.next, 2);
    expect(second.next).to.equal(undefined);
    expect(ids([...first.items, ...second.items])).to.deep.equal(sorted(mine));
  });
}
