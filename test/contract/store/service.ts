import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import {
  addKey,
  apply,
  clock,
  close,
  type MakePlace,
  newKey,
  newRecord,
  type Opened,
  open,
  rejection,
  scope,
} from './fixture.ts';

export function outboxContract(make: MakePlace): void {
  let store: Opened;
  beforeEach(async () => {
    store = await open(make);
  });
  afterEach(() => close(store));

  it('holds the records of changes in their order until they are removed', async () => {
    const { writer } = store;
    const { keyId } = await addKey(writer);
    const records = ['a', 'b', 'c'].map(newRecord);
    for (const record of records) {
      const description = record.eventName;
      await writer.apply(
        { ...scope, type: 'key-description', keyId, from: ['Enabled'], description },
        record,
      );
    }
    const pending = await writer.pendingRecords(10);
    expect(pending.map(({ record }) => record)).to.deep.equal(records);
    expect(await writer.pendingRecords(2)).to.deep.equal(pending.slice(0, 2));
    await writer.removeRecords([]);
    await writer.removeRecords(pending.slice(0, 2).map(({ id }) => id));
    expect(await writer.pendingRecords(10)).to.deep.equal(pending.slice(2));
    await writer.removeRecords(pending.map(({ id }) => id));
    expect(await writer.pendingRecords(10)).to.deep.equal([]);
  });

  it('never gives the place of a record again', async () => {
    const { writer } = store;
    const { keyId } = await addKey(writer);
    const next = async () => {
      const description = 'again';
      await writer.apply(
        { ...scope, type: 'key-description', keyId, from: ['Enabled'], description },
        newRecord('UpdateKeyDescription'),
      );
      const [pending] = await writer.pendingRecords(1);
      await writer.removeRecords([pending?.id ?? 0]);
      return pending?.id ?? 0;
    };
    const first = await next();
    expect(await next()).to.be.greaterThan(first);
  });

  it('holds no record of a change that was refused, and no change whose record was', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    const record = newRecord('DisableKey');
    const move = { ...scope, type: 'key-state', keyId, to: 'Disabled' } as const;
    const refused = await writer.apply({ ...move, from: ['Disabled'] }, record);
    expect(refused.outcome.type).to.equal('conflict');
    expect(await writer.pendingRecords(10)).to.deep.equal([]);
    await writer.apply({ ...scope, type: 'tags-put', keyId, from: ['Enabled'], tags: [], limit: 50 }, record);
    const before = await writer.changeSequence();
    const twice = writer.apply({ ...move, from: ['Enabled'] }, record);
    expect((await rejection(twice)).kind).to.equal('constraint');
    expect(await reader.findKey(scope, keyId)).to.include({ state: 'Enabled' });
    expect(await writer.changeSequence()).to.equal(before);
    expect(await writer.pendingRecords(10)).to.have.length(1);
  });

  it('numbers changes without a gap, however many come at once, and shows each to readers when it is done', async () => {
    const { writer, reader } = store;
    const changes = Array.from({ length: 40 }, async () => {
      const key = newKey();
      const { invalidation } = await apply(writer, { ...scope, type: 'key-creating', key });
      await apply(writer, { ...scope, type: 'key-created', keyId: key.keyId });
      expect(await reader.findKey(scope, key.keyId)).to.include({ state: 'Enabled' });
      return invalidation?.sequence ?? 0;
    });
    const sequences = await Promise.all(changes);
    expect(new Set(sequences)).to.have.property('size', 40);
    expect(await writer.changeSequence()).to.equal(80);
    expect(await reader.changeSequence()).to.equal(80);
  });

  it('has finished what was under way when it has closed, and is as it was when opened again', async () => {
    const { writer, place, reader } = store;
    const key = newKey();
    const begun = writer.apply({ ...scope, type: 'key-creating', key }, newRecord('CreateKey'));
    await writer.close();
    expect((await begun).outcome.type).to.equal('done');
    const again = await place.openWriter(clock);
    store = { place, reader, writer: again };
    expect(again.storeId)
      .to.equal(writer.storeId)
      .and.to.match(/^[0-9a-f]{32}$/);
    expect(await again.count()).to.deep.equal({ accounts: 1, keys: 1 });
    expect(await again.changeSequence()).to.equal(1);
    expect(await again.pendingRecords(10)).to.have.length(1);
    expect((await again.unfinishedCreations())[0]).to.deep.equal(key);
  });
}

export function jobsContract(make: MakePlace): void {
  let store: Opened;
  beforeEach(async () => {
    store = await open(make);
  });
  afterEach(() => close(store));

  it('names the keys whose time has come, and those that are going, and no others', async () => {
    const { writer } = store;
    await addKey(writer);
    const due = await addKey(writer, { state: 'PendingDeletion', deletionDate: 1_000 });
    await addKey(writer, { state: 'PendingDeletion', deletionDate: 1_001 });
    const going = await addKey(writer, { state: 'Destroying', deletionDate: 9_999 });
    const found = await writer.dueForDeletion(1_000);
    expect(found).to.have.deep.members([due, going]);
    expect(await writer.dueForDeletion(999)).to.deep.equal([going]);
  });

  it('names the keys whose creation has not ended', async () => {
    const { writer } = store;
    await addKey(writer);
    const creating = await addKey(writer, { state: 'Creating' });
    const abandoning = await addKey(writer, { state: 'Abandoning' });
    expect(await writer.unfinishedCreations()).to.have.deep.members([creating, abandoning]);
  });

  it('names every material once, whatever the state of its key, over many pages', async () => {
    const { writer } = store;
    const expected: string[] = [];
    for (const region of ['us-east-1', 'eu-west-1']) {
      const materials = Array.from({ length: 1_001 }, () => ({
        materialId: randomBytes(16).toString('hex'),
        keyMaterialId: '',
        createdAt: 0,
      }));
      const [first] = materials;
      await addKey(writer, { region, materials, currentMaterialId: first?.materialId ?? '' });
      expected.push(...materials.map((material) => material.materialId));
    }
    const creating = await addKey(writer, { state: 'Creating' });
    expected.push(creating.currentMaterialId);
    const found: string[] = [];
    for await (const page of writer.allMaterials()) {
      for (const material of page) {
        found.push(material.materialId);
        if (material.keyId === creating.keyId) expect(material).to.include({ ...scope, state: 'Creating' });
      }
    }
    expect(found.sort()).to.deep.equal(expected.sort());
  });
}
