import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import { compareStoreAndToken } from '../../src/jobs/compare.ts';
import { destroyDueKeys } from '../../src/jobs/destroy.ts';
import { DueTime, holdMilliseconds } from '../../src/jobs/due.ts';
import { creationMilliseconds, Unfinished } from '../../src/jobs/reconcile.ts';
import { abandonKey } from '../../src/keys/abandon.ts';
import type { MaterialRef } from '../../src/keys/hsm.ts';
import { type Assembly, assemble } from './assembly.ts';
import { day } from './clock.ts';

async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof KmsError ? error.code : String(error);
  }
}

describe('the deletion of a key, on a real token and store', () => {
  let coffer: Assembly;
  let due: DueTime;
  before(async () => {
    coffer = await assemble();
  });
  after(() => coffer.close());
  beforeEach(() => {
    due = new DueTime(coffer.clock);
  });

  const run = () => destroyDueKeys({ ...coffer, due });
  const materials = async () => (await coffer.hsm.listObjects()).filter(({ kind }) => kind === 'material');

  it('destroys the token object and the row when the window has ended, and not before', async () => {
    const KeyId = await coffer.createKey();
    const { CiphertextBlob } = await coffer.call('Encrypt', { KeyId, Plaintext: 'AAAA' });
    await coffer.call('CreateAlias', { AliasName: 'alias/doomed', TargetKeyId: KeyId });
    await coffer.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 });
    coffer.clock.pass(7 * day - 1);
    expect(await run()).to.deep.equal({ destroyed: 0, held: 0, failures: [] });
    coffer.clock.pass(1);
    expect(await run()).to.deep.equal({ destroyed: 1, held: 0, failures: [] });

    expect((await materials()).filter(({ keyId }) => keyId === KeyId)).to.deep.equal([]);
    expect(await code(coffer.call('DescribeKey', { KeyId }))).to.equal('NotFoundException');
    expect(await code(coffer.call('DescribeKey', { KeyId: 'alias/doomed' }))).to.equal('NotFoundException');
    expect(await code(coffer.call('Decrypt', { CiphertextBlob }))).to.equal('AccessDeniedException');
    const events = (await coffer.records()).filter(
      ({ eventName, resources }) =>
        eventName === 'DeleteKey' && resources.some(({ ARN }) => ARN.endsWith(KeyId)),
    );
    expect(events.map(({ eventType }) => eventType)).to.deep.equal(['AwsServiceEvent']);
  });

  it('a clock that jumps years ahead destroys nothing early', async () => {
    const KeyId = await coffer.createKey();
    await coffer.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 });
    coffer.clock.jump(3650 * day);
    expect(await run()).to.deep.equal({ destroyed: 0, held: 0, failures: [] });
    coffer.clock.jump(-3650 * day);
    expect(await code(coffer.call('CancelKeyDeletion', { KeyId }))).to.equal('none');
  });

  it('a service that starts with a wrong clock holds what seems due, and the key can still be kept', async () => {
    const KeyId = await coffer.createKey();
    await coffer.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 });
    coffer.clock.jump(3650 * day);
    due = new DueTime(coffer.clock);
    coffer.clock.pass(holdMilliseconds - 1);
    expect(await run()).to.deep.equal({ destroyed: 0, held: 1, failures: [] });
    coffer.clock.jump(-3650 * day);
    coffer.clock.pass(1);
    expect(await run()).to.deep.equal({ destroyed: 0, held: 0, failures: [] });
    expect(await code(coffer.call('CancelKeyDeletion', { KeyId }))).to.equal('none');
    expect(await code(coffer.call('EnableKey', { KeyId }))).to.equal('none');
    expect(await code(coffer.call('Encrypt', { KeyId, Plaintext: 'AAAA' }))).to.equal('none');
  });

  it('a cancel and the job race: one wins, and the key is whole or gone', async () => {
    const outcomes = new Set<string>();
    for (let round = 0; round < 12; round += 1) {
      const KeyId = await coffer.createKey();
      await coffer.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 });
      coffer.clock.pass(7 * day);
      // Now one side, now the other begins some turns of the event loop later, so that both orders happen.
      const turns = async (count: number) => {
        for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      };
      const late = round >> 1;
      const cancel = turns(round % 2 === 0 ? late : 0).then(() =>
        code(coffer.call('CancelKeyDeletion', { KeyId })),
      );
      const job = turns(round % 2 === 0 ? 0 : late).then(run);
      const [cancelled, { destroyed }] = await Promise.all([cancel, job]);
      outcomes.add(cancelled);
      const there = (await materials()).some(({ keyId }) => keyId === KeyId);
      if (cancelled === 'none') {
        expect(destroyed).to.equal(0);
        expect(there).to.equal(true);
        await coffer.call('EnableKey', { KeyId });
        expect(await code(coffer.call('Encrypt', { KeyId, Plaintext: 'AAAA' }))).to.equal('none');
      } else {
        expect(cancelled).to.be.oneOf(['KMSInvalidStateException', 'NotFoundException']);
        expect(destroyed).to.equal(1);
        expect(there).to.equal(false);
      }
    }
    expect(outcomes).to.include('none');
    expect(outcomes.size).to.be.greaterThan(1);
  });

  it('a run that died half-way is finished by the next', async () => {
    const KeyId = await coffer.createKey();
    await coffer.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 });
    coffer.clock.pass(7 * day);
    const broken = new Error('died here');
    const dying = {
      ...coffer,
      due,
      changes: {
        apply: (...args: Parameters<typeof coffer.changes.apply>) =>
          args[0].type === 'key-destroyed' ? Promise.reject(broken) : coffer.changes.apply(...args),
      },
    };
    expect(await destroyDueKeys(dying)).to.deep.equal({
      destroyed: 0,
      held: 0,
      failures: [{ keyId: KeyId, cause: broken }],
    });
    expect(await code(coffer.call('CancelKeyDeletion', { KeyId }))).to.equal('KMSInvalidStateException');
    expect(await run()).to.deep.equal({ destroyed: 1, held: 0, failures: [] });
    expect(await code(coffer.call('DescribeKey', { KeyId }))).to.equal('NotFoundException');
  });

  it('a key that is cancelled and scheduled anew while the job is at work is not destroyed before its new date', async () => {
    const first = await coffer.createKey();
    const second = await coffer.createKey();
    for (const KeyId of [first, second])
      await coffer.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 });
    coffer.clock.pass(7 * day);
    const listed = await coffer.store.dueForDeletion(due.now());
    // While the job is at the first key, the owner of the others changes their mind twice.
    for (const KeyId of [first, second]) {
      await coffer.call('CancelKeyDeletion', { KeyId });
      await coffer.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 30 });
    }
    const job = { ...coffer, due, store: { ...coffer.store, dueForDeletion: async () => listed } };
    expect(await destroyDueKeys(job)).to.deep.equal({ destroyed: 0, held: 0, failures: [] });
    for (const KeyId of [first, second]) {
      expect(await code(coffer.call('CancelKeyDeletion', { KeyId }))).to.equal('none');
    }
  });

  it('one key that can not be destroyed does not keep the others', async () => {
    const keys = [await coffer.createKey(), await coffer.createKey(), await coffer.createKey()];
    for (const KeyId of keys) await coffer.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 });
    coffer.clock.pass(7 * day);
    const cause = new Error('this one not');
    const [stubborn] = await coffer.store.dueForDeletion(due.now());
    const hsm = Object.create(coffer.hsm, {
      destroyKey: {
        value: (material: MaterialRef) =>
          material.keyId === stubborn?.keyId ? Promise.reject(cause) : coffer.hsm.destroyKey(material),
      },
    });
    expect(await destroyDueKeys({ ...coffer, due, hsm })).to.deep.equal({
      destroyed: 2,
      held: 0,
      failures: [{ keyId: stubborn?.keyId, cause }],
    });
    expect(await run()).to.deep.equal({ destroyed: 1, held: 0, failures: [] });
  });

  describe('a creation that died half-way', () => {
    const scope = { region: 'us-east-1', account: '111122223333' };

    async function halfMade(): Promise<MaterialRef> {
      const material = { keyId: crypto.randomUUID(), materialId: randomBytes(16).toString('hex') };
      const now = coffer.clock.now();
      await coffer.changes.apply(
        {
          ...scope,
          type: 'key-creating',
          key: {
            ...scope,
            keyId: material.keyId,
            state: 'Creating',
            description: '',
            keySpec: 'SYMMETRIC_DEFAULT',
            keyUsage: 'ENCRYPT_DECRYPT',
            origin: 'AWS_KMS',
            createdAt: now,
            currentMaterialId: material.materialId,
            materials: [
              {
                materialId: material.materialId,
                keyMaterialId: randomBytes(32).toString('hex'),
                createdAt: now,
              },
            ],
            policy: undefined,
            tags: [],
            aliases: [],
          },
        },
        undefined,
      );
      await coffer.hsm.generateKey(material);
      return material;
    }

    it('leaves neither row nor object', async () => {
      const before = await materials();
      const { keyId } = await halfMade();
      expect(await code(coffer.call('DescribeKey', { KeyId: keyId }))).to.equal('NotFoundException');
      expect(await new Unfinished(coffer).abandonAll()).to.equal(1);
      expect(await materials()).to.have.deep.members(before);
      expect(await coffer.store.unfinishedCreations()).to.deep.equal([]);
    });

    it('is cleared up after a while, by the time that has truly passed', async () => {
      const unfinished = new Unfinished(coffer);
      await halfMade();
      expect(await unfinished.abandonOld()).to.equal(0);
      coffer.clock.jump(3650 * day);
      expect(await unfinished.abandonOld()).to.equal(0);
      coffer.clock.jump(-3650 * day);
      coffer.clock.pass(creationMilliseconds);
      expect(await unfinished.abandonOld()).to.equal(1);
    });

    it('and was finished after all keeps its object; one that is given up can not be finished', async () => {
      const finished = await halfMade();
      const [listed] = await coffer.store.unfinishedCreations();
      if (listed === undefined) return expect.fail();
      const created = { ...scope, type: 'key-created', keyId: finished.keyId } as const;
      expect(await coffer.changes.apply(created, undefined)).to.deep.equal({ type: 'done' });
      expect(await abandonKey(listed, coffer.changes, coffer.hsm)).to.equal(false);
      expect(await code(coffer.call('Encrypt', { KeyId: finished.keyId, Plaintext: 'AAAA' }))).to.equal(
        'none',
      );

      const { keyId } = await halfMade();
      await coffer.changes.apply({ ...scope, type: 'key-abandoning', keyId }, undefined);
      expect(await coffer.changes.apply({ ...created, keyId }, undefined)).to.deep.equal({
        type: 'conflict',
      });
      expect(await new Unfinished(coffer).abandonAll()).to.equal(1);
    });
  });

  it('store and token are compared: what neither explains is told, and left alone', async () => {
    expect((await compareStoreAndToken(coffer)).findings).to.deep.equal([]);
    const stray = { keyId: crypto.randomUUID(), materialId: 'ef'.repeat(16) };
    await coffer.hsm.generateKey(stray);
    const KeyId = await coffer.createKey();
    const object = (await materials()).find(({ keyId }) => keyId === KeyId);
    await coffer.hsm.destroyKey({ keyId: KeyId, materialId: object?.id ?? '' });
    const { findings } = await compareStoreAndToken(coffer);
    expect(findings.map(({ kind, subject }) => `${kind} ${subject}`)).to.have.members([
      `unexplained-key ${stray.keyId} material ${stray.materialId}`,
      `lost-key ${KeyId} material ${object?.id}`,
    ]);
    expect((await materials()).some(({ id }) => id === stray.materialId)).to.equal(true);

    // And a request that needs the lost one is an internal error and an alarm, never NotFoundException.
    expect(await code(coffer.call('Encrypt', { KeyId, Plaintext: 'AAAA' }))).to.equal('KMSInternalException');
    expect(coffer.alarms).to.have.length(1);
  });
});
