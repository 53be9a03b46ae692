import { expect } from 'chai';
import fc from 'fast-check';
import type { KeyState } from '../../../src/keys/key.ts';
import type { ChangeOutcome, ImportChange, KeyChange, MaterialChange } from '../../../src/keys/repository.ts';
import { all, close, type MakePlace, newAlias, newGrant, newKey, open, scope } from './fixture.ts';

/** Rotation and imports have models of their own (rotation.ts, imports.ts). */
type Change = Exclude<
  KeyChange,
  { type: MaterialChange['type'] | ImportChange['type'] | 'rotation-enabled' | 'rotation-disabled' }
>;

const keyIds = ['key-a', 'key-b', 'key-c'] as const;
const aliasNames = ['alias/x', 'alias/y'] as const;
const tagKeys = ['s', 't', 'u'] as const;
const tagLimit = 2;
const grantIds = ['0a', '0b', '0c'] as const;
const grantLimit = 2;

/** What a store is, said in the simplest way. */
interface Model {
  readonly keys: Map<
    string,
    {
      state: KeyState;
      description: string;
      policy?: string;
      tags: Map<string, string>;
      /** Their ids, each its fingerprint too. */
      grants: Set<string>;
    }
  >;
  readonly aliases: Map<string, string>;
}

function expected(model: Model, change: Change): ChangeOutcome['type'] {
  const { keys, aliases } = model;
  const inState = (keyId: string, from: readonly KeyState[]) => {
    const key = keys.get(keyId);
    return key !== undefined && from.includes(key.state) ? key : undefined;
  };
  const remove = (keyId: string, state: KeyState) => {
    if (!inState(keyId, [state])) return 'conflict';
    keys.delete(keyId);
    for (const [name, target] of aliases) if (target === keyId) aliases.delete(name);
    return 'done';
  };
  switch (change.type) {
    case 'key-creating': {
      if (keys.has(change.key.keyId)) return 'conflict';
      const { description, keyId } = change.key;
      keys.set(keyId, { state: 'Creating', description, tags: new Map(), grants: new Set() });
      return 'done';
    }
    case 'key-created':
    case 'key-state':
    case 'key-policy':
    case 'key-description': {
      const key = inState(change.keyId, change.type === 'key-created' ? ['Creating'] : change.from);
      if (key === undefined) return 'conflict';
      if (change.type === 'key-description') key.description = change.description;
      else if (change.type === 'key-policy') key.policy = change.policy;
      else key.state = change.type === 'key-created' ? 'Enabled' : change.to;
      return 'done';
    }
    case 'key-abandoning': {
      const key = inState(change.keyId, ['Creating']);
      if (key === undefined) return 'conflict';
      key.state = 'Abandoning';
      return 'done';
    }
    case 'key-abandoned':
      return remove(change.keyId, 'Abandoning');
    case 'key-destroyed':
      return remove(change.keyId, 'Destroying');
    case 'alias-created': {
      const { aliasName, targetKeyId } = change.alias;
      if (aliases.has(aliasName)) return 'exists';
      if (!inState(targetKeyId, change.from)) return 'conflict';
      aliases.set(aliasName, targetKeyId);
      return 'done';
    }
    case 'alias-updated':
      if (aliases.get(change.aliasName) !== change.fromKeyId) return 'conflict';
      if (!inState(change.targetKeyId, change.from)) return 'conflict';
      aliases.set(change.aliasName, change.targetKeyId);
      return 'done';
    case 'alias-deleted':
      if (aliases.get(change.aliasName) !== change.fromKeyId) return 'conflict';
      aliases.delete(change.aliasName);
      return 'done';
    case 'tags-put': {
      const key = inState(change.keyId, change.from);
      if (key === undefined) return 'conflict';
      const after = new Map([...key.tags, ...change.tags.map((tag) => [tag.key, tag.value] as const)]);
      if (after.size > change.limit) return 'limit';
      key.tags = after;
      return 'done';
    }
    case 'tags-removed': {
      const key = inState(change.keyId, change.from);
      if (key === undefined) return 'conflict';
      for (const tagKey of change.tagKeys) key.tags.delete(tagKey);
      return 'done';
    }
    case 'grant-created': {
      const key = inState(change.grant.keyId, change.from);
      if (key === undefined) return 'conflict';
      if (key.grants.has(change.grant.grantId)) return 'conflict';
      if (key.grants.size >= change.limit) return 'limit';
      key.grants.add(change.grant.grantId);
      return 'done';
    }
    case 'recorded':
      return 'done';
    case 'grant-removed':
      return keys.get(change.keyId)?.grants.delete(change.grantId) === true ? 'done' : 'conflict';
  }
}

const keyId = fc.constantFrom(...keyIds);
const aliasName = fc.constantFrom(...aliasNames);
const from = fc.subarray([...all]);
const tags = fc.uniqueArray(fc.record({ key: fc.constantFrom(...tagKeys), value: fc.string() }), {
  selector: (tag) => tag.key,
});

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 3,
    arbitrary: keyId.map((keyId): Change => ({ ...scope, type: 'key-creating', key: newKey({ keyId }) })),
  },
  { weight: 3, arbitrary: keyId.map((keyId): Change => ({ ...scope, type: 'key-created', keyId })) },
  keyId.map((keyId): Change => ({ ...scope, type: 'key-abandoning', keyId })),
  keyId.map((keyId): Change => ({ ...scope, type: 'key-abandoned', keyId })),
  keyId.map((keyId): Change => ({ ...scope, type: 'key-destroyed', keyId })),
  fc
    .record({ keyId, from })
    .map((given): Change => ({ ...scope, type: 'key-state', ...given, to: 'Disabled' })),
  fc
    .record({ keyId, from })
    .map(
      (given): Change => ({ ...scope, type: 'key-state', ...given, to: 'PendingDeletion', deletionDate: 5 }),
    ),
  keyId.map(
    (keyId): Change => ({ ...scope, type: 'key-state', keyId, from: ['PendingDeletion'], to: 'Destroying' }),
  ),
  fc
    .record({ keyId, from, description: fc.string({ unit: 'binary' }) })
    .map((given): Change => ({ ...scope, type: 'key-description', ...given })),
  {
    weight: 2,
    arbitrary: fc.record({ keyId, aliasName, from }).map(
      ({ keyId, aliasName, from }): Change => ({
        ...scope,
        type: 'alias-created',
        alias: newAlias(aliasName, keyId),
        from,
      }),
    ),
  },
  fc
    .record({ aliasName, fromKeyId: keyId, targetKeyId: keyId, from })
    .map((given): Change => ({ ...scope, type: 'alias-updated', ...given, updatedAt: 6 })),
  fc
    .record({ aliasName, fromKeyId: keyId })
    .map((given): Change => ({ ...scope, type: 'alias-deleted', ...given })),
  fc
    .record({ keyId, from, tags })
    .map((given): Change => ({ ...scope, type: 'tags-put', ...given, limit: tagLimit })),
  {
    weight: 3,
    arbitrary: fc.record({ keyId, from, grantId: fc.constantFrom(...grantIds) }).map(
      ({ keyId, from, grantId }): Change => ({
        ...scope,
        type: 'grant-created',
        grant: newGrant({ keyId, grantId }),
        from,
        index: { fingerprint: grantId, anchor: grantId, describes: false },
        limit: grantLimit,
      }),
    ),
  },
  fc
    .record({ keyId, grantId: fc.constantFrom(...grantIds) })
    .map((given): Change => ({ ...scope, type: 'grant-removed', ...given })),
  fc
    .record({ keyId, from, tagKeys: fc.subarray([...tagKeys]) })
    .map((given): Change => ({ ...scope, type: 'tags-removed', ...given })),
);

export function modelContract(make: MakePlace): void {
  it('does what the simplest model of a store does, whatever the changes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 10, maxLength: 60 }), async (changes) => {
        const store = await open(make);
        const { writer, reader } = store;
        const model: Model = { keys: new Map(), aliases: new Map() };
        try {
          for (const change of changes) {
            const { outcome } = await writer.apply(change, undefined);
            expect(outcome.type).to.equal(expected(model, change));
          }
          for (const keyId of keyIds) {
            const key = await reader.findKey(scope, keyId);
            const there = model.keys.get(keyId);
            if (there === undefined || there.state === 'Creating' || there.state === 'Abandoning') {
              expect(key).to.equal(undefined);
              continue;
            }
            expect(key).to.include({ state: there.state, description: there.description });
            const { items } = await reader.listTags(scope, keyId, undefined, 50);
            expect(items.map((tag) => [tag.key, tag.value])).to.deep.equal([...there.tags].sort());
            const { grants } = await reader.findGrants(scope, keyId, newGrant({ keyId }).granteeId);
            expect(grants.map(({ grantId }) => grantId)).to.deep.equal([...there.grants].sort());
          }
          for (const aliasName of aliasNames) {
            const alias = await reader.findAlias(scope, aliasName);
            expect(alias?.targetKeyId).to.equal(model.aliases.get(aliasName));
          }
        } finally {
          await close(store);
        }
      }),
      { numRuns: 25 },
    );
  });
}
