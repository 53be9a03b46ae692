import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import fc from 'fast-check';
import type { AccessKey } from '../../src/identity/credential.ts';
import type { Grant } from '../../src/keys/grant.ts';
import { grantIndex } from '../../src/keys/grant-index.ts';
import type { Alias, Key } from '../../src/keys/key.ts';
import type { GrantsFound } from '../../src/keys/repository.ts';
import { type CachedRepository, cachedRepository } from '../../src/store/cache.ts';
import { Recent } from '../../src/store/recent.ts';
import { openStoreReader, openStoreWriter } from '../../src/store/sqlite/open.ts';
import type { Applied, StoreReader, StoreWriter } from '../../src/store/store.ts';
import {
  addKey,
  addUser,
  all,
  apply,
  clock,
  newAlias,
  newGrant,
  newGroup,
  newKey,
  newPolicy,
  newUser,
  scope,
} from '../contract/store/fixture.ts';
import { makeFolder } from './sqlite/place.ts';

describe('the cached repository', () => {
  let place: ReturnType<typeof makeFolder>;
  let writer: StoreWriter;
  let reader: StoreReader;
  let cache: CachedRepository;
  /** How often the reader was asked, and what it waits for before it answers. */
  let asked: number;
  let held: Promise<void> | undefined;

  beforeEach(async () => {
    place = makeFolder();
    writer = await openStoreWriter(place.file, clock);
    await writer.createAccount(scope.account, 'main');
    reader = await openStoreReader(place.file);
    asked = 0;
    held = undefined;
    const counted = async <T>(read: () => T | Promise<T>): Promise<T> => {
      asked += 1;
      const found = await read();
      await held;
      return found;
    };
    cache = cachedRepository({
      ...reader,
      findKey: (...given) => counted<Key | undefined>(() => reader.findKey(...given)),
      findAlias: (...given) => counted<Alias | undefined>(() => reader.findAlias(...given)),
      findGrants: (...given) => counted<GrantsFound>(() => reader.findGrants(...given)),
      findAccessKey: (...given) => counted<AccessKey | undefined>(() => reader.findAccessKey(...given)),
    });
  });
  afterEach(async () => {
    await reader.close();
    await writer.close();
    place.remove();
  });

  it('reads once and then answers at once, the same object', async () => {
    const key = await addKey(writer);
    await apply(writer, {
      ...scope,
      type: 'alias-created',
      alias: newAlias('alias/a', key.keyId),
      from: all,
    });
    const found = await cache.findKey(scope, key.keyId);
    const alias = await cache.findAlias(scope, 'alias/a');
    expect(found).to.deep.equal({ ...key, aliases: ['alias/a'] });
    expect(cache.findKey({ ...scope }, key.keyId)).to.equal(found);
    expect(cache.findAlias({ ...scope }, 'alias/a')).to.equal(alias);
    expect(asked).to.equal(2);
  });

  it('remembers what is not there, apart for each account and region', async () => {
    const { keyId } = await addKey(writer, { region: 'eu-west-1' });
    expect(await cache.findKey(scope, keyId)).to.equal(undefined);
    expect(await cache.findKey({ ...scope, region: 'eu-west-1' }, keyId)).to.include({ keyId });
    expect(await cache.findKey({ ...scope, account: '444455556666' }, keyId)).to.equal(undefined);
    expect(await cache.findAccessKey('AKIANOBODY')).to.equal(undefined);
    expect(asked).to.equal(4);
    expect(cache.findKey(scope, keyId)).to.equal(undefined);
    expect(cache.findAccessKey('AKIANOBODY')).to.equal(undefined);
    expect(asked).to.equal(4);
  });

  it('keeps what is in use, and is bounded, while it is asked for what is nothing in accounts that are nobody', async () => {
    const key = newKey();
    const bounded = cachedRepository({
      ...reader,
      findKey: (where) => {
        asked += 1;
        return where.account === scope.account ? key : undefined;
      },
    });
    const nobody = (index: number) => ({ region: `region-${index}`, account: `${index}` });
    await bounded.findKey(scope, key.keyId);
    for (let index = 0; index <= 20_000; index += 1) await bounded.findKey(nobody(index), key.keyId);
    asked = 0;
    expect(bounded.findKey(scope, key.keyId)).to.equal(key);
    expect(bounded.findKey(nobody(20_000), key.keyId)).to.equal(undefined);
    expect(asked).to.equal(0);
    await bounded.findKey(nobody(0), key.keyId);
    expect(asked).to.equal(1);
  });

  it('remembers fewer things where their owners made them large', async () => {
    const large = 'x'.repeat(32_768);
    const policy = { type: 'user policy', id: 'large', document: large } as const;
    const grant = newGrant({ keyId: 'key' });
    const bounded = cachedRepository({
      ...reader,
      findKey: (_, keyId) => newKey({ keyId, policy: large }),
      findIdentity: (id) => ({
        ...{ type: 'User', id, account: scope.account, arn: id, name: id, tags: [] },
        ...{ policies: [policy], boundary: undefined },
      }),
      findGrants: () => ({ grants: Array.from({ length: 200 }, () => grant), more: true }),
      findManagedPolicy: async () => large,
    });
    const kinds: Record<string, (name: string) => unknown> = {
      keys: (name) => bounded.findKey(scope, name),
      identities: (name) => bounded.findIdentity(name),
      grants: (name) => bounded.findGrants(scope, 'key', name),
      policies: (name) => bounded.findManagedPolicy(name),
    };
    for (const [kind, find] of Object.entries(kinds)) {
      await find('first');
      expect(find('first'), kind).not.to.be.instanceOf(Promise);
      for (let index = 0; index < 6_000; index += 1) await find(String(index));
      expect(find('5999'), kind).not.to.be.instanceOf(Promise);
      expect(find('first'), kind).to.be.instanceOf(Promise);
    }
  });

  it('remembers no access key id that is longer than there are, and of others nothing but themselves', async () => {
    const id = 'A'.repeat(128);
    const bounded = cachedRepository({ ...reader, findAccessKey: () => void asked++ });
    for (let round = 0; round < 2; round += 1) {
      await bounded.findAccessKey(id);
      await bounded.findAccessKey(`${id}A`);
    }
    expect(asked).to.equal(3);

    setFlagsFromString('--expose-gc');
    const collect: unknown = runInNewContext('gc');
    const used = () => {
      if (typeof collect === 'function') collect();
      return process.memoryUsage().heapUsed;
    };
    const before = used();
    for (let index = 0; index < 4_000; index += 1) {
      const header = Buffer.alloc(16_000, `Credential=AKIA${String(index).padStart(16, '0')}/`).toString(
        'latin1',
      );
      await bounded.findAccessKey(header.slice(11, 31));
    }
    expect(used() - before).to.be.lessThan(16_000_000);
    expect(await bounded.findAccessKey('AKIA0000000000003999')).to.equal(undefined);
    expect(asked).to.equal(4_003);
  });

  it('forgets what a change made stale, and only that', async () => {
    const one = await addKey(writer);
    const two = await addKey(writer);
    const three = await addKey(writer);
    const made = {
      ...scope,
      type: 'alias-created',
      alias: newAlias('alias/a/b', one.keyId),
      from: all,
    } as const;
    await apply(writer, made);
    await cache.findKey(scope, one.keyId);
    await cache.findKey(scope, two.keyId);
    await cache.findKey(scope, three.keyId);
    await cache.findAlias(scope, 'alias/a/b');
    const take = async (change: Parameters<typeof apply>[1]) => {
      const { invalidation } = await apply(writer, change);
      if (invalidation !== undefined) cache.invalidate(invalidation);
    };
    await take({ ...scope, type: 'key-state', keyId: one.keyId, from: all, to: 'Disabled' });
    await take({
      ...scope,
      type: 'alias-updated',
      aliasName: 'alias/a/b',
      fromKeyId: one.keyId,
      targetKeyId: two.keyId,
      from: all,
      updatedAt: 1,
    });
    asked = 0;
    expect(cache.findKey(scope, three.keyId)).to.include({ state: 'Enabled' });
    expect(asked).to.equal(0);
    expect(await cache.findKey(scope, one.keyId)).to.include({ state: 'Disabled' });
    expect(await cache.findKey(scope, two.keyId)).to.have.deep.property('aliases', ['alias/a/b']);
    expect(await cache.findAlias(scope, 'alias/a/b')).to.include({ targetKeyId: two.keyId });
    expect(asked).to.equal(3);
  });

  it('finds a key, an alias and a credential that came after it was asked for them in vain', async () => {
    const key = newKey();
    await cache.findKey(scope, key.keyId);
    await cache.findAlias(scope, 'alias/a');
    await cache.findAccessKey('AKIANEW');
    const invalidations = [
      await apply(writer, { ...scope, type: 'key-creating', key }),
      await apply(writer, { ...scope, type: 'key-created', keyId: key.keyId }),
      await apply(writer, {
        ...scope,
        type: 'alias-created',
        alias: newAlias('alias/a', key.keyId),
        from: all,
      }),
    ].map((applied) => applied.invalidation);
    const user = newUser('new');
    invalidations.push(
      (await apply(writer, { ...scope, type: 'user-created', user, limit: 1 })).invalidation,
      (
        await apply(writer, {
          ...scope,
          type: 'access-key-created',
          accessKeyId: 'AKIANEW',
          principalId: user.id,
          sealedSecret: Buffer.from('sealed'),
          createdAt: 1,
          limit: 1,
        })
      ).invalidation,
    );
    for (const invalidation of invalidations) if (invalidation) cache.invalidate(invalidation);
    expect(await cache.findKey(scope, key.keyId)).to.include({ state: 'Enabled' });
    expect(await cache.findAlias(scope, 'alias/a')).to.include({ targetKeyId: key.keyId });
    expect(await cache.findAccessKey('AKIANEW')).to.include({ active: true });
    expect(cache.sequence).to.equal(5);
  });

  it('keeps what a principal may do until anything of an account’s identities changes', async () => {
    const group = newGroup('group');
    const { id } = await addUser(writer, newUser('user'), [group]);
    const identity = await cache.findIdentity(id);
    expect(cache.findIdentity(id)).to.equal(identity);
    const { invalidation } = await apply(writer, {
      ...scope,
      type: 'inline-policy-put',
      id: group.id,
      name: 'p',
      document: '{}',
      limit: 9,
    });
    if (invalidation) cache.invalidate(invalidation);
    expect((await cache.findIdentity(id))?.policies).to.have.length(1);
    const policy = newPolicy('p');
    const { arn } = policy;
    expect(await cache.findManagedPolicy(arn)).to.equal(undefined);
    const made = await apply(writer, { ...scope, type: 'policy-created', policy, document: 'one', limit: 9 });
    if (made.invalidation) cache.invalidate(made.invalidation);
    expect(await cache.findManagedPolicy(arn)).to.equal('one');
    expect(cache.findManagedPolicy(arn)).to.equal('one');
  });

  it('does not keep what was read before a change that was taken in meanwhile', async () => {
    const { keyId } = await addKey(writer);
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    const old = cache.findKey(scope, keyId);
    await reader.changeSequence();
    const { invalidation } = await apply(writer, {
      ...scope,
      type: 'key-state',
      keyId,
      from: all,
      to: 'Disabled',
    });
    if (invalidation !== undefined) cache.invalidate(invalidation);
    resolve();
    expect(await old).to.include({ state: 'Enabled' });
    expect(await cache.findKey(scope, keyId)).to.include({ state: 'Disabled' });
  });

  it('does not keep what was read before everything was forgotten', async () => {
    const { keyId } = await addKey(writer);
    const { promise, resolve } = Promise.withResolvers<void>();
    held = promise;
    const old = cache.findKey(scope, keyId);
    cache.clear();
    resolve();
    await old;
    await cache.findKey(scope, keyId);
    expect(asked).to.equal(2);
  });

  it('keeps the grants of a key and a grantee, also that there are none, until one of just these changes', async () => {
    const { keyId } = await addKey(writer);
    const none = { grants: [], more: false };
    const mine = newGrant({ keyId, granteeId: 'AIDAMINE' });
    const made = (grant: Grant) =>
      apply(writer, {
        ...scope,
        type: 'grant-created',
        grant,
        from: all,
        index: grantIndex(grant),
        limit: 9,
      });
    const take = async (change: Promise<Applied>) => {
      const { invalidation } = await change;
      if (invalidation !== undefined) cache.invalidate(invalidation);
    };
    await take(made(mine));
    const found = await cache.findGrants(scope, keyId, 'AIDAMINE');
    expect(found).to.deep.equal({ grants: [mine], more: false });
    expect(cache.findGrants({ ...scope }, keyId, 'AIDAMINE')).to.equal(found);
    expect(await cache.findGrants(scope, keyId, 'AIDAOTHER')).to.deep.equal(none);
    expect(cache.findGrants(scope, keyId, 'AIDAOTHER')).to.deep.equal(none);
    expect(asked).to.equal(2);
    const other = newGrant({ keyId, granteeId: 'AIDAOTHER' });
    await take(made(other));
    expect(cache.findGrants(scope, keyId, 'AIDAMINE')).to.equal(found);
    expect(await cache.findGrants(scope, keyId, 'AIDAOTHER')).to.deep.equal({ grants: [other], more: false });
    await take(apply(writer, { ...scope, type: 'grant-removed', keyId, grantId: mine.grantId }));
    expect(await cache.findGrants(scope, keyId, 'AIDAMINE')).to.deep.equal(none);
    cache.clear();
    expect(await cache.findGrants(scope, keyId, 'AIDAOTHER')).to.deep.equal({ grants: [other], more: false });
    expect(asked).to.equal(5);
  });

  it('forgets everything where it has missed a change', async () => {
    const { keyId } = await addKey(writer);
    const nothing = { keys: [], aliases: [], grants: [], credentials: [], accounts: [] };
    cache.invalidate({ sequence: 7, ...nothing });
    await cache.findKey(scope, keyId);
    cache.invalidate({ sequence: 8, ...nothing });
    cache.invalidate({ sequence: 8, ...nothing });
    await cache.findKey(scope, keyId);
    expect(asked).to.equal(1);
    cache.invalidate({ sequence: 10, ...nothing });
    await cache.findKey(scope, keyId);
    expect(asked).to.equal(2);
  });

  it('keeps nothing of a look-up that failed', async () => {
    const failing = cachedRepository({ ...reader, findKey: () => Promise.reject(new Error('no disk')) });
    for (let round = 0; round < 2; round += 1) {
      const failed = await Promise.resolve(failing.findKey(scope, 'any')).then(
        () => undefined,
        (error: Error) => error.message,
      );
      expect(failed).to.equal('no disk');
    }
  });
});

describe('a map of what is recent', () => {
  it('never holds more than its bound, and keeps what is asked for', () => {
    const recent = new Recent<number>(10);
    recent.set('kept', -1);
    for (let index = 0; index < 100; index += 1) {
      recent.set(`other ${index}`, index);
      expect(recent.size).to.be.at.most(10);
      expect(recent.get('kept')).to.equal(-1);
      expect(recent.get(`other ${index}`)).to.equal(index);
    }
    expect(recent.get('other 0')).to.equal(undefined);
  });

  it('forgets nothing for what is set again, or deleted', () => {
    const recent = new Recent<number>(10);
    recent.set('kept', -1);
    for (let index = 0; index < 100; index += 1) {
      recent.set('same', index);
      recent.set(`other ${index}`, index);
      recent.delete(`other ${index}`);
    }
    expect(recent.get('kept')).to.equal(-1);
  });

  it('never weighs more than its bound, whatever is done with it, and has what was set last', () => {
    const step = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'),
      does: fc.constantFrom('set', 'set', 'get', 'delete'),
    });
    // None heavier than half of the bound, which is 100.
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.array(step, { maxLength: 100 }), (weight, steps) => {
        const recent = new Recent<string>(100, () => weight);
        for (const { name, does } of steps) {
          if (does === 'set') recent.set(name, name);
          if (does === 'delete') recent.delete(name);
          const found = recent.get(name);
          if (does !== 'get') expect(found).to.equal(does === 'set' ? name : undefined);
          expect(recent.size * weight).to.be.at.most(100);
        }
      }),
    );
  });

  it('has nothing left of what was deleted, in whichever half it was', () => {
    const recent = new Recent<number>(4);
    for (const name of ['a', 'b', 'c', 'a', 'd', 'e']) recent.set(name, 1);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      recent.delete(name);
      expect(recent.get(name)).to.equal(undefined);
    }
    expect(recent.size).to.equal(0);
  });
});
