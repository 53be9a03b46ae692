import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import {
  addUser,
  apply,
  close,
  type MakePlace,
  newGroup,
  newRole,
  newUser,
  type Opened,
  open,
  scope,
} from './fixture.ts';

export function accessKeysContract(make: MakePlace): void {
  let store: Opened;
  beforeEach(async () => {
    store = await open(make);
  });
  afterEach(() => close(store));

  const created = (accessKeyId: string, principalId: string, sealedSecret = randomBytes(60)) => ({
    ...scope,
    type: 'access-key-created' as const,
    accessKeyId,
    principalId,
    sealedSecret,
    createdAt: 1_700_000_000_009,
    limit: 2,
  });

  it('finds a key with whom it belongs to, a user or a root', async () => {
    const { writer, reader } = store;
    const user = await addUser(writer, newUser('ann'));
    const sealedSecret = randomBytes(60);
    expect(await reader.findAccessKey('AKIAONE')).to.equal(undefined);
    const { invalidation } = await apply(writer, created('AKIAONE', user.id, sealedSecret));
    expect(invalidation).to.deep.equal({
      sequence: 2,
      keys: [],
      aliases: [],
      grants: [],
      credentials: ['AKIAONE'],
      accounts: [scope.account],
    });
    const principal = await writer.findPrincipal(scope.account, 'ann');
    const accessKey = { accessKeyId: 'AKIAONE', sealedSecret, active: true, principal };
    expect(await reader.findAccessKey('AKIAONE')).to.deep.equal(accessKey);
    expect(await writer.listAccessKeys(user.id)).to.deep.equal([accessKey]);
    expect(await reader.listAccessKeyMetadata(user.id)).to.deep.equal([
      { accessKeyId: 'AKIAONE', active: true, createdAt: 1_700_000_000_009 },
    ]);
    await apply(writer, created('AKIAROOT', scope.account));
    expect((await reader.findAccessKey('AKIAROOT'))?.principal).to.include({
      type: 'Root',
      userName: undefined,
    });
  });

  it('refuses a third key, one that is taken, and one for whom can not have any', async () => {
    const { writer } = store;
    const group = newGroup('one');
    const role = newRole('r');
    const { id } = await addUser(writer, newUser('ann'), [group]);
    await apply(writer, { ...scope, type: 'role-created', role, limit: 1 });
    await apply(writer, created('AKIAONE', id));
    const outcome = async (...given: Parameters<typeof created>) =>
      (await writer.apply(created(...given), undefined)).outcome.type;
    expect(await outcome('AKIAONE', id)).to.equal('exists');
    expect(await outcome('AKIATWO', id)).to.equal('done');
    expect(await outcome('AKIATHREE', id)).to.equal('limit');
    for (const nobody of [group.id, role.id, 'AIDANOBODY'])
      expect(await outcome('AKIATHREE', nobody)).to.equal('conflict');
  });

  it('is deactivated, activated and deleted, each time with a word to the caches', async () => {
    const { writer, reader } = store;
    const { id } = await addUser(writer, newUser('ann'));
    const other = await addUser(writer, newUser('bob'));
    const accessKeyId = 'AKIAONE';
    await apply(writer, created(accessKeyId, id));
    const status = (active: boolean, principalId = id) => ({
      ...scope,
      type: 'access-key-status' as const,
      accessKeyId,
      principalId,
      active,
    });
    const deleted = (principalId: string) => ({
      ...scope,
      type: 'access-key-deleted' as const,
      accessKeyId,
      principalId,
    });
    for (const change of [status(false, other.id), deleted(other.id)]) {
      expect((await writer.apply(change, undefined)).outcome).to.deep.equal({ type: 'not-found' });
    }
    for (const active of [false, true]) {
      const { invalidation } = await apply(writer, status(active));
      expect(invalidation?.credentials).to.deep.equal([accessKeyId]);
      expect(await reader.findAccessKey(accessKeyId)).to.include({ active });
    }
    const { invalidation } = await apply(writer, deleted(id));
    expect(invalidation?.credentials).to.deep.equal([accessKeyId]);
    expect(await reader.findAccessKey(accessKeyId)).to.equal(undefined);
  });
}
