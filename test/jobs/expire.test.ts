import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import { destroyDueKeys } from '../../src/jobs/destroy.ts';
import { DueTime } from '../../src/jobs/due.ts';
import { endWrappingKeys, expireMaterials } from '../../src/jobs/expire.ts';
import { Unfinished } from '../../src/jobs/reconcile.ts';
import { HsmError } from '../../src/keys/hsm.ts';
import { newMaterialOf } from '../contract/hsm/wrap.ts';
import { type Assembly, assemble } from './assembly.ts';
import { day } from './clock.ts';
import { tierWith } from './dying.ts';
import { importing, nothingWrong } from './import.ts';

const hour = 3_600_000;

async function code(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    return error instanceof KmsError ? error.code : String(error);
  }
}

describe('what ends by itself of imports, on a real token and store', () => {
  let coffer: Assembly;
  let own: ReturnType<typeof importing>;
  let due: DueTime;
  before(async function () {
    this.timeout(30_000);
    coffer = await assemble();
    own = importing(coffer);
    await coffer.hsm.capabilities();
  });
  after(() => coffer.close());
  beforeEach(() => {
    due = new DueTime(coffer.clock);
  });
  afterEach(async () => {
    expect(await own.difference()).to.deep.equal(nothingWrong);
    expect(coffer.alarms).to.deep.equal([]);
  });

  const run = (over: Partial<Pick<Assembly, 'hsm'>> = {}) => expireMaterials({ ...coffer, due, ...over });
  const end = () => endWrappingKeys({ ...coffer, due });
  /** Seconds since the epoch. */
  const soon = (milliseconds: number) => (coffer.clock.now() + milliseconds) / 1000;
  const events = async (KeyId: string) =>
    (await coffer.records()).filter(
      ({ eventName, resources }) =>
        eventName === 'DeleteExpiredKeyMaterial' && resources.some(({ ARN }) => ARN.endsWith(KeyId)),
    );

  describe('material', () => {
    it('is deleted when it expires and not before, recorded, and comes back by being imported again', async () => {
      const KeyId = await own.externalKey();
      const ticket = await own.parameters(KeyId);
      const material = randomBytes(32);
      const id = await own.bring(KeyId, ticket, material, { ValidTo: soon(hour) });
      const blob = await own.encrypt(KeyId);
      expect(await coffer.store.nextExpiry()).to.equal(coffer.clock.now() + hour);
      coffer.clock.pass(hour - 1);
      expect((await run()).expired).to.deep.equal([]);
      coffer.clock.pass(1);
      expect(await run()).to.deep.equal({ expired: [{ keyId: KeyId, keyMaterialId: id }], failures: [] });
      expect(await own.stateOf(KeyId)).to.equal('PendingImport');
      expect(await own.objects(KeyId)).to.equal(0);
      expect(await coffer.store.nextExpiry()).to.equal(undefined);
      expect(
        (await events(KeyId)).map((event) => [event.eventType, event.serviceEventDetails]),
      ).to.deep.equal([['AwsServiceEvent', { keyId: KeyId, keyMaterialId: id }]]);
      expect(await own.bring(KeyId, ticket, material)).to.equal(id);
      expect(await own.decrypt(blob)).to.equal(id);
    });

    it('is deleted once, however many processes see it', async () => {
      const KeyId = await own.externalKey();
      await own.bring(KeyId, await own.parameters(KeyId), randomBytes(32), { ValidTo: soon(hour) });
      coffer.clock.pass(hour);
      const runs = await Promise.all([run(), run(), run()]);
      expect(runs.flatMap(({ expired }) => expired)).to.have.length(1);
      expect(await events(KeyId)).to.have.length(1);
    });

    it('stays where a clock jumps years ahead', async () => {
      const KeyId = await own.externalKey();
      await own.bring(KeyId, await own.parameters(KeyId), randomBytes(32), { ValidTo: soon(day) });
      coffer.clock.jump(3650 * day);
      expect((await run()).expired).to.deep.equal([]);
      coffer.clock.jump(-3650 * day);
      await own.encrypt(KeyId);
    });

    it('that got another date while the job was at work stays', async () => {
      const KeyId = await own.externalKey();
      const ticket = await own.parameters(KeyId);
      const material = randomBytes(32);
      await own.bring(KeyId, ticket, material, { ValidTo: soon(hour) });
      coffer.clock.pass(hour);
      const listed = await coffer.store.dueForExpiry(due.now(), 100);
      await own.bring(KeyId, ticket, material, { ValidTo: soon(2 * hour) });
      const store = { ...coffer.store, dueForExpiry: async () => listed };
      expect((await expireMaterials({ ...coffer, due, store })).expired).to.deep.equal([]);
      await own.encrypt(KeyId);
      await coffer.call('DeleteImportedKeyMaterial', { KeyId });
    });

    it('that awaits its rotation is gone, and the key works on', async () => {
      const KeyId = await own.externalKey();
      const ticket = await own.parameters(KeyId);
      const ImportType = 'NEW_KEY_MATERIAL';
      const id = await own.bring(KeyId, ticket, randomBytes(32));
      await own.bring(KeyId, ticket, randomBytes(32), { ImportType, ValidTo: soon(hour) });
      coffer.clock.pass(hour);
      expect((await run()).expired).to.have.length(1);
      expect((await own.materials(KeyId)).map(({ KeyMaterialId }) => KeyMaterialId)).to.deep.equal([id]);
      expect(await own.objects(KeyId)).to.equal(1);
      expect(await own.decrypt(await own.encrypt(KeyId))).to.equal(id);
      expect(await code(coffer.call('RotateKeyOnDemand', { KeyId }))).to.equal('KMSInvalidStateException');
    });

    it('of a key whose deletion is pending goes too, and the key that is kept awaits it', async () => {
      const KeyId = await own.externalKey();
      const material = randomBytes(32);
      await own.bring(KeyId, await own.parameters(KeyId), material, { ValidTo: soon(hour) });
      await coffer.call('ScheduleKeyDeletion', { KeyId });
      coffer.clock.pass(hour);
      expect((await run()).expired).to.have.length(1);
      expect(await own.stateOf(KeyId)).to.equal('PendingDeletion');
      await coffer.call('CancelKeyDeletion', { KeyId });
      expect(await own.stateOf(KeyId)).to.equal('PendingImport');
      await own.bring(KeyId, await own.parameters(KeyId), material);
      await own.encrypt(KeyId);
    });

    it('that the token does not let go of is used by nobody, and goes when it can', async () => {
      const KeyId = await own.externalKey();
      const ticket = await own.parameters(KeyId);
      const material = randomBytes(32);
      await own.bring(KeyId, ticket, material, { ValidTo: soon(hour) });
      coffer.clock.pass(hour);
      const hsm = tierWith(coffer, {
        destroyKey: () => Promise.reject(new HsmError('unavailable', 'no token')),
      });
      const { expired, failures } = await run({ hsm });
      expect([expired.length, failures.length]).to.deep.equal([1, 1]);
      expect(await code(own.encrypt(KeyId))).to.equal('KMSInvalidStateException');
      expect(await own.objects(KeyId)).to.equal(1);
      // On its way out: it can't come in.
      expect(await code(own.bring(KeyId, ticket, material))).to.equal('KMSInvalidStateException');
      expect(await new Unfinished(coffer).abandonOld()).to.equal(1);
      expect(await own.objects(KeyId)).to.equal(0);
      await own.bring(KeyId, ticket, material);
      await own.encrypt(KeyId);
    });
  });

  it('a request that meets the end of its material is told so, and nobody is alarmed', async () => {
    const KeyId = await own.externalKey();
    await own.bring(KeyId, await own.parameters(KeyId), randomBytes(32));
    const hsm = tierWith(coffer, {
      async encrypt(...given) {
        // Checked already, when it was there.
        await coffer.call('DeleteImportedKeyMaterial', { KeyId });
        return coffer.hsm.encrypt(...given);
      },
    });
    const encrypted = coffer.callWith({ hsm }, 'Encrypt', { KeyId, Plaintext: 'AAAA' });
    expect(await code(encrypted)).to.equal('KMSInvalidStateException');
  });

  describe('wrapping keys', () => {
    it('unwrap for 24 hours, are destroyed soon after, and for a week their import tokens are known', async () => {
      const KeyId = await own.externalKey();
      const ticket = await own.parameters(KeyId);
      const material = randomBytes(32);
      expect(ticket.ParametersValidTo * 1000).to.equal(coffer.clock.now() + day);
      coffer.clock.pass(day - 1);
      await own.bring(KeyId, ticket, material);
      await end();
      coffer.clock.pass(1);
      expect(await code(own.bring(KeyId, ticket, material))).to.equal('ExpiredImportTokenException');
      // Who began in time may still unwrap.
      coffer.clock.pass(600_000 - 1);
      await end();
      // Others' time has come before.
      expect(await own.wrappingKeys()).to.equal(1);
      coffer.clock.pass(1);
      expect(await end()).to.deep.equal({ ended: 1, failures: [] });
      expect(await own.wrappingKeys()).to.equal(0);
      expect(await code(own.bring(KeyId, ticket, material))).to.equal('ExpiredImportTokenException');
      coffer.clock.pass(7 * day);
      await end();
      expect(await code(own.bring(KeyId, ticket, material))).to.equal('InvalidImportTokenException');
      await own.encrypt(KeyId);
    });

    it('whose way the token has not are not made', async () => {
      const KeyId = await own.externalKey();
      const before = await own.wrappingKeys();
      expect(await code(own.parameters(KeyId, 'RSAES_OAEP_SHA_256'))).to.equal(
        'UnsupportedOperationException',
      );
      expect(await own.wrappingKeys()).to.equal(before);
    });
  });

  describe('a key that is destroyed', () => {
    const destroy = async (KeyId: string) => {
      await coffer.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 });
      coffer.clock.pass(7 * day);
      const { destroyed, failures } = await destroyDueKeys({ ...coffer, due });
      expect(failures).to.deep.equal([]);
      expect(destroyed).to.equal(1);
      const left = (await coffer.hsm.listObjects()).filter(({ keyId }) => keyId === KeyId);
      expect(left).to.deep.equal([]);
      expect(await own.wrappingKeys()).to.equal(0);
      expect(await code(coffer.call('DescribeKey', { KeyId }))).to.equal('NotFoundException');
    };
    beforeEach(async () => {
      coffer.clock.pass(2 * day);
      await end();
    });

    it('takes its imported materials, one that waits and its wrapping keys along', async () => {
      const KeyId = await own.externalKey();
      const ticket = await own.parameters(KeyId);
      const ImportType = 'NEW_KEY_MATERIAL';
      await own.bring(KeyId, ticket, randomBytes(32));
      await own.bring(KeyId, ticket, randomBytes(32), { ImportType });
      await coffer.call('RotateKeyOnDemand', { KeyId });
      await own.bring(KeyId, ticket, randomBytes(32), { ImportType });
      expect(await own.objects(KeyId)).to.equal(3);
      await destroy(KeyId);
    });

    it('takes both halves of a pair along', async () => {
      const KeyId = await own.externalKey({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
      const algorithm = 'RSA_AES_KEY_WRAP_SHA_1';
      const ticket = await own.parameters(KeyId, algorithm);
      await own.bring(KeyId, ticket, newMaterialOf('ECC_NIST_P256'), { algorithm });
      await destroy(KeyId);
    });

    it('has no material where none was ever imported', async () => {
      const KeyId = await own.externalKey();
      await own.parameters(KeyId);
      await destroy(KeyId);
    });
  });
});
