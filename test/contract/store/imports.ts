import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { Key, KeyState, Material } from '../../../src/keys/key.ts';
import type { KeyChange as Change } from '../../../src/keys/repository.ts';
import type { WrappingKey } from '../../../src/keys/wrapping-key.ts';
import { apply, close, type MakePlace, newKey, newRecord, type Opened, open, scope } from './fixture.ts';

const newMaterial = (): Material & { import: { fingerprint: string; state: 'Importing' } } => ({
  materialId: randomBytes(16).toString('hex'),
  keyMaterialId: randomBytes(32).toString('hex'),
  createdAt: 5,
  import: { state: 'Importing', fingerprint: randomBytes(32).toString('hex') },
});
const usable: readonly KeyState[] = ['Enabled', 'Disabled', 'PendingImport'];

export function importsContract(make: MakePlace): void {
  let store: Opened;
  let keyId: string;
  beforeEach(async () => {
    store = await open(make);
    const { currentMaterialId: _, ...key } = newKey({ origin: 'EXTERNAL', materials: [] });
    keyId = key.keyId;
    await apply(store.writer, { ...scope, type: 'key-creating', key });
    await apply(store.writer, { ...scope, type: 'key-created', keyId });
  });
  afterEach(() => close(store));

  const outcome = async (change: Change) => (await store.writer.apply(change, undefined)).outcome.type;
  const found = async (): Promise<Key> =>
    (await store.reader.findKey(scope, keyId)) ?? expect.fail('no such key');
  const importing = (material: Material, currentMaterialId?: string): Change => ({
    ...scope,
    type: 'material-importing',
    keyId,
    from: usable,
    material,
    currentMaterialId,
  });
  const imported = ({ materialId }: Material, over: object = {}): Change => ({
    ...scope,
    type: 'material-imported',
    keyId,
    from: usable,
    materialId,
    was: 'Importing',
    validTo: undefined,
    description: undefined,
    ...over,
  });
  const step = (
    type: 'material-deleting' | 'material-importing-again',
    { materialId }: Material,
    over: object = {},
  ): Change => ({ ...scope, type, keyId, from: usable, materialId, ...over });
  const back = (type: 'material-abandoning' | 'material-abandoned', { materialId }: Material): Change => ({
    ...scope,
    type,
    keyId,
    materialId,
  });
  const bring = async (material: Material, current?: string) => {
    await apply(store.writer, importing(material, current));
    await apply(store.writer, imported(material));
  };

  it('a key without material awaits it, and the first is the current one', async () => {
    const first = newMaterial();
    expect(await found()).to.deep.include({ state: 'PendingImport', materials: [] });
    expect(await found()).to.not.have.any.keys('currentMaterialId', 'pending');
    await apply(store.writer, importing(first));
    expect((await found()).pending).to.deep.equal({ ...first, state: 'Creating' });
    expect(await outcome(importing(newMaterial()))).to.equal('exists');
    const publicKey = Buffer.from('public');
    await apply(store.writer, imported(first, { validTo: 9, description: 'mine', publicKey }));
    expect(await found()).to.deep.include({
      state: 'Enabled',
      currentMaterialId: first.materialId,
      materials: [
        { ...first, import: { ...first.import, state: 'Imported', validTo: 9, description: 'mine' } },
      ],
      publicKey,
    });
  });

  it('no material is one of the key’s twice, and none comes to a key that is no longer as it was read', async () => {
    const first = newMaterial();
    expect(await outcome(importing(first, 'f'.repeat(32)))).to.equal('conflict');
    await bring(first);
    const same = { ...newMaterial(), import: first.import };
    expect(await outcome(importing(same, first.materialId))).to.equal('conflict');
    expect(await outcome(importing(newMaterial()))).to.equal('conflict');
    expect(await outcome(imported(first))).to.equal('conflict');
    expect(await outcome(imported(first, { was: 'Imported', validTo: 7 }))).to.equal('done');
    expect((await found()).materials[0]?.import?.validTo).to.equal(7);
    expect(await outcome(imported(first, { was: 'Imported', from: ['Disabled'] }))).to.equal('conflict');
  });

  it('another awaits its rotation, and needs no import for the key to work', async () => {
    const [first, second] = [newMaterial(), newMaterial()];
    await bring(first);
    await bring(second, first.materialId);
    expect(await found()).to.deep.include({ state: 'Enabled', currentMaterialId: first.materialId });
    expect((await found()).pending).to.deep.include({
      state: 'PendingRotation',
      materialId: second.materialId,
    });
    expect(await outcome(back('material-abandoning', second))).to.equal('conflict');
    expect(await outcome(importing(newMaterial(), first.materialId))).to.equal('exists');
    await apply(store.writer, step('material-deleting', second));
    expect(await found()).to.deep.include({ state: 'Enabled' });
    expect((await store.writer.unfinishedMaterials()).map((key) => key.keyId)).to.deep.equal([keyId]);
    await apply(store.writer, back('material-abandoning', second));
    await apply(store.writer, back('material-abandoned', second));
    expect(await found()).to.not.have.property('pending');
    expect(await store.writer.unfinishedMaterials()).to.deep.equal([]);
    // Forgotten: it may come anew.
    await bring({ ...second, materialId: randomBytes(16).toString('hex') }, first.materialId);
  });

  it('what is deleted leaves the key waiting, and comes back to where it was', async () => {
    const first = newMaterial();
    await bring(first);
    expect(await outcome(step('material-importing-again', first))).to.equal('conflict');
    expect(await outcome(back('material-abandoning', first))).to.equal('conflict');
    await apply(store.writer, step('material-deleting', first));
    expect(await found()).to.deep.include({ state: 'PendingImport', currentMaterialId: first.materialId });
    expect(await outcome(step('material-deleting', first))).to.equal('conflict');
    expect(await outcome(step('material-importing-again', first))).to.equal('conflict');
    await apply(store.writer, back('material-abandoning', first));
    await apply(store.writer, back('material-abandoned', first));
    expect((await found()).materials[0]?.import?.state).to.equal('Deleted');
    await apply(store.writer, step('material-importing-again', first));
    // It comes to nothing.
    await apply(store.writer, back('material-abandoning', first));
    expect(await outcome(imported(first))).to.equal('conflict');
    await apply(store.writer, back('material-abandoned', first));
    await apply(store.writer, step('material-importing-again', first));
    await apply(store.writer, imported(first));
    expect(await found()).to.deep.include({ state: 'Enabled' });
    const [row] = await collect(store.writer.allMaterials());
    expect(row).to.include({ materialId: first.materialId, importState: 'Imported' });
  });

  it('no change of state says of a key what its materials don’t', async () => {
    const first = newMaterial();
    const to = (state: KeyState, from: readonly KeyState[], more: object = {}): Change => ({
      ...scope,
      type: 'key-state',
      keyId,
      from,
      to: state,
      ...more,
    });
    await apply(store.writer, to('PendingDeletion', usable, { deletionDate: 9 }));
    expect(await outcome(to('Disabled', ['PendingDeletion']))).to.equal('conflict');
    expect(await outcome(to('Enabled', ['PendingDeletion']))).to.equal('conflict');
    await apply(store.writer, to('PendingImport', ['PendingDeletion']));
    await bring(first);
    expect(await outcome(to('PendingImport', usable))).to.equal('conflict');
    await apply(store.writer, to('Disabled', usable));
    await apply(store.writer, step('material-deleting', first));
    expect(await found()).to.deep.include({ state: 'PendingImport' });
    await apply(store.writer, back('material-abandoned', first));
    await apply(store.writer, to('PendingDeletion', usable, { deletionDate: 9 }));
    expect(await outcome(step('material-importing-again', first))).to.equal('conflict');
  });

  it('tells what expires next, and what has', async () => {
    const [first, second] = [newMaterial(), newMaterial()];
    expect(await store.writer.nextExpiry()).to.equal(undefined);
    await apply(store.writer, importing(first));
    await apply(store.writer, imported(first, { validTo: 20 }));
    await apply(store.writer, importing(second, first.materialId));
    await apply(store.writer, imported(second, { validTo: 10 }));
    expect(await store.writer.nextExpiry()).to.equal(10);
    expect(await store.writer.dueForExpiry(9, 5)).to.deep.equal([]);
    const due = async (now: number, limit: number) =>
      (await store.writer.dueForExpiry(now, limit)).map(({ materialId, validTo, key }) => [
        materialId,
        validTo,
        key.keyId,
      ]);
    expect(await due(20, 5)).to.deep.equal([
      [second.materialId, 10, keyId],
      [first.materialId, 20, keyId],
    ]);
    expect(await due(20, 1)).to.have.length(1);
    expect(await outcome(step('material-deleting', second, { expired: 11 }))).to.equal('conflict');
    await apply(store.writer, step('material-deleting', second, { expired: 10 }));
    expect(await store.writer.nextExpiry()).to.equal(20);
  });

  describe('wrapping keys', () => {
    const newWrappingKey = (over: Partial<WrappingKey> = {}): WrappingKey => ({
      ...scope,
      wrappingId: randomBytes(16).toString('hex'),
      keyId,
      state: 'Creating',
      algorithm: 'RSAES_OAEP_SHA_1',
      createdAt: 3,
      validTo: 30,
      ...over,
    });
    const creating = (wrappingKey: WrappingKey, limit = 2): Change => ({
      ...scope,
      type: 'wrapping-key-creating',
      wrappingKey,
      from: usable,
      limit,
    });
    const go = (
      type: 'created' | 'destroying' | 'destroyed' | 'forgotten',
      { wrappingId }: WrappingKey,
    ): Change => ({ ...scope, type: `wrapping-key-${type}`, wrappingId });
    const stateOf = async ({ wrappingId }: WrappingKey) =>
      (await store.reader.findWrappingKey(scope, wrappingId))?.state;

    it('are made, used and destroyed in this order, and are only of their key and account', async () => {
      const key = newWrappingKey();
      expect(await outcome(creating({ ...key, keyId: 'nobody' }))).to.equal('conflict');
      await apply(store.writer, creating(key));
      expect(await outcome(go('destroyed', key))).to.equal('conflict');
      await apply(store.writer, go('created', key));
      expect(await outcome(go('created', key))).to.equal('conflict');
      expect(await store.reader.findWrappingKey(scope, key.wrappingId)).to.deep.equal({
        ...key,
        state: 'Ready',
      });
      const elsewhere = { ...scope, account: '999988887777' };
      expect(await store.reader.findWrappingKey(elsewhere, key.wrappingId)).to.equal(undefined);
      expect(await store.writer.wrappingKeys({ ...scope, keyId })).to.have.length(1);
      await apply(store.writer, go('destroying', key));
      await apply(store.writer, go('destroying', key));
      expect(await outcome(go('created', key))).to.equal('conflict');
      expect(await outcome(go('forgotten', key))).to.equal('conflict');
      expect(await store.writer.wrappingKeys()).to.have.length(1);
      await apply(store.writer, go('destroyed', key));
      expect(await store.writer.wrappingKeys()).to.deep.equal([]);
      expect(await store.writer.destroyedWrappingKeys(29, 9)).to.deep.equal([]);
      expect(await store.writer.destroyedWrappingKeys(30, 9)).to.have.length(1);
      expect(await outcome(go('destroying', key))).to.equal('conflict');
      await apply(store.writer, go('forgotten', key));
      expect(await stateOf(key)).to.equal(undefined);
    });

    it('are counted against their limit while the token may have them', async () => {
      const [first, second, third] = [newWrappingKey(), newWrappingKey(), newWrappingKey()];
      await apply(store.writer, creating(first));
      await apply(store.writer, creating(second));
      expect(await outcome(creating(third))).to.equal('limit');
      await apply(store.writer, go('destroying', first));
      expect(await outcome(creating(third))).to.equal('limit');
      await apply(store.writer, go('destroyed', first));
      await apply(store.writer, creating(third));
    });

    it('keep the row of their key while they are in the token, and go with it', async () => {
      const key = newWrappingKey();
      await apply(store.writer, creating(key));
      const state = { ...scope, type: 'key-state', keyId, from: usable } as const;
      await apply(store.writer, { ...state, to: 'PendingDeletion', deletionDate: 1 });
      await apply(store.writer, { ...state, from: ['PendingDeletion'], to: 'Destroying' });
      const destroyed: Change = { ...scope, type: 'key-destroyed', keyId };
      expect(await outcome(destroyed)).to.equal('conflict');
      await apply(store.writer, go('destroying', key));
      await apply(store.writer, go('destroyed', key));
      await store.writer.apply(destroyed, [newRecord('DeleteKey')]);
      expect(await stateOf(key)).to.equal(undefined);
    });
  });
}

async function collect<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const found: T[] = [];
  for await (const page of pages) found.push(...page);
  return found;
}
