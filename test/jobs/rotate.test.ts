import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import { compareStoreAndToken } from '../../src/jobs/compare.ts';
import { DueTime, holdMilliseconds } from '../../src/jobs/due.ts';
import { Unfinished } from '../../src/jobs/reconcile.ts';
import { type RotateJob, rotateDueKeys, rotationsPerRun } from '../../src/jobs/rotate.ts';
import { encryptionLimit, wornAtEncryptions } from '../../src/keys/encryptions.ts';
import { type Hsm, HsmError } from '../../src/keys/hsm.ts';
import { nextRotation } from '../../src/keys/rotate.ts';
import { type Assembly, assemble } from './assembly.ts';
import { day } from './clock.ts';
import { dying, tierWith } from './dying.ts';

interface Rotation {
  KeyMaterialId: string;
  KeyMaterialState: string;
  RotationDate?: number;
  RotationType?: string;
}

async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof KmsError ? error.code : String(error);
  }
}

const nothing = { rotated: 0, held: 0, failures: [] };

describe('the rotation of keys, on a real token and store', () => {
  let coffer: Assembly;
  let due: DueTime;
  before(async () => {
    coffer = await assemble();
  });
  after(() => coffer.close());
  const kept: string[] = [];
  beforeEach(() => {
    due = new DueTime(coffer.clock);
  });
  afterEach(async () => {
    for (const KeyId of kept.splice(0)) await coffer.call('DisableKeyRotation', { KeyId }).catch(() => 0);
  });

  const job = (over: Partial<RotateJob> = {}): RotateJob => ({
    ...coffer,
    due,
    wornAt: wornAtEncryptions,
    ...over,
  });
  const run = (over: Partial<RotateJob> = {}) => rotateDueKeys(job(over));
  const rotatingKey = async (RotationPeriodInDays = 90) => {
    const KeyId = await coffer.createKey();
    kept.push(KeyId);
    await coffer.call('EnableKeyRotation', { KeyId, RotationPeriodInDays });
    return KeyId;
  };
  const all = async (KeyId: string): Promise<Rotation[]> => {
    const IncludeKeyMaterial = 'ALL_KEY_MATERIAL';
    return (await coffer.call<{ Rotations: Rotation[] }>('ListKeyRotations', { KeyId, IncludeKeyMaterial }))
      .Rotations;
  };
  const next = async (KeyId: string) =>
    1000 *
    (await coffer.call<{ NextRotationDate: number }>('GetKeyRotationStatus', { KeyId })).NextRotationDate;
  const encrypt = async (KeyId: string) =>
    (await coffer.call<{ CiphertextBlob: string }>('Encrypt', { KeyId, Plaintext: 'AAAA' })).CiphertextBlob;
  const decrypt = async (CiphertextBlob: string) =>
    coffer.call<{ Plaintext: string; KeyMaterialId: string }>('Decrypt', { CiphertextBlob });
  const objects = async (KeyId: string) =>
    (await coffer.hsm.listObjects()).filter(({ keyId }) => keyId === KeyId).length;
  /** What the log would say at a start: nothing is there that nobody knows of, and nothing is missing. */
  const accounted = async () => expect((await compareStoreAndToken(coffer)).findings).to.deep.equal([]);

  it('rotates when the date has come and not before; the next one is a period later, old ciphertexts decrypt', async () => {
    const KeyId = await rotatingKey();
    const old = await encrypt(KeyId);
    const [first] = await all(KeyId);
    const date = await next(KeyId);
    expect(date).to.equal(coffer.clock.now() + 90 * day);
    coffer.clock.pass(90 * day - 1);
    expect(await run()).to.deep.equal(nothing);
    coffer.clock.pass(5_001);
    expect(await run()).to.deep.equal({ ...nothing, rotated: 1 });
    expect(await run()).to.deep.equal(nothing);
    expect(await next(KeyId)).to.equal(date + 90 * day);

    const [before, after, ...more] = await all(KeyId);
    expect(more).to.deep.equal([]);
    expect(before).to.deep.equal({ ...first, KeyMaterialState: 'NON_CURRENT' });
    expect(after).to.deep.include({
      KeyMaterialState: 'CURRENT',
      RotationType: 'AUTOMATIC',
      RotationDate: coffer.clock.now() / 1000,
    });
    expect((await decrypt(old)).KeyMaterialId).to.equal(before?.KeyMaterialId);
    expect((await decrypt(await encrypt(KeyId))).KeyMaterialId).to.equal(after?.KeyMaterialId);
    const { KeyMetadata } = await coffer.call<{ KeyMetadata: { CurrentKeyMaterialId: string } }>(
      'DescribeKey',
      { KeyId },
    );
    expect(KeyMetadata.CurrentKeyMaterialId).to.equal(after?.KeyMaterialId);
    const events = (await coffer.records()).filter(
      ({ eventName, resources }) =>
        eventName === 'RotateKey' && resources.some(({ ARN }) => ARN.endsWith(KeyId)),
    );
    expect(
      events.map(({ eventType, serviceEventDetails }) => [eventType, serviceEventDetails]),
    ).to.deep.equal([
      [
        'AwsServiceEvent',
        {
          rotationType: 'AUTOMATIC',
          keyOrigin: 'AWS_KMS',
          previousKeyMaterialId: before?.KeyMaterialId,
          currentKeyMaterialId: after?.KeyMaterialId,
        },
      ],
    ]);
  });

  it('a service that was down while several dates passed rotates once, after an hour, and keeps the schedule', async () => {
    const KeyId = await rotatingKey();
    const date = await next(KeyId);
    coffer.clock.pass(3 * 90 * day + 1);
    due = new DueTime(coffer.clock);
    expect(await run()).to.deep.equal({ ...nothing, held: 1 });
    coffer.clock.pass(holdMilliseconds);
    expect(await run()).to.deep.equal({ ...nothing, rotated: 1 });
    coffer.clock.pass(holdMilliseconds);
    expect(await run()).to.deep.equal(nothing);
    expect(await next(KeyId)).to.equal(date + 3 * 90 * day);
    expect(await all(KeyId)).to.have.length(2);
  });

  it('a clock that jumps years ahead rotates nothing, in a running service or at its start', async () => {
    const KeyId = await rotatingKey();
    const date = await next(KeyId);
    coffer.clock.jump(3650 * day);
    expect(await run()).to.deep.equal(nothing);
    due = new DueTime(coffer.clock);
    expect(await run()).to.deep.equal({ ...nothing, held: 1 });
    coffer.clock.jump(-3650 * day);
    coffer.clock.pass(holdMilliseconds);
    expect(await run()).to.deep.equal(nothing);
    expect(await next(KeyId)).to.equal(date);
  });

  it('a key that rotated under a clock that was ahead for long has its schedule back when it is enabled again', async () => {
    const KeyId = await rotatingKey();
    coffer.clock.jump(3650 * day);
    due = new DueTime(coffer.clock);
    coffer.clock.pass(holdMilliseconds);
    expect(await run()).to.deep.equal({ ...nothing, rotated: 1 });
    coffer.clock.jump(-3650 * day);
    const enabled = coffer.clock.now();
    await coffer.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 });
    expect(await next(KeyId)).to.equal(enabled + 90 * day);
    coffer.clock.pass(day);
    await coffer.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 });
    expect(await next(KeyId), 'said again, it moves nothing').to.equal(enabled + 90 * day);
  });

  it('keys that fall due together rotate some at a time', async function () {
    this.timeout(30_000);
    const keys = await Promise.all(Array.from({ length: 5 }, () => rotatingKey()));
    coffer.clock.pass(90 * day);
    const store = {
      wornOut: coffer.store.wornOut,
      dueForRotation: (now: number, limit: number) => {
        expect(limit).to.equal(rotationsPerRun);
        return coffer.store.dueForRotation(now, 2);
      },
    };
    expect(await run({ store })).to.deep.equal({ ...nothing, rotated: 2 });
    expect(await run({ store })).to.deep.equal({ ...nothing, rotated: 2 });
    expect(await run({ store })).to.deep.equal({ ...nothing, rotated: 1 });
    for (const KeyId of keys) expect(await all(KeyId)).to.have.length(2);
  });

  it('a date rotates a key once, however many processes see it', async () => {
    const keys = [await rotatingKey(), await rotatingKey(), await rotatingKey()];
    coffer.clock.pass(90 * day);
    // All of them have read that these are due before any of them begins.
    const listed = await coffer.store.dueForRotation(due.now(), 10);
    const store = { ...coffer.store, dueForRotation: async () => listed };
    const runs = await Promise.all(Array.from({ length: 5 }, () => run({ store })));
    expect(runs.flatMap(({ failures }) => failures)).to.deep.equal([]);
    expect(runs.reduce((sum, { rotated }) => sum + rotated, 0)).to.equal(keys.length);
    expect(await run({ store })).to.deep.equal(nothing);
    for (const KeyId of keys) {
      expect(await all(KeyId)).to.have.length(2);
      expect(await objects(KeyId)).to.equal(2);
    }
    await accounted();
  });

  it('a disabled key rotates when it is enabled again, one whose deletion is pending when it is kept', async () => {
    const disabled = await rotatingKey();
    const doomed = await rotatingKey();
    await coffer.call('DisableKey', { KeyId: disabled });
    await coffer.call('ScheduleKeyDeletion', { KeyId: doomed });
    const status = async (KeyId: string) =>
      (await coffer.call<{ KeyRotationEnabled: boolean }>('GetKeyRotationStatus', { KeyId }))
        .KeyRotationEnabled;
    expect(await status(disabled)).to.equal(true);
    expect(await status(doomed)).to.equal(false);
    coffer.clock.pass(90 * day);
    expect(await run()).to.deep.equal(nothing);
    await coffer.call('EnableKey', { KeyId: disabled });
    expect(await run()).to.deep.equal({ ...nothing, rotated: 1 });
    await coffer.call('CancelKeyDeletion', { KeyId: doomed });
    expect(await status(doomed)).to.equal(true);
    await coffer.call('EnableKey', { KeyId: doomed });
    expect(await run()).to.deep.equal({ ...nothing, rotated: 1 });
  });

  it('a key that is disabled, or no longer rotates, while its next material is made stays as it was', async () => {
    for (const [operation, over] of [
      ['DisableKey', {}],
      ['DisableKeyRotation', {}],
      ['EnableKeyRotation', { RotationPeriodInDays: 200 }],
    ] as const) {
      const KeyId = await rotatingKey();
      const [first] = await all(KeyId);
      coffer.clock.pass(90 * day);
      const hsm = tierWith(coffer, {
        async generateKey(...given) {
          const made = await coffer.hsm.generateKey(...given);
          await coffer.call(operation, { KeyId, ...over });
          return made;
        },
      });
      expect(await run({ hsm }), operation).to.deep.equal(nothing);
      expect(await all(KeyId), operation).to.deep.equal([first]);
      expect(await objects(KeyId), operation).to.equal(1);
      await accounted();
      await coffer.call('EnableKey', { KeyId });
      await coffer.call('DisableKeyRotation', { KeyId });
    }
  });

  it('one key that can not be rotated does not keep the others, and is tried again', async () => {
    const keys = [await rotatingKey(), await rotatingKey(), await rotatingKey()];
    coffer.clock.pass(90 * day);
    const cause = new HsmError('internal', 'this one not');
    const [stubborn] = await coffer.store.dueForRotation(due.now(), 1);
    const hsm = tierWith(coffer, {
      generateKey: (...given) =>
        given[0].keyId === stubborn?.keyId ? Promise.reject(cause) : coffer.hsm.generateKey(...given),
    });
    const failures = [{ keyId: stubborn?.keyId, cause }];
    expect(await run({ hsm })).to.deep.equal({ rotated: 2, held: 0, failures });
    await accounted();
    expect(await run()).to.deep.equal({ ...nothing, rotated: 1 });
    for (const KeyId of keys) expect(await all(KeyId)).to.have.length(2);
  });

  it('a rotation on demand that comes to nothing takes back at once what it made', async () => {
    const KeyId = await coffer.createKey();
    const { apply } = coffer.changes;
    /** What happens just before the new material would become the current one. */
    const meanwhile = (happens: () => Promise<unknown>) => {
      coffer.changes.apply = async (change, record) => {
        if (change.type === 'material-rotated') {
          coffer.changes.apply = apply;
          await happens();
        }
        return apply(change, record);
      };
    };
    meanwhile(() => coffer.call('DisableKey', { KeyId }));
    expect(await code(coffer.call('RotateKeyOnDemand', { KeyId }))).to.equal('DisabledException');
    await coffer.call('EnableKey', { KeyId });
    meanwhile(() => Promise.reject(new Error('no disk')));
    expect(await code(coffer.call('RotateKeyOnDemand', { KeyId }))).to.equal('KMSInternalException');
    expect(await objects(KeyId)).to.equal(1);
    expect(await coffer.store.unfinishedMaterials()).to.deep.equal([]);
    expect(await code(coffer.call('RotateKeyOnDemand', { KeyId }))).to.equal('none');
    expect(await all(KeyId)).to.have.length(2);
    await accounted();
  });

  it('a key whose material has encrypted enough rotates by itself, and its schedule stays', async () => {
    const KeyId = await rotatingKey();
    const idle = await coffer.createKey();
    const date = await next(KeyId);
    const material = async (keyId: string) => {
      const [object] = (await coffer.hsm.listObjects()).filter((one) => one.keyId === keyId);
      return { region: 'us-east-1', account: '111122223333', keyId, materialId: object?.id ?? '' };
    };
    const reserve = async (keyId: string, encryptions: number) =>
      expect(
        await coffer.store.reserveEncryptions(await material(keyId), encryptions, encryptionLimit),
      ).to.equal(true);
    await reserve(KeyId, wornAtEncryptions - 1);
    expect(await run()).to.deep.equal(nothing);
    await reserve(KeyId, 1);
    expect(await run()).to.deep.equal({ ...nothing, rotated: 1 });
    expect(await run()).to.deep.equal(nothing);
    const [, rotated] = await all(KeyId);
    expect(rotated).to.deep.include({ RotationType: 'AUTOMATIC', KeyMaterialState: 'CURRENT' });
    expect(await next(KeyId)).to.equal(date);

    // Where it could not be rotated in time it encrypts no more, until it is; it decrypts always.
    const old = await encrypt(KeyId);
    await reserve(idle, encryptionLimit);
    expect(await code(encrypt(idle))).to.equal('KMSInvalidStateException');
    const NumberOfBytes = 16;
    expect(await code(coffer.call('GenerateDataKey', { KeyId: idle, NumberOfBytes }))).to.equal(
      'KMSInvalidStateException',
    );
    const move = { CiphertextBlob: old, DestinationKeyId: idle };
    expect(await code(coffer.call('ReEncrypt', move))).to.equal('KMSInvalidStateException');
    expect(await code(decrypt(old))).to.equal('none');
    expect(await run()).to.deep.equal({ ...nothing, rotated: 1 });
    for (const made of [encrypt(idle), coffer.call('ReEncrypt', move)]) {
      expect(await code(made)).to.equal('none');
    }
  });

  it('whatever is counted for a key of another kind, it stays what it is', async () => {
    const spec = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' };
    const { KeyMetadata } = await coffer.call<{ KeyMetadata: { KeyId: string } }>('CreateKey', spec);
    const { KeyId } = KeyMetadata;
    const scope = { region: 'us-east-1', account: '111122223333' };
    const { currentMaterialId: materialId = '' } = (await coffer.identities.findKey(scope, KeyId)) ?? {};
    const material = { ...scope, keyId: KeyId, materialId };
    await coffer.store.reserveEncryptions(material, wornAtEncryptions, encryptionLimit);
    expect(await run()).to.deep.equal(nothing);
    const sign = { KeyId, Message: 'aGVsbG8=', SigningAlgorithm: 'ECDSA_SHA_256' };
    expect(await code(coffer.call('Sign', sign))).to.equal('none');
  });

  describe('that dies', () => {
    const steps = [
      'material-creating',
      'after material-creating',
      'generateKey',
      'after generateKey',
      'material-rotated',
      'after material-rotated',
    ];
    for (const step of steps) {
      it(`at \`${step}\` leaves a key that encrypts and rotates, once`, async () => {
        const KeyId = await rotatingKey();
        const old = await encrypt(KeyId);
        coffer.clock.pass(90 * day);
        const { hsm, changes } = dying(coffer, (at) => at === step);
        await run({ hsm, changes }).catch(() => undefined);
        const whole = step === 'after material-rotated';
        const half = step !== 'material-creating' && !whole;
        expect(await all(KeyId)).to.have.length(whole ? 2 : 1);
        const between = await encrypt(KeyId);
        // While it is not known whether anybody still makes it, nobody else does.
        if (half) {
          expect(await run()).to.deep.equal(nothing);
          expect(await code(coffer.call('RotateKeyOnDemand', { KeyId }))).to.equal('ConflictException');
        }
        expect(await new Unfinished(coffer).abandonAll()).to.equal(half ? 1 : 0);
        await accounted();
        expect(await objects(KeyId)).to.equal(whole ? 2 : 1);
        expect(await run()).to.deep.equal({ ...nothing, rotated: whole ? 0 : 1 });
        expect(await all(KeyId)).to.have.length(2);
        await decrypt(old);
        await decrypt(between);
        await decrypt(await encrypt(KeyId));
      });
    }

    it('while it takes back what it made is taken back by the next start', async () => {
      for (const step of [
        'material-abandoning',
        'after material-abandoning',
        'destroyKey',
        'material-abandoned',
      ]) {
        const KeyId = await rotatingKey();
        coffer.clock.pass(90 * day);
        let failing = true;
        const { hsm, changes } = dying(coffer, (at) => at === step);
        const generateKey: Hsm['generateKey'] = async (...given) => {
          const made = await coffer.hsm.generateKey(...given);
          if (failing) throw new HsmError('internal', 'made, and then something else');
          return made;
        };
        const { failures } = await run({
          hsm: tierWith(coffer, { generateKey, destroyKey: hsm.destroyKey }),
          changes,
        });
        expect(failures, step).to.have.length(1);
        failing = false;
        expect(await new Unfinished(coffer).abandonAll(), step).to.equal(1);
        await accounted();
        expect(await run(), step).to.deep.equal({ ...nothing, rotated: 1 });
        await coffer.call('DisableKeyRotation', { KeyId });
      }
    });
  });

  it('a material that was finished after all is not taken back, whoever thinks so', async () => {
    const KeyId = await rotatingKey();
    coffer.clock.pass(90 * day);
    await run(); // so that there is something older
    coffer.clock.pass(90 * day);
    let seen: Unfinished | undefined;
    const hsm = tierWith(coffer, {
      async generateKey(...given) {
        const made = await coffer.hsm.generateKey(...given);
        // It is read as unfinished now, and taken back when it no longer is.
        const listed = await coffer.store.unfinishedMaterials();
        const unfinishedMaterials = async () => listed;
        const store = { ...coffer.store, unfinishedCreations: async () => [], unfinishedMaterials };
        seen = new Unfinished({ ...coffer, store });
        return made;
      },
    });
    expect(await run({ hsm })).to.deep.equal({ ...nothing, rotated: 1 });
    expect(await seen?.abandonAll()).to.equal(0);
    expect(await objects(KeyId)).to.equal(3);
    await decrypt(await encrypt(KeyId));
    await accounted();
  });

  it('the next date is the first of the schedule that is still to come', () => {
    const at = 1_000;
    expect(nextRotation(at, 90, at)).to.equal(at + 90 * day);
    expect(nextRotation(at, 90, at + 1)).to.equal(at + 90 * day);
    expect(nextRotation(at, 90, at - 5)).to.equal(at + 90 * day);
    expect(nextRotation(at, 90, at + 90 * day - 1)).to.equal(at + 90 * day);
    expect(nextRotation(at, 90, at + 90 * day)).to.equal(at + 180 * day);
    expect(nextRotation(at, 90, at + 500 * day)).to.equal(at + 540 * day);
  });
});
