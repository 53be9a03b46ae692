import { expect } from 'chai';
import type { KeyState } from '../../../src/keys/key.ts';
import type { Change } from '../../../src/store/store.ts';
import {
  addKey,
  all,
  apply,
  close,
  type MakePlace,
  newAlias,
  newKey,
  type Opened,
  open,
  rejection,
  scope,
} from './fixture.ts';

export function keysContract(make: MakePlace): void {
  let store: Opened;
  beforeEach(async () => {
    store = await open(make);
  });
  afterEach(() => close(store));

  const conflicts = async (change: Change) => {
    const before = await store.writer.changeSequence();
    const applied = await store.writer.apply(change, undefined);
    expect(applied).to.deep.equal({ outcome: { type: 'conflict' }, invalidation: undefined });
    expect(await store.writer.changeSequence()).to.equal(before);
  };
  const names = (keyId: string) => [`us-east-1/111122223333/${keyId}`];

  it('shows a key to nobody while it is being created, and whole afterwards', async () => {
    const { writer, reader } = store;
    const key = newKey({ tags: [{ key: 'team', value: 'blue' }] });
    const begun = await apply(writer, { ...scope, type: 'key-creating', key });
    expect(begun.invalidation).to.deep.equal({
      sequence: 1,
      keys: names(key.keyId),
      aliases: [],
      grants: [],
      credentials: [],
      accounts: [],
    });
    expect(await reader.findKey(scope, key.keyId)).to.equal(undefined);
    expect((await reader.listKeyIds(scope, undefined, 10)).items).to.deep.equal([]);
    const ended = await apply(writer, { ...scope, type: 'key-created', keyId: key.keyId });
    expect(ended.invalidation?.keys).to.deep.equal(names(key.keyId));
    expect(await reader.findKey(scope, key.keyId)).to.deep.equal({ ...key, state: 'Enabled' });
    expect((await reader.listTags(scope, key.keyId, undefined, 50)).items).to.deep.equal([
      { key: 'team', value: 'blue' },
    ]);
  });

  it('keeps the public half of a pair, and what its token lacks, from the moment it is made', async () => {
    const { writer, reader } = store;
    const key = newKey({
      keySpec: 'ECC_NIST_EDWARDS25519',
      keyUsage: 'SIGN_VERIFY',
      lacking: ['ED25519_PH_SHA_512'],
    });
    await apply(writer, { ...scope, type: 'key-creating', key });
    const publicKey = Buffer.from('302a300506032b6570032100', 'hex');
    await apply(writer, { ...scope, type: 'key-created', keyId: key.keyId, publicKey });
    const found = await reader.findKey(scope, key.keyId);
    expect(found).to.deep.equal({ ...key, state: 'Enabled', publicKey });
    expect(Buffer.isBuffer(found?.publicKey)).to.equal(true);
  });

  it('keeps the last use of a key, in whatever order uses come, as long as there is the key', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    const before = await writer.changeSequence();
    const use = (at: number, operation: string) => ({
      ...scope,
      keyId,
      operation,
      at,
      eventId: `event-${at}`,
      requestId: `request-${at}`,
    });
    expect(await reader.findLastUse(scope, keyId)).to.equal(undefined);
    await writer.recordUses([]);
    await writer.recordUses([use(20, 'Encrypt'), { ...use(30, 'Sign'), keyId: 'not-there' }]);
    const last = { operation: 'Encrypt', at: 20, eventId: 'event-20', requestId: 'request-20' };
    expect(await reader.findLastUse(scope, keyId)).to.deep.equal(last);
    await writer.recordUses([use(19, 'Decrypt')]);
    expect(await reader.findLastUse(scope, keyId)).to.deep.equal(last);
    await writer.recordUses([use(20, 'ReEncrypt'), use(21, 'Decrypt')]);
    expect(await reader.findLastUse(scope, keyId)).to.include({ operation: 'Decrypt', at: 21 });
    expect(await reader.findLastUse({ ...scope, account: '444455556666' }, keyId)).to.equal(undefined);
    expect(await reader.findLastUse(scope, 'not-there')).to.equal(undefined);
    // Nobody's cache has it.
    expect(await writer.changeSequence()).to.equal(before);
    for (const to of ['PendingDeletion', 'Destroying'] as const) {
      const from = to === 'Destroying' ? (['PendingDeletion'] as const) : (['Enabled'] as const);
      await apply(writer, { ...scope, type: 'key-state', keyId, from, to, deletionDate: 1 });
    }
    await apply(writer, { ...scope, type: 'key-destroyed', keyId });
    expect(await reader.findLastUse(scope, keyId)).to.equal(undefined);
    expect(Math.abs((await reader.usesTrackedSince()) - Date.now())).to.be.below(60_000);
  });

  it('keeps the materials of a key in their order, oldest first', async () => {
    const materials = ['c', 'a', 'b'].map((digit, index) => ({
      materialId: digit.repeat(32),
      keyMaterialId: digit.repeat(64),
      createdAt: 5 - index,
    }));
    const key = await addKey(store.writer, { materials, currentMaterialId: 'b'.repeat(32) });
    expect(await store.reader.findKey(scope, key.keyId)).to.deep.equal(key);
  });

  it('finds a conflict in an id that is taken in its region', async () => {
    const key = await addKey(store.writer);
    await conflicts({ ...scope, type: 'key-creating', key: newKey({ keyId: key.keyId }) });
    await store.writer.createAccount('444455556666', 'other');
    const other = { ...scope, account: '444455556666' };
    await conflicts({
      ...other,
      type: 'key-creating',
      key: newKey({ ...other, keyId: key.keyId }),
    });
    const elsewhere = { ...scope, region: 'eu-west-1' };
    await addKey(store.writer, { ...elsewhere, keyId: key.keyId });
    expect(await store.reader.findKey(elsewhere, key.keyId)).to.include(elsewhere);
  });

  it('rejects a key whose scope, state, account or materials contradict the change, and keeps nothing of it', async () => {
    const { writer } = store;
    const wrong = [
      newKey({ region: 'eu-west-1' }),
      newKey({ state: 'Enabled' }),
      newKey({ materials: [] }),
      newKey({ currentMaterialId: '0'.repeat(32) }),
    ];
    for (const key of wrong) {
      const refused = await rejection(writer.apply({ ...scope, type: 'key-creating', key }, undefined));
      expect(refused.kind).to.equal('constraint');
    }
    const nobody = { ...scope, account: '999988887777' };
    const orphan = writer.apply({ ...nobody, type: 'key-creating', key: newKey(nobody) }, undefined);
    expect((await rejection(orphan)).kind).to.equal('constraint');
    const tags = [
      { key: 'same', value: '1' },
      { key: 'same', value: '2' },
    ];
    const twice = writer.apply({ ...scope, type: 'key-creating', key: newKey({ tags }) }, undefined);
    expect((await rejection(twice)).kind).to.equal('constraint');
    expect(await writer.count()).to.deep.equal({ accounts: 1, keys: 0 });
    expect(await writer.changeSequence()).to.equal(0);
  });

  it('finishes and takes back only keys that are being created', async () => {
    const { writer, reader } = store;
    for (const state of all) {
      if (state === 'Creating' || state === 'Abandoning') continue;
      const { keyId } = await addKey(writer, { state });
      await conflicts({ ...scope, type: 'key-created', keyId });
      await conflicts({ ...scope, type: 'key-abandoning', keyId });
      await conflicts({ ...scope, type: 'key-abandoned', keyId });
      expect(await reader.findKey(scope, keyId)).to.include({ state });
    }
    const { keyId } = await addKey(writer, { state: 'Creating' }, [{ key: 'team', value: 'blue' }]);
    const { keys } = await writer.count();
    // Whoever still makes it must not be able to finish once its object may be gone.
    await conflicts({ ...scope, type: 'key-abandoned', keyId });
    await apply(writer, { ...scope, type: 'key-abandoning', keyId });
    await conflicts({ ...scope, type: 'key-created', keyId });
    expect(await reader.findKey(scope, keyId)).to.equal(undefined);
    await apply(writer, { ...scope, type: 'key-abandoned', keyId });
    expect((await writer.count()).keys).to.equal(keys - 1);
    await conflicts({ ...scope, type: 'key-abandoned', keyId });
    await conflicts({ ...scope, type: 'key-created', keyId });
  });

  it('moves a key only from a state that the change names', async () => {
    const { writer, reader } = store;
    for (const from of all) {
      const { keyId } = await addKey(writer, { state: from });
      const others = all.filter((state) => state !== from);
      await conflicts({ ...scope, type: 'key-state', keyId, from: others, to: 'Disabled' });
      await conflicts({ ...scope, type: 'key-state', keyId, from: [], to: 'Disabled' });
      const moved = await apply(writer, { ...scope, type: 'key-state', keyId, from: [from], to: 'Disabled' });
      expect(moved.invalidation?.keys).to.deep.equal(names(keyId));
      expect(await reader.findKey(scope, keyId)).to.include({ state: 'Disabled' });
    }
  });

  it('sets the deletion date with PendingDeletion, keeps it with Destroying, clears it with a cancel', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    const move = (from: KeyState, to: KeyState, deletionDate?: number) =>
      writer.apply(
        { ...scope, type: 'key-state', keyId, from: [from], to, ...(deletionDate && { deletionDate }) },
        undefined,
      );
    const found = async () => (await reader.findKey(scope, keyId)) ?? expect.fail('no key');
    expect((await rejection(move('Enabled', 'PendingDeletion'))).kind).to.equal('constraint');
    expect((await rejection(move('Enabled', 'Destroying'))).kind).to.equal('constraint');
    expect(await found()).to.include({ state: 'Enabled' });
    await move('Enabled', 'PendingDeletion', 77);
    expect(await found()).to.include({ state: 'PendingDeletion', deletionDate: 77 });
    await move('PendingDeletion', 'Disabled');
    expect(await found()).to.not.have.property('deletionDate');
    await move('Disabled', 'PendingDeletion', 88);
    // Not the key that was due at that time: it was kept and scheduled anew.
    expect((await move('PendingDeletion', 'Destroying', 77)).outcome).to.deep.equal({ type: 'conflict' });
    expect(await found()).to.include({ state: 'PendingDeletion', deletionDate: 88 });
    await move('PendingDeletion', 'Destroying', 88);
    expect(await found()).to.include({ state: 'Destroying', deletionDate: 88 });
  });

  it('lets exactly one of a cancel and a destruction win', async () => {
    const { writer } = store;
    const { keyId } = await addKey(writer, { state: 'PendingDeletion' });
    const race = await Promise.all(
      (['Destroying', 'Disabled', 'Destroying', 'Disabled'] as const).map((to) =>
        writer.apply({ ...scope, type: 'key-state', keyId, from: ['PendingDeletion'], to }, undefined),
      ),
    );
    expect(race.map((applied) => applied.outcome.type)).to.deep.equal([
      'done',
      'conflict',
      'conflict',
      'conflict',
    ]);
  });

  it('removes a destroyed key with all it had, and names the aliases that went', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer, {}, [{ key: 'team', value: 'blue' }]);
    const kept = await addKey(writer);
    for (const [name, target] of [
      ['alias/a', keyId],
      ['alias/b/c', keyId],
      ['alias/kept', kept.keyId],
    ] as const) {
      await apply(writer, {
        ...scope,
        type: 'alias-created',
        alias: newAlias(name, target),
        from: ['Enabled'],
      });
    }
    await conflicts({ ...scope, type: 'key-destroyed', keyId });
    await apply(writer, {
      ...scope,
      type: 'key-state',
      keyId,
      from: ['Enabled'],
      to: 'PendingDeletion',
      deletionDate: 1,
    });
    await conflicts({ ...scope, type: 'key-destroyed', keyId });
    await apply(writer, { ...scope, type: 'key-state', keyId, from: ['PendingDeletion'], to: 'Destroying' });
    const gone = await apply(writer, { ...scope, type: 'key-destroyed', keyId });
    expect(gone.invalidation?.keys).to.deep.equal(names(keyId));
    expect(gone.invalidation?.aliases).to.have.members([
      'us-east-1/111122223333/alias/a',
      'us-east-1/111122223333/alias/b/c',
    ]);
    expect(await reader.findKey(scope, keyId)).to.equal(undefined);
    const left = await reader.listAliases(scope, undefined, undefined, 10);
    expect(left.items.map((alias) => alias.aliasName)).to.deep.equal(['alias/kept']);
    expect((await reader.listTags(scope, keyId, undefined, 10)).items).to.deep.equal([]);
    await conflicts({ ...scope, type: 'key-destroyed', keyId });
  });

  it('describes a key only in a state that the change names', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    await conflicts({ ...scope, type: 'key-description', keyId, from: ['Disabled'], description: 'new' });
    await apply(writer, {
      ...scope,
      type: 'key-description',
      keyId,
      from: ['Enabled'],
      description: 'ne"w ☃',
    });
    expect(await reader.findKey(scope, keyId)).to.include({ description: 'ne"w ☃', state: 'Enabled' });
  });

  it('never lets a change reach a key of another account or region', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer, { state: 'Enabled' });
    for (const other of [
      { ...scope, account: '444455556666' },
      { ...scope, region: 'eu-west-1' },
    ]) {
      const from = all;
      await conflicts({ ...other, type: 'key-state', keyId, from, to: 'Disabled' });
      await conflicts({ ...other, type: 'key-description', keyId, from, description: 'new' });
      await conflicts({
        ...other,
        type: 'tags-put',
        keyId,
        from,
        tags: [{ key: 'a', value: 'b' }],
        limit: 50,
      });
      await conflicts({ ...other, type: 'alias-created', alias: newAlias('alias/a', keyId, other), from });
      expect(await reader.findKey(other, keyId)).to.equal(undefined);
    }
    expect(await reader.findKey(scope, keyId)).to.include({ state: 'Enabled', description: 'for a test' });
  });
}
