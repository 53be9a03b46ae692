import { expect } from 'chai';
import type { IdentityChange } from '../../../src/identity/change.ts';
import {
  addUser,
  apply,
  clock,
  close,
  type MakePlace,
  newGroup,
  newRole,
  newUser,
  type Opened,
  open,
  rejection,
  scope,
} from './fixture.ts';

const everything = { pathPrefix: '/', after: undefined, limit: 100 };

export function identitiesContract(make: MakePlace): void {
  let store: Opened;
  beforeEach(async () => {
    store = await open(make);
  });
  afterEach(() => close(store));

  const outcome = async (change: IdentityChange) => (await store.writer.apply(change, undefined)).outcome;

  it('has an account with its root, and refuses one that is taken', async () => {
    const { writer, reader } = store;
    const other = { region: 'us-east-1', account: '444455556666' };
    expect(await reader.accountExists(other.account)).to.equal(false);
    await apply(writer, { ...other, type: 'account-created', name: 'other', createdAt: 5 });
    expect(await reader.accountExists(other.account)).to.equal(true);
    for (const either of [writer, reader]) {
      expect(await either.listAccounts()).to.deep.equal([
        { account: scope.account, name: 'main', createdAt: clock.now() },
        { account: other.account, name: 'other', createdAt: 5 },
      ]);
    }
    expect(await writer.findPrincipal(other.account, undefined)).to.deep.equal({
      type: 'Root',
      arn: 'arn:aws:iam::444455556666:root',
      principalId: '444455556666',
      account: '444455556666',
      userName: undefined,
    });
    for (const taken of [other, { ...other, account: '777788889999' }]) {
      expect(await outcome({ ...taken, type: 'account-created', name: 'other', createdAt: 5 })).to.deep.equal(
        { type: 'exists' },
      );
    }
    for (const [account, name] of [
      [scope.account, 'again'],
      ['777788889999', 'main'],
      ['not twelve', 'third'],
    ] as const) {
      expect((await rejection(writer.createAccount(account, name))).kind).to.equal('constraint');
    }
  });

  it('finds users, groups and roles by the name they have, among their kind and in their account', async () => {
    const { writer, reader } = store;
    const user = await addUser(writer, newUser('Ann', { path: '/team/', tags: [{ key: 'a', value: 'b' }] }));
    const group = newGroup('Ann');
    const role = newRole('Ann', { description: 'a role', maxSessionDuration: 7_200 });
    await apply(writer, { ...scope, type: 'group-created', group, limit: 1 });
    await apply(writer, { ...scope, type: 'role-created', role, limit: 1 });
    expect(await reader.findUser(scope.account, 'Ann')).to.deep.equal(user);
    expect(await reader.findGroup(scope.account, 'Ann')).to.deep.equal(group);
    expect(await reader.findRole(scope.account, 'Ann')).to.deep.equal(role);
    expect(await reader.findUser('444455556666', 'Ann')).to.equal(undefined);
    expect(await reader.findUser(scope.account, 'ann')).to.equal(undefined);
    for (const entity of [user, group, role])
      expect(await reader.findEntity(entity.id)).to.deep.equal(entity);
    expect(await reader.findIdentityId(user.arn)).to.equal(user.id);
    expect(await reader.findIdentityId(role.arn)).to.equal(role.id);
    expect(await reader.findIdentityId('arn:aws:sts::111122223333:assumed-role/Ann/me')).to.equal(
      `${role.id}:me`,
    );
    for (const nobody of [
      group.arn,
      'arn:aws:iam::111122223333:root',
      'arn:aws:iam::111122223333:user/Ann',
    ]) {
      expect(await reader.findIdentityId(nobody), nobody).to.equal(undefined);
    }
    expect(await reader.findEntity(scope.account)).to.equal(undefined);
    expect(await writer.findPrincipal(scope.account, 'Ann')).to.deep.equal({
      type: 'IAMUser',
      arn: user.arn,
      principalId: user.id,
      account: scope.account,
      userName: 'Ann',
    });
    expect(await reader.counts(scope.account)).to.deep.equal({
      users: 1,
      groups: 1,
      roles: 1,
      policies: 0,
      policyVersions: 0,
    });
  });

  it('gives a name once, whatever its case, and no more of a kind than the limit', async () => {
    const { writer } = store;
    await addUser(writer, newUser('Ann'));
    const create = (name: string, limit: number) =>
      outcome({ ...scope, type: 'user-created', user: newUser(name), limit });
    expect(await create('aNN', 100)).to.deep.equal({ type: 'exists' });
    expect(await create('Bob', 1)).to.deep.equal({ type: 'limit' });
    expect(await create('Bob', 2)).to.deep.equal({ type: 'done' });
    const other = newUser('Eve', { account: '444455556666' });
    expect(
      (await rejection(outcome({ ...scope, type: 'user-created', user: other, limit: 100 }))).kind,
    ).to.equal('constraint');
  });

  it('lists in the order of names, page by page, what lies under a path', async () => {
    const { writer, reader } = store;
    for (const [name, path] of [
      ['b', '/x/'],
      ['A', '/x/y/'],
      ['C', '/'],
      ['d', '/x/'],
    ] as const) {
      await addUser(writer, newUser(name, { path }));
    }
    const names = async (range: Parameters<typeof reader.listUsers>[1]) => {
      const { items, next } = await reader.listUsers(scope.account, range);
      return [items.map(({ name }) => name).join(''), next];
    };
    expect(await names(everything)).to.deep.equal(['AbCd', undefined]);
    expect(await names({ ...everything, pathPrefix: '/x/' })).to.deep.equal(['Abd', undefined]);
    expect(await names({ ...everything, limit: 2 })).to.deep.equal(['Ab', 'b']);
    expect(await names({ ...everything, limit: 2, after: 'b' })).to.deep.equal(['Cd', undefined]);
  });

  it('renames a user, whose credentials and ARN change with it', async () => {
    const { writer, reader } = store;
    const user = await addUser(writer, newUser('ann'));
    await addUser(writer, newUser('bob'));
    await apply(writer, {
      ...scope,
      type: 'access-key-created',
      accessKeyId: 'AKIAANN',
      principalId: user.id,
      sealedSecret: Buffer.from('sealed'),
      createdAt: 1,
      limit: 2,
    });
    const rename = (name: string, path: string) => ({
      ...scope,
      type: 'identity-renamed' as const,
      id: user.id,
      name,
      path,
      arn: `arn:aws:iam::111122223333:user${path}${name}`,
    });
    expect(await outcome(rename('BOB', '/'))).to.deep.equal({ type: 'exists' });
    const { invalidation } = await apply(writer, rename('Ann', '/x/'));
    expect(invalidation).to.deep.include({ credentials: ['AKIAANN'], accounts: [scope.account] });
    const arn = 'arn:aws:iam::111122223333:user/x/Ann';
    expect(await reader.findUser(scope.account, 'Ann')).to.deep.equal({
      ...user,
      name: 'Ann',
      path: '/x/',
      arn,
    });
    expect((await reader.findAccessKey('AKIAANN'))?.principal).to.include({ arn, userName: 'Ann' });
    expect(await reader.findIdentityId(user.arn)).to.equal(undefined);
  });

  it('changes of a role what is given and leaves the rest', async () => {
    const { writer, reader } = store;
    const role = newRole('r', { description: 'before' });
    await apply(writer, { ...scope, type: 'role-created', role, limit: 1 });
    await apply(writer, { ...scope, type: 'role-updated', id: role.id, trustPolicy: '{}' });
    await apply(writer, {
      ...scope,
      type: 'role-updated',
      id: role.id,
      description: '',
      maxSessionDuration: 43_200,
    });
    expect(await reader.findRole(scope.account, 'r')).to.deep.equal({
      ...role,
      trustPolicy: '{}',
      description: '',
      maxSessionDuration: 43_200,
    });
  });

  it('knows who is in which group', async () => {
    const { writer, reader } = store;
    const [one, two] = [newGroup('one'), newGroup('two')];
    const user = await addUser(writer, newUser('ann'), [two, one]);
    const bob = await addUser(writer, newUser('bob', { path: '/x/' }));
    const add = (userId: string, limit: number) =>
      outcome({ ...scope, type: 'member-added', groupId: one.id, userId, limit });
    expect(await add(bob.id, 0)).to.deep.equal({ type: 'limit' });
    expect(await add(bob.id, 1)).to.deep.equal({ type: 'done' });
    expect(await add(user.id, 2)).to.deep.equal({ type: 'done' });
    expect(await add('AIDANOBODY', 2)).to.deep.equal({ type: 'conflict' });
    expect(await add(two.id, 2)).to.deep.equal({ type: 'conflict' });
    expect((await reader.listGroupsOfUser(user.id)).map(({ name }) => name)).to.deep.equal(['one', 'two']);
    const { items } = await reader.listMembers(one.id, everything);
    expect(items).to.deep.equal([user, bob]);
    expect((await reader.listMembers(one.id, { ...everything, pathPrefix: '/x/' })).items).to.deep.equal([
      bob,
    ]);
    const remove = () => outcome({ ...scope, type: 'member-removed', groupId: two.id, userId: user.id });
    expect(await remove()).to.deep.equal({ type: 'done' });
    expect(await remove()).to.deep.equal({ type: 'not-found' });
    expect((await reader.listGroupsOfUser(user.id)).map(({ name }) => name)).to.deep.equal(['one']);
  });

  it('deletes who has nothing left, and says what must go before', async () => {
    const { writer, reader } = store;
    const group = newGroup('one');
    const { id } = await addUser(writer, newUser('ann'), [group]);
    const steps: readonly (readonly [IdentityChange | undefined, string])[] = [
      [undefined, 'attachments'],
      [{ ...scope, type: 'policy-detached', id, policyArn: 'arn:aws:iam::aws:policy/x' }, 'inline-policies'],
      [{ ...scope, type: 'inline-policy-deleted', id, name: 'p' }, 'access-keys'],
      [{ ...scope, type: 'access-key-deleted', accessKeyId: 'AKIAANN', principalId: id }, 'memberships'],
    ];
    await apply(writer, {
      ...scope,
      type: 'policy-attached',
      id,
      policyArn: 'arn:aws:iam::aws:policy/x',
      limit: 1,
    });
    await apply(writer, { ...scope, type: 'inline-policy-put', id, name: 'p', document: '{}', limit: 9 });
    await apply(writer, {
      ...scope,
      type: 'access-key-created',
      accessKeyId: 'AKIAANN',
      principalId: id,
      sealedSecret: Buffer.from('sealed'),
      createdAt: 1,
      limit: 1,
    });
    for (const [before, by] of steps) {
      if (before !== undefined) await apply(writer, before);
      expect(await outcome({ ...scope, type: 'identity-deleted', id })).to.deep.equal({ type: 'in-use', by });
    }
    expect(await outcome({ ...scope, type: 'identity-deleted', id: group.id })).to.deep.equal({
      type: 'in-use',
      by: 'members',
    });
    await apply(writer, { ...scope, type: 'member-removed', groupId: group.id, userId: id });
    for (const gone of [id, group.id]) {
      await apply(writer, { ...scope, type: 'identity-deleted', id: gone });
      expect(await outcome({ ...scope, type: 'identity-deleted', id: gone })).to.deep.equal({
        type: 'conflict',
      });
      expect(await reader.findEntity(gone)).to.equal(undefined);
    }
    expect(await outcome({ ...scope, type: 'identity-deleted', id: scope.account })).to.deep.equal({
      type: 'conflict',
    });
  });

  it('keeps tags by keys that know no case, up to the limit', async () => {
    const { writer, reader } = store;
    const { id } = await addUser(writer, newUser('ann', { tags: [{ key: 'team', value: 'red' }] }));
    const put = (tags: readonly { key: string; value: string }[], limit: number) =>
      outcome({ ...scope, type: 'identity-tags-put', id, tags, limit });
    const tags = async () => (await reader.findUser(scope.account, 'ann'))?.tags;
    expect(await put([{ key: 'b', value: '' }], 1)).to.deep.equal({ type: 'limit' });
    expect(
      await put(
        [
          { key: 'Team', value: 'blue' },
          { key: 'b', value: '' },
        ],
        2,
      ),
    ).to.deep.equal({ type: 'done' });
    expect(await tags()).to.deep.equal([
      { key: 'Team', value: 'blue' },
      { key: 'b', value: '' },
    ]);
    await apply(writer, { ...scope, type: 'identity-tags-removed', id, tagKeys: ['TEAM', 'nothing'] });
    expect(await tags()).to.deep.equal([{ key: 'b', value: '' }]);
  });

  it('changes nothing of another account, whatever id it is told', async () => {
    const { writer, reader } = store;
    const other = { region: 'us-east-1', account: '444455556666' };
    await writer.createAccount(other.account, 'other');
    const group = newGroup('one');
    const user = await addUser(writer, newUser('ann'), [group]);
    const role = newRole('r');
    await apply(writer, { ...scope, type: 'role-created', role, limit: 1 });
    const before = await reader.findIdentity(user.id);
    const { id } = user;
    const changes: readonly IdentityChange[] = [
      { ...other, type: 'identity-renamed', id, name: 'x', path: '/', arn: 'x' },
      { ...other, type: 'identity-deleted', id },
      { ...other, type: 'role-updated', id: role.id, trustPolicy: '{}' },
      { ...other, type: 'member-added', groupId: group.id, userId: id, limit: 9 },
      { ...other, type: 'member-removed', groupId: group.id, userId: id },
      { ...other, type: 'boundary-set', id, policyArn: undefined },
      { ...other, type: 'identity-tags-put', id, tags: [], limit: 9 },
      { ...other, type: 'identity-tags-removed', id, tagKeys: [] },
      { ...other, type: 'inline-policy-put', id, name: 'p', document: '{}', limit: 9 },
      { ...other, type: 'inline-policy-deleted', id, name: 'p' },
      { ...other, type: 'policy-attached', id, policyArn: 'arn:aws:iam::aws:policy/x', limit: 9 },
      { ...other, type: 'policy-detached', id, policyArn: 'arn:aws:iam::aws:policy/x' },
      {
        ...other,
        type: 'access-key-created',
        accessKeyId: 'AKIAX',
        principalId: id,
        sealedSecret: Buffer.from('x'),
        createdAt: 1,
        limit: 2,
      },
      { ...other, type: 'access-key-status', accessKeyId: 'AKIAX', principalId: id, active: false },
      { ...other, type: 'access-key-deleted', accessKeyId: 'AKIAX', principalId: id },
    ];
    for (const change of changes) {
      expect(await outcome(change), change.type).to.deep.equal({ type: 'conflict' });
    }
    expect(await reader.findIdentity(user.id)).to.deep.equal(before);
    expect(await reader.findRole(scope.account, 'r')).to.deep.equal(role);
  });
}
