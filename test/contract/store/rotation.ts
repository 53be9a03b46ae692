import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import type { Key, Material } from '../../../src/keys/key.ts';
import type { KeyChange as Change, ChangeOutcome } from '../../../src/keys/repository.ts';
import {
  addKey,
  apply,
  close,
  type MadeKey,
  type MakePlace,
  newRecord,
  type Opened,
  open,
  scope,
} from './fixture.ts';

const newMaterial = (createdAt: number): Material => ({
  materialId: randomBytes(16).toString('hex'),
  keyMaterialId: randomBytes(32).toString('hex'),
  createdAt,
});

export function rotationContract(make: MakePlace): void {
  let store: Opened;
  let key: MadeKey;
  beforeEach(async () => {
    store = await open(make);
    key = await addKey(store.writer);
  });
  afterEach(() => close(store));

  const outcome = async (change: Change) => (await store.writer.apply(change, undefined)).outcome.type;
  const found = async () => (await store.reader.findKey(scope, key.keyId)) ?? expect.fail('no such key');
  const creating = (material: Material, over: object = {}): Change => ({
    ...scope,
    type: 'material-creating',
    keyId: key.keyId,
    from: ['Enabled'],
    material,
    rotationType: 'ON_DEMAND',
    currentMaterialId: key.currentMaterialId,
    ...over,
  });
  const rotated = ({ materialId }: Material, over: object = {}): Change => ({
    ...scope,
    type: 'material-rotated',
    keyId: key.keyId,
    from: ['Enabled'],
    materialId,
    rotationType: 'ON_DEMAND',
    date: 77,
    currentMaterialId: key.currentMaterialId,
    ...over,
  });
  const step = (
    type: 'material-abandoning' | 'material-abandoned',
    { materialId }: Material,
    keyId = key.keyId,
  ): Change => ({ ...scope, type, keyId, materialId });

  it('a material that is being made is none of the key until it is the current one', async () => {
    const material = newMaterial(5);
    await apply(store.writer, creating(material));
    expect(await found()).to.deep.equal({
      ...key,
      pending: { ...material, state: 'Creating', rotationType: 'ON_DEMAND' },
    });
    await apply(store.writer, rotated(material));
    expect(await found()).to.deep.equal({
      ...key,
      currentMaterialId: material.materialId,
      materials: [...key.materials, { ...material, rotation: { type: 'ON_DEMAND', date: 77 } }],
    });
  });

  it('there is one at a time, and only of the key as it was read', async () => {
    const first = newMaterial(5);
    expect(await outcome(creating(first, { currentMaterialId: 'f'.repeat(32) }))).to.equal('conflict');
    expect(await outcome(creating(first, { from: ['Disabled'] }))).to.equal('conflict');
    expect(await outcome(creating(first, { due: 3 }))).to.equal('conflict');
    expect(await outcome(creating(first))).to.equal('done');
    expect(await outcome(creating(newMaterial(6)))).to.equal('exists');
    expect(await outcome(rotated(newMaterial(6)))).to.equal('conflict');
    expect(await outcome(rotated(first, { from: ['Disabled'] }))).to.equal('conflict');
    expect(await outcome(rotated(first))).to.equal('done');
    expect(await outcome(rotated(first))).to.equal('conflict');
  });

  it('one that is given up can not become the current one, and one that has can not be given up', async () => {
    const given = newMaterial(5);
    await apply(store.writer, creating(given));
    await apply(store.writer, step('material-abandoning', given));
    expect(await outcome(rotated(given))).to.equal('conflict');
    expect((await store.writer.unfinishedMaterials()).map(({ keyId }) => keyId)).to.deep.equal([key.keyId]);
    await apply(store.writer, step('material-abandoned', given));
    expect(await store.writer.unfinishedMaterials()).to.deep.equal([]);
    // Gone already: whoever finds an object of it may take that away.
    expect(await outcome(step('material-abandoning', given))).to.equal('done');
    expect(await outcome(step('material-abandoned', given))).to.equal('conflict');

    const taken = newMaterial(6);
    await apply(store.writer, creating(taken));
    await apply(store.writer, rotated(taken));
    expect(await outcome(step('material-abandoning', taken))).to.equal('conflict');
    expect(await outcome(step('material-abandoned', taken))).to.equal('conflict');
    expect((await found()).currentMaterialId).to.equal(taken.materialId);
  });

  it('rotations of one type are counted against their limit, those that came to nothing are not', async () => {
    let currentMaterialId = key.currentMaterialId;
    const lost = newMaterial(4);
    await apply(store.writer, creating(lost));
    await apply(store.writer, step('material-abandoning', lost));
    await apply(store.writer, step('material-abandoned', lost));
    for (const rotationType of ['ON_DEMAND', 'AUTOMATIC', 'ON_DEMAND'] as const) {
      const material = newMaterial(5);
      await apply(store.writer, creating(material, { rotationType, currentMaterialId, limit: 2 }));
      await apply(store.writer, rotated(material, { rotationType, currentMaterialId }));
      currentMaterialId = material.materialId;
    }
    expect(await outcome(creating(newMaterial(9), { currentMaterialId, limit: 2 }))).to.equal('limit');
    expect(await outcome(creating(newMaterial(9), { currentMaterialId, limit: 3 }))).to.equal('done');
  });

  it('a schedule is set, moved only by who knows it, and cleared', async () => {
    const { keyId } = key;
    const enabled = { ...scope, type: 'rotation-enabled', keyId, from: ['Enabled'] } as const;
    expect(await outcome({ ...enabled, due: 5, periodInDays: 90, next: 10 })).to.equal('conflict');
    await apply(store.writer, { ...enabled, due: undefined, periodInDays: 90, next: 10 });
    expect((await found()).rotation).to.deep.equal({ periodInDays: 90, next: 10 });
    expect(await outcome({ ...enabled, due: undefined, periodInDays: 91, next: 11 })).to.equal('conflict');
    await apply(store.writer, { ...enabled, due: 10, periodInDays: 91, next: 11 });
    expect(await store.writer.dueForRotation(10, 9)).to.deep.equal([]);
    expect((await store.writer.dueForRotation(11, 9)).map((due) => due.keyId)).to.deep.equal([keyId]);

    const material = newMaterial(5);
    const rotationType = 'AUTOMATIC';
    expect(await outcome(creating(material, { rotationType, due: 10 }))).to.equal('conflict');
    await apply(store.writer, creating(material, { rotationType, due: 11 }));
    expect(await outcome(rotated(material, { rotationType, schedule: { due: 10, next: 12 } }))).to.equal(
      'conflict',
    );
    await apply(store.writer, rotated(material, { rotationType, schedule: { due: 11, next: 12 } }));
    expect((await found()).rotation).to.deep.equal({ periodInDays: 91, next: 12 });
    await apply(store.writer, { ...scope, type: 'rotation-disabled', keyId, from: ['Enabled'] });
    expect((await found()).rotation).to.equal(undefined);
    expect(await store.writer.dueForRotation(99, 9)).to.deep.equal([]);
  });

  it('only enabled keys are due, longest first', async () => {
    const at = async (next: number, state: 'Enabled' | 'Disabled' | 'PendingDeletion') => {
      const { keyId } = await addKey(store.writer);
      await apply(store.writer, {
        ...scope,
        type: 'rotation-enabled',
        keyId,
        from: ['Enabled'],
        due: undefined,
        periodInDays: 90,
        next,
      });
      if (state !== 'Enabled') {
        const deletionDate = state === 'PendingDeletion' ? { deletionDate: 1 } : {};
        await apply(store.writer, {
          ...scope,
          type: 'key-state',
          keyId,
          from: ['Enabled'],
          to: state,
          ...deletionDate,
        });
      }
      return keyId;
    };
    const late = await at(30, 'Enabled');
    await at(5, 'Disabled');
    await at(5, 'PendingDeletion');
    const early = await at(20, 'Enabled');
    expect((await store.writer.dueForRotation(40, 9)).map(({ keyId }) => keyId)).to.deep.equal([early, late]);
    expect((await store.writer.dueForRotation(40, 1)).map(({ keyId }) => keyId)).to.deep.equal([early]);
  });

  it('only enabled symmetric keys wear out, the most worn first', async () => {
    const worn = async (encryptions: number, over: Partial<Key> = {}) => {
      const { keyId, currentMaterialId: materialId } = await addKey(store.writer, over);
      await store.writer.reserveEncryptions({ ...scope, keyId, materialId }, encryptions, 100);
      return keyId;
    };
    const pairOf = { keySpec: 'RSA_2048', keyUsage: 'ENCRYPT_DECRYPT' } as const;
    for (let count = 0; count < 3; count += 1) {
      await worn(99, pairOf);
    }
    const disabled = await worn(99);
    const disable = { ...scope, type: 'key-state', from: ['Enabled'], to: 'Disabled' } as const;
    await apply(store.writer, { ...disable, keyId: disabled });
    const [less, more] = [await worn(50), await worn(60)];
    await worn(49);
    const found = async (limit: number) => (await store.writer.wornOut(50, limit)).map(({ keyId }) => keyId);
    expect(await found(9)).to.deep.equal([more, less]);
    expect(await found(1)).to.deep.equal([more]);
  });

  it('a key that goes takes with it what was being made', async () => {
    const { keyId } = key;
    await apply(store.writer, creating(newMaterial(5)));
    const deletionDate = 1;
    const pending = { ...scope, type: 'key-state', keyId, from: ['Enabled'], to: 'PendingDeletion' } as const;
    await apply(store.writer, { ...pending, deletionDate });
    const [due] = await store.writer.dueForDeletion(1);
    expect(due?.pending?.state).to.equal('Creating');
    await apply(store.writer, {
      ...scope,
      type: 'key-state',
      keyId,
      from: ['PendingDeletion'],
      to: 'Destroying',
    });
    await apply(store.writer, { ...scope, type: 'key-destroyed', keyId });
    expect(await store.writer.unfinishedMaterials()).to.deep.equal([]);
  });

  it('several records of one change are all in the outbox, in their order', async () => {
    const records = [newRecord('RotateKeyOnDemand'), newRecord('RotateKey')];
    await store.writer.apply(creating(newMaterial(5)), records);
    const pending = await store.writer.pendingRecords(9);
    expect(pending.map(({ record }) => record)).to.deep.equal(records);
  });

  it('does what the simplest model of a rotation does, whatever the steps', async () => {
    const all = [newMaterial(1), newMaterial(2), newMaterial(3)];
    const index = fc.nat({ max: all.length - 1 });
    const steps = fc.array(
      fc.record({
        type: fc.constantFrom('begin', 'finish', 'abandoning', 'abandoned'),
        index,
        stale: fc.boolean(),
      }),
      { minLength: 5, maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const { keyId, currentMaterialId } = await addKey(store.writer);
        let current = currentMaterialId;
        const states = new Map<string, 'Creating' | 'Abandoning' | 'Ready'>();
        for (const { type, index, stale } of given) {
          const material = all[index];
          if (material === undefined) throw new Error('no such material');
          // One id belongs to one key in all: every run has its own.
          const mine = { ...material, materialId: hashOf(keyId, material.materialId) };
          const state = states.get(mine.materialId);
          const waiting = [...states.values()].some((other) => other !== 'Ready');
          const read = stale ? 'e'.repeat(32) : current;
          const over = { keyId, currentMaterialId: read };
          let expected: ChangeOutcome['type'];
          let change: Change;
          switch (type) {
            case 'begin':
              if (state === 'Ready') continue;
              change = creating(mine, over);
              expected = stale ? 'conflict' : waiting ? 'exists' : 'done';
              if (expected === 'done') states.set(mine.materialId, 'Creating');
              break;
            case 'finish':
              change = rotated(mine, over);
              expected = !stale && state === 'Creating' ? 'done' : 'conflict';
              if (expected === 'done') {
                states.set(mine.materialId, 'Ready');
                current = mine.materialId;
              }
              break;
            case 'abandoning':
              change = step('material-abandoning', mine, keyId);
              expected = state === 'Ready' ? 'conflict' : 'done';
              if (state === 'Creating') states.set(mine.materialId, 'Abandoning');
              break;
            case 'abandoned':
              change = step('material-abandoned', mine, keyId);
              expected = state === 'Abandoning' ? 'done' : 'conflict';
              if (expected === 'done') states.delete(mine.materialId);
              break;
          }
          expect(await outcome(change), JSON.stringify({ type, state })).to.equal(expected);
          const {
            materials,
            pending,
            currentMaterialId: now,
          } = (await store.reader.findKey(scope, keyId)) ?? expect.fail('the key is gone');
          expect(now).to.equal(current);
          expect(materials.some(({ materialId }) => materialId === now)).to.equal(true);
          const [other] = [...states].filter(([, found]) => found !== 'Ready');
          expect(pending && [pending.materialId, pending.state]).to.deep.equal(other);
        }
      }),
      { numRuns: 40 },
    );
  });
}

function hashOf(keyId: string, materialId: string): string {
  const mixed = Buffer.from(materialId, 'hex');
  const id = Buffer.from(keyId.replaceAll('-', ''), 'hex');
  return Buffer.from(mixed.map((byte, at) => byte ^ (id[at] ?? 0))).toString('hex');
}
