import { expect } from 'chai';
import type { Change } from '../../../src/store/store.ts';
import {
  addKey,
  all,
  apply,
  close,
  type MakePlace,
  newAlias,
  type Opened,
  open,
  rejection,
  scope,
} from './fixture.ts';

export function namesContract(make: MakePlace): void {
  let store: Opened;
  beforeEach(async () => {
    store = await open(make);
  });
  afterEach(() => close(store));

  const comesTo = async (outcome: 'conflict' | 'exists' | 'limit', change: Change) => {
    const before = await store.writer.changeSequence();
    const applied = await store.writer.apply(change, undefined);
    expect(applied).to.deep.equal({ outcome: { type: outcome }, invalidation: undefined });
    expect(await store.writer.changeSequence()).to.equal(before);
  };
  const from = ['Enabled'] as const;
  const stale = ['us-east-1/111122223333/alias/a'];

  it('makes an alias once, to a key in a state that the change names', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    const disabled = await addKey(writer, { state: 'Disabled' });
    const alias = newAlias('alias/a', keyId);
    await comesTo('conflict', {
      ...scope,
      type: 'alias-created',
      alias: newAlias('alias/a', disabled.keyId),
      from,
    });
    await comesTo('conflict', {
      ...scope,
      type: 'alias-created',
      alias: newAlias('alias/a', 'nobody'),
      from: all,
    });
    expect(await reader.findAlias(scope, 'alias/a')).to.equal(undefined);
    const made = await apply(writer, { ...scope, type: 'alias-created', alias, from });
    expect(made.invalidation).to.deep.include({
      keys: [`us-east-1/111122223333/${alias.targetKeyId}`],
      aliases: stale,
    });
    expect(await reader.findKey(scope, alias.targetKeyId)).to.have.deep.property('aliases', ['alias/a']);
    expect(await reader.findAlias(scope, 'alias/a')).to.deep.equal(alias);
    await comesTo('exists', { ...scope, type: 'alias-created', alias, from });
    const elsewhere = { ...scope, region: 'eu-west-1' };
    expect(await reader.findAlias(elsewhere, 'alias/a')).to.equal(undefined);
    const wrong = writer.apply({ ...elsewhere, type: 'alias-created', alias, from }, undefined);
    expect((await rejection(wrong)).kind).to.equal('constraint');
  });

  it('moves an alias only from the key it was thought to name, to a key in a state that the change names', async () => {
    const { writer, reader } = store;
    const { keyId: one } = await addKey(writer);
    const { keyId: two } = await addKey(writer);
    const { keyId: disabled } = await addKey(writer, { state: 'Disabled' });
    await apply(writer, { ...scope, type: 'alias-created', alias: newAlias('alias/a', one), from });
    const move = (fromKeyId: string, targetKeyId: string, aliasName = 'alias/a'): Change => ({
      ...scope,
      type: 'alias-updated',
      aliasName,
      fromKeyId,
      targetKeyId,
      from,
      updatedAt: 9,
    });
    await comesTo('conflict', move(two, one));
    await comesTo('conflict', move(one, disabled));
    await comesTo('conflict', move(one, 'nobody'));
    await comesTo('conflict', move(one, two, 'alias/b'));
    const moved = await apply(writer, move(one, two));
    expect(moved.invalidation).to.deep.include({
      keys: [`us-east-1/111122223333/${one}`, `us-east-1/111122223333/${two}`],
      aliases: stale,
    });
    expect(await reader.findAlias(scope, 'alias/a')).to.deep.equal({
      ...newAlias('alias/a', two),
      updatedAt: 9,
    });
  });

  it('deletes an alias only where it still names the key it was thought to name', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer);
    await apply(writer, { ...scope, type: 'alias-created', alias: newAlias('alias/a', keyId), from });
    await comesTo('conflict', { ...scope, type: 'alias-deleted', aliasName: 'alias/a', fromKeyId: 'nobody' });
    await comesTo('conflict', { ...scope, type: 'alias-deleted', aliasName: 'alias/b', fromKeyId: keyId });
    const gone = await apply(writer, {
      ...scope,
      type: 'alias-deleted',
      aliasName: 'alias/a',
      fromKeyId: keyId,
    });
    expect(gone.invalidation).to.deep.include({ aliases: stale });
    expect(await reader.findAlias(scope, 'alias/a')).to.equal(undefined);
  });

  it('puts tags, over those of the same key, as many as the change allows', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer, {}, [{ key: 'a', value: '1' }]);
    const put = (keys: string[], limit: number): Change => ({
      ...scope,
      type: 'tags-put',
      keyId,
      from,
      tags: keys.map((key) => ({ key, value: `new ${key}` })),
      limit,
    });
    await comesTo('limit', put(['b', 'c'], 2));
    const done = await apply(writer, put(['a', 'b'], 2));
    expect(done.invalidation?.keys).to.deep.equal([`us-east-1/111122223333/${keyId}`]);
    await comesTo('limit', put(['c'], 2));
    await apply(writer, put(['b'], 2));
    expect((await reader.listTags(scope, keyId, undefined, 50)).items).to.deep.equal([
      { key: 'a', value: 'new a' },
      { key: 'b', value: 'new b' },
    ]);
  });

  it('puts and removes tags only in a state that the change names', async () => {
    const { writer, reader } = store;
    const { keyId } = await addKey(writer, { state: 'Disabled' }, [{ key: 'a', value: '1' }]);
    await comesTo('conflict', {
      ...scope,
      type: 'tags-put',
      keyId,
      from,
      tags: [{ key: 'a', value: '2' }],
      limit: 50,
    });
    await comesTo('conflict', { ...scope, type: 'tags-removed', keyId, from, tagKeys: ['a'] });
    await comesTo('conflict', { ...scope, type: 'tags-removed', keyId: 'nobody', from, tagKeys: ['a'] });
    expect((await reader.listTags(scope, keyId, undefined, 50)).items).to.deep.equal([
      { key: 'a', value: '1' },
    ]);
    await apply(writer, {
      ...scope,
      type: 'tags-removed',
      keyId,
      from: ['Disabled'],
      tagKeys: ['a', 'never there'],
    });
    expect((await reader.listTags(scope, keyId, undefined, 50)).items).to.deep.equal([]);
  });
}
