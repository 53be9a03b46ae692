import { expect } from 'chai';
import type { IdentityChange } from '../../../src/identity/change.ts';
import { administratorAccess, awsManagedPolicy } from '../../../src/identity/managed.ts';
import {
  addUser,
  apply,
  close,
  type MakePlace,
  newGroup,
  newPolicy,
  newRole,
  newUser,
  type Opened,
  open,
  rejection,
  scope,
} from './fixture.ts';

export function policiesContract(make: MakePlace): void {
  let store: Opened;
  beforeEach(async () => {
    store = await open(make);
  });
  afterEach(() => close(store));

  const outcome = async (change: IdentityChange) => (await store.writer.apply(change, undefined)).outcome;
  const addPolicy = async (name: string, document = `{"of":"${name}"}`) => {
    const policy = newPolicy(name);
    await apply(store.writer, { ...scope, type: 'policy-created', policy, document, limit: 100 });
    return policy;
  };
  const attach = (id: string, policyArn: string) =>
    apply(store.writer, { ...scope, type: 'policy-attached', id, policyArn, limit: 10 });
  const put = (id: string, name: string, document: string) =>
    apply(store.writer, { ...scope, type: 'inline-policy-put', id, name, document, limit: 1_000 });

  it('tells what a user may do: inline, attached and its groups’ policies, and its boundary', async () => {
    const { writer, reader } = store;
    const groups = [newGroup('one'), newGroup('two')] as const;
    const user = await addUser(writer, newUser('ann', { tags: [{ key: 'team', value: 'red' }] }), groups);
    const stranger = newGroup('stranger');
    await apply(writer, { ...scope, type: 'group-created', group: stranger, limit: 9 });
    const [own, groups1, bound] = [
      await addPolicy('own'),
      await addPolicy('groups'),
      await addPolicy('bound'),
    ];
    await put(user.id, 'inline', '{"inline":1}');
    await put(groups[0].id, 'of the group', '{"inline":2}');
    await put(stranger.id, 'of strangers', '{"inline":3}');
    await attach(user.id, own.arn);
    await attach(groups[1].id, groups1.arn);
    await attach(stranger.id, administratorAccess);
    expect(await reader.findIdentity(user.id)).to.have.property('boundary', undefined);
    await apply(writer, { ...scope, type: 'boundary-set', id: user.id, policyArn: bound.arn });
    const identity = await reader.findIdentity(user.id);
    expect(identity).to.deep.include({
      type: 'User',
      id: user.id,
      account: scope.account,
      arn: user.arn,
      name: 'ann',
      tags: [{ key: 'team', value: 'red' }],
      boundary: { type: 'managed policy', id: bound.arn, document: '{"of":"bound"}' },
    });
    expect(identity?.policies).to.have.deep.members([
      { type: 'user policy', id: 'inline', document: '{"inline":1}' },
      { type: 'group policy', id: 'of the group', document: '{"inline":2}' },
      { type: 'managed policy', id: own.arn, document: '{"of":"own"}' },
      { type: 'managed policy', id: groups1.arn, document: '{"of":"groups"}' },
    ]);
  });

  it('tells what a role may do, and nothing of a group or a root', async () => {
    const { writer, reader } = store;
    const role = newRole('r', { boundary: administratorAccess });
    await apply(writer, { ...scope, type: 'role-created', role, limit: 9 });
    const document = awsManagedPolicy(administratorAccess)?.document;
    const managed = { type: 'managed policy', id: administratorAccess, document };
    expect(await reader.findIdentity(role.id)).to.deep.include({ policies: [], boundary: managed });
    await put(role.id, 'p', '{}');
    await attach(role.id, administratorAccess);
    const identity = await reader.findIdentity(role.id);
    expect(identity?.policies).to.have.deep.members([
      { type: 'role policy', id: 'p', document: '{}' },
      managed,
    ]);
    const group = newGroup('one');
    await apply(writer, { ...scope, type: 'group-created', group, limit: 9 });
    for (const id of [group.id, scope.account, 'AIDANOBODY'])
      expect(await reader.findIdentity(id)).to.equal(undefined);
  });

  it('tells nothing rather than less, where a policy has no document', async () => {
    const { writer, reader } = store;
    const user = await addUser(writer, newUser('ann'));
    await attach(user.id, 'arn:aws:iam::aws:policy/OfAnotherVersion');
    expect((await rejection(Promise.resolve(reader.findIdentity(user.id)))).kind).to.equal('corrupt');
  });

  it('gives a user that is made again another id and none of what the old one had', async () => {
    const { writer, reader } = store;
    const old = await addUser(writer, newUser('ann'));
    await apply(writer, { ...scope, type: 'identity-deleted', id: old.id });
    const user = await addUser(writer, newUser('ann'));
    expect(await reader.findIdentity(old.id)).to.equal(undefined);
    expect(await reader.findIdentityId(old.arn))
      .to.equal(user.id)
      .and.not.to.equal(old.id);
  });

  it('keeps inline policies by name within their size, white space not counted', async () => {
    const { writer, reader } = store;
    const { id } = await addUser(writer, newUser('ann'));
    const size = async (name: string, document: string, limit: number) =>
      (await outcome({ ...scope, type: 'inline-policy-put', id, name, document, limit })).type;
    expect(await size('a', '{ \n }', 1)).to.equal('limit');
    expect(await size('a', '{ \n }', 2)).to.equal('done');
    expect(await size('b', '{}', 3)).to.equal('limit');
    expect(await size('a', '{"":1}', 6)).to.equal('done');
    expect(await reader.listInlinePolicies(id)).to.deep.equal([{ name: 'a', document: '{"":1}' }]);
    await apply(writer, { ...scope, type: 'inline-policy-deleted', id, name: 'a' });
    expect(await outcome({ ...scope, type: 'inline-policy-deleted', id, name: 'a' })).to.deep.equal({
      type: 'not-found',
    });
  });

  it('keeps five versions of a managed policy, of which one is in force, and gives no number again', async () => {
    const { writer, reader } = store;
    const { id, arn } = await addPolicy('p', 'one');
    const version = (version: number, isDefault: boolean) =>
      outcome({
        ...scope,
        type: 'policy-version-created',
        id,
        version,
        document: `version ${version}`,
        isDefault,
        createdAt: 9,
        limit: 2,
      });
    const remove = (version: number) => outcome({ ...scope, type: 'policy-version-deleted', id, version });
    expect(await version(1, false)).to.deep.equal({ type: 'conflict' });
    expect(await version(2, false)).to.deep.equal({ type: 'done' });
    expect(await reader.findManagedPolicy(arn)).to.equal('one');
    expect(await version(3, true)).to.deep.equal({ type: 'limit' });
    expect(await remove(1)).to.deep.equal({ type: 'in-use', by: 'default-version' });
    await apply(writer, { ...scope, type: 'policy-default-set', id, version: 2, updatedAt: 10 });
    expect(await reader.findManagedPolicy(arn)).to.equal('version 2');
    expect(await reader.findPolicy(arn)).to.deep.include({
      defaultVersion: 2,
      lastVersion: 2,
      updatedAt: 10,
    });
    expect(await remove(1)).to.deep.equal({ type: 'done' });
    expect(await remove(1)).to.deep.equal({ type: 'not-found' });
    expect(
      await outcome({ ...scope, type: 'policy-default-set', id, version: 1, updatedAt: 11 }),
    ).to.deep.equal({ type: 'not-found' });
    expect(await version(3, true)).to.deep.equal({ type: 'done' });
    expect(await reader.findManagedPolicy(arn)).to.equal('version 3');
    expect((await reader.listPolicyVersions(arn)).map(({ version }) => version)).to.deep.equal([3, 2]);
    expect(await remove(2)).to.deep.equal({ type: 'done' });
    expect(await version(4, false)).to.deep.equal({ type: 'done' });
    expect(await outcome({ ...scope, type: 'policy-deleted', id })).to.deep.equal({
      type: 'in-use',
      by: 'policy-versions',
    });
  });

  it('knows who has a policy, and keeps it while anybody does', async () => {
    const { writer, reader } = store;
    const { id, arn } = await addPolicy('p');
    const group = newGroup('g');
    const user = await addUser(writer, newUser('ann'), [group]);
    await attach(user.id, arn);
    await attach(user.id, arn);
    await attach(group.id, arn);
    await apply(writer, { ...scope, type: 'boundary-set', id: user.id, policyArn: arn });
    expect(await reader.policyUsage(scope.account, arn)).to.deep.equal({ attachments: 2, boundaries: 1 });
    expect(await reader.policyUsage('444455556666', arn)).to.deep.equal({ attachments: 0, boundaries: 0 });
    expect(await reader.listPolicyHolders(scope.account, arn)).to.deep.equal([
      { type: 'Group', id: group.id, name: 'g', path: '/', usage: 'attachment' },
      { type: 'User', id: user.id, name: 'ann', path: '/', usage: 'attachment' },
      { type: 'User', id: user.id, name: 'ann', path: '/', usage: 'boundary' },
    ]);
    const free: readonly IdentityChange[] = [
      { ...scope, type: 'policy-detached', id: user.id, policyArn: arn },
      { ...scope, type: 'policy-detached', id: group.id, policyArn: arn },
      { ...scope, type: 'boundary-set', id: user.id, policyArn: undefined },
    ];
    for (const change of free) {
      expect(await outcome({ ...scope, type: 'policy-deleted', id })).to.deep.equal({
        type: 'in-use',
        by: 'attachments',
      });
      await apply(writer, change);
    }
    await apply(writer, { ...scope, type: 'policy-deleted', id });
    expect(await reader.findPolicy(arn)).to.equal(undefined);
    expect(await reader.findManagedPolicy(arn)).to.equal(undefined);
    for (const change of [
      { ...scope, type: 'policy-attached', id: user.id, policyArn: arn, limit: 9 },
      { ...scope, type: 'boundary-set', id: user.id, policyArn: arn },
    ] as const) {
      expect(await outcome(change)).to.deep.equal({ type: 'conflict' });
    }
    expect(await outcome({ ...scope, type: 'policy-detached', id: user.id, policyArn: arn })).to.deep.equal({
      type: 'not-found',
    });
  });

  it('attaches no more than the limit, and no name of a policy is given twice', async () => {
    const { writer, reader } = store;
    const { arn } = await addPolicy('Pol');
    const { id } = await addUser(writer, newUser('ann'));
    await attach(id, arn);
    expect(
      await outcome({ ...scope, type: 'policy-attached', id, policyArn: administratorAccess, limit: 1 }),
    ).to.deep.equal({ type: 'limit' });
    expect(await reader.listAttachments(id)).to.deep.equal([arn]);
    const policy = newPolicy('pOL');
    const create = { ...scope, type: 'policy-created', document: '{}' } as const;
    expect(await outcome({ ...create, policy, limit: 9 })).to.deep.equal({ type: 'exists' });
    expect(await outcome({ ...create, policy: newPolicy('q'), limit: 1 })).to.deep.equal({ type: 'limit' });
    expect(await reader.counts(scope.account)).to.include({ policies: 1, policyVersions: 1 });
    const { items } = await reader.listPolicies(scope.account, {
      pathPrefix: '/',
      after: undefined,
      limit: 1,
    });
    expect(items.map(({ name }) => name)).to.deep.equal(['Pol']);
  });
}
