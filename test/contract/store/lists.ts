import { expect } from 'chai';
import type { Page } from '../../../src/page.ts';
import { addKey, apply, close, type MakePlace, newAlias, type Opened, open, scope } from './fixture.ts';

async function everything<T>(read: (after: string | undefined) => Promise<Page<T>>): Promise<T[][]> {
  const pages: T[][] = [];
  let after: string | undefined;
  do {
    const page = await read(after);
    pages.push([...page.items]);
    after = page.next;
  } while (after !== undefined);
  return pages;
}

export function listsContract(make: MakePlace): void {
  let store: Opened;
  beforeEach(async () => {
    store = await open(make);
  });
  afterEach(() => close(store));

  it('gives every key once, in order, in pages that are full and end where there is no more', async () => {
    const { writer, reader } = store;
    const ids: string[] = [];
    for (let index = 0; index < 6; index += 1) ids.push((await addKey(writer)).keyId);
    await addKey(writer, { state: 'Creating' });
    await addKey(writer, { state: 'Abandoning' });
    await addKey(writer, { region: 'eu-west-1' });
    ids.sort();
    for (const limit of [1, 2, 3, 6, 7, 1000]) {
      const pages = await everything((after) => reader.listKeyIds(scope, after, limit));
      expect(pages.flat()).to.deep.equal(ids);
      expect(pages).to.have.length(Math.ceil(6 / limit));
    }
    expect(await reader.listKeyIds({ ...scope, account: '444455556666' }, undefined, 10)).to.deep.equal({
      items: [],
      next: undefined,
    });
  });

  it('goes on behind a key that has gone since the page before, and sees those that came', async () => {
    const { writer, reader } = store;
    const keyId = (digit: string) => `${digit}0000000-0000-4000-8000-000000000000`;
    for (const digit of ['1', '3', '5']) await addKey(writer, { keyId: keyId(digit), state: 'Destroying' });
    const first = await reader.listKeyIds(scope, undefined, 2);
    expect(first).to.deep.equal({ items: [keyId('1'), keyId('3')], next: keyId('3') });
    await apply(writer, { ...scope, type: 'key-destroyed', keyId: keyId('3') });
    await addKey(writer, { keyId: keyId('2') });
    await addKey(writer, { keyId: keyId('4') });
    const second = await reader.listKeyIds(scope, first.next, 2);
    expect(second).to.deep.equal({ items: [keyId('4'), keyId('5')], next: undefined });
  });

  it('gives aliases by name, of one key or of all', async () => {
    const { writer, reader } = store;
    const one = await addKey(writer);
    const two = await addKey(writer);
    const aliasNames = ['alias/B', 'alias/a', 'alias/a/b', 'alias/a_', 'alias/b'];
    for (const [index, name] of aliasNames.entries()) {
      const alias = newAlias(name, index % 2 === 0 ? one.keyId : two.keyId);
      await apply(writer, { ...scope, type: 'alias-created', alias, from: ['Enabled'] });
    }
    for (const limit of [1, 2, 100]) {
      const pages = await everything((after) => reader.listAliases(scope, undefined, after, limit));
      expect(pages.flat().map((alias) => alias.aliasName)).to.deep.equal(aliasNames);
      const ofOne = await everything((after) => reader.listAliases(scope, one.keyId, after, limit));
      expect(ofOne.flat().map((alias) => alias.aliasName)).to.deep.equal(['alias/B', 'alias/a/b', 'alias/b']);
      expect(ofOne.flat()[0]).to.deep.equal(newAlias('alias/B', one.keyId));
    }
    expect((await reader.listAliases(scope, 'nobody', undefined, 10)).items).to.deep.equal([]);
  });

  it('gives tags by key, in pages', async () => {
    const { writer, reader } = store;
    const tags = ['A', 'a', 'b', '{', 'é'].map((key) => ({ key, value: key }));
    const { keyId } = await addKey(writer, {}, [...tags].reverse());
    await addKey(writer, {}, [{ key: 'not his', value: '' }]);
    for (const limit of [1, 2, 5, 50]) {
      const pages = await everything((after) => reader.listTags(scope, keyId, after, limit));
      expect(pages.flat()).to.deep.equal(tags);
      expect(pages).to.have.length(Math.ceil(5 / limit));
    }
  });
}
