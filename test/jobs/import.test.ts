import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { DueTime } from '../../src/jobs/due.ts';
import { expireMaterials } from '../../src/jobs/expire.ts';
import { creationMilliseconds, Unfinished } from '../../src/jobs/reconcile.ts';
import { encryptionLimit } from '../../src/keys/encryptions.ts';
import { type Assembly, assemble } from './assembly.ts';
import { dying } from './dying.ts';
import { importing, nothingWrong, type Ticket } from './import.ts';

describe('an import that dies half-way, on a real token and store', () => {
  let coffer: Assembly;
  let own: ReturnType<typeof importing>;
  before(async function () {
    this.timeout(30_000);
    coffer = await assemble();
    own = importing(coffer);
    await coffer.hsm.capabilities();
  });
  after(() => coffer.close());

  /** Parts that die the nth time they come to a step. */
  const dieAt = (name: string) => {
    const [step = '', nth = '1'] = name.split(' #');
    let times = 0;
    return dying(coffer, (at) => at === step && ++times === Number(nth));
  };
  const tried = (work: Promise<unknown>) =>
    work.then(
      () => true,
      () => false,
    );
  const restart = async () => {
    await new Unfinished(coffer).abandonAll();
    expect(await own.difference()).to.deep.equal(nothingWrong);
  };

  const wrappingSteps = [
    'wrapping-key-creating',
    'after wrapping-key-creating',
    'createWrappingKey',
    'after createWrappingKey',
    'wrapping-key-created',
    'after wrapping-key-created',
  ];
  for (const step of wrappingSteps) {
    it(`at \`${step}\` leaves no wrapping key that nobody knows of`, async () => {
      const KeyId = await own.externalKey();
      const before = await own.wrappingKeys();
      expect(await tried(own.parameters(KeyId, undefined, dieAt(step)))).to.equal(false);
      await restart();
      // Where it is ready, its import token may have reached somebody: it stays for its time.
      expect(await own.wrappingKeys()).to.equal(step === 'after wrapping-key-created' ? before + 1 : before);
    });
  }

  const importSteps = [
    'importKey',
    'after importKey',
    'material-importing',
    'after material-importing',
    'importKey #2',
    'after importKey #2',
    'material-imported',
    'after material-imported',
  ];
  for (const step of importSteps) {
    it(`of new material at \`${step}\` leaves a key that takes it, or has it`, async () => {
      const KeyId = await own.externalKey();
      const ticket = await own.parameters(KeyId);
      const material = randomBytes(32);
      const over = dieAt(step);
      expect(await tried(own.bring(KeyId, ticket, material, { over }))).to.equal(false);
      const isThere = step === 'after material-imported';
      expect(await own.stateOf(KeyId)).to.equal(isThere ? 'Enabled' : 'PendingImport');
      await restart();
      expect(await own.objects(KeyId)).to.equal(isThere ? 1 : 0);
      expect(await own.stateOf(KeyId)).to.equal(isThere ? 'Enabled' : 'PendingImport');
      // Nothing was ever imported: it may as well be other material.
      const id = await own.bring(KeyId, ticket, isThere ? material : randomBytes(32));
      expect(await own.decrypt(await own.encrypt(KeyId))).to.equal(id);
    });

    it(`of the same material at \`${step}\` leaves a key that takes it again, or has it`, async () => {
      const KeyId = await own.externalKey();
      const ticket = await own.parameters(KeyId);
      const material = randomBytes(32);
      const id = await own.bring(KeyId, ticket, material);
      const blob = await own.encrypt(KeyId);
      await coffer.call('DeleteImportedKeyMaterial', { KeyId });
      // Who is told that it is gone needn't wait for a job.
      expect(await own.objects(KeyId)).to.equal(0);
      const over = dieAt(step.replace('material-importing', 'material-importing-again'));
      expect(await tried(own.bring(KeyId, ticket, material, { over }))).to.equal(false);
      await restart();
      expect(await own.bring(KeyId, ticket, material)).to.equal(id);
      expect(await own.decrypt(blob)).to.equal(id);
      expect(await own.objects(KeyId)).to.equal(1);
    });
  }

  const deletionSteps = [
    'material-deleting',
    'after material-deleting',
    'material-abandoning',
    'after material-abandoning',
    'destroyKey',
    'after destroyKey',
    'material-abandoned',
    'after material-abandoned',
  ];
  for (const step of deletionSteps) {
    it(`on its way back at \`${step}\` leaves it where it was, or gone`, async () => {
      const KeyId = await own.externalKey();
      const ticket = await own.parameters(KeyId);
      const material = randomBytes(32);
      const id = await own.bring(KeyId, ticket, material);
      const blob = await own.encrypt(KeyId);
      await tried(coffer.callWith(dieAt(step), 'DeleteImportedKeyMaterial', { KeyId }));
      const isThere = step === 'material-deleting';
      expect(await own.stateOf(KeyId)).to.equal(isThere ? 'Enabled' : 'PendingImport');
      await restart();
      expect(await own.objects(KeyId)).to.equal(isThere ? 1 : 0);
      const deletions = (await coffer.records()).filter(
        ({ eventName, errorCode, resources }) =>
          eventName === 'DeleteImportedKeyMaterial' &&
          errorCode === undefined &&
          resources.some(({ ARN }) => ARN.endsWith(KeyId)),
      );
      expect(deletions).to.have.length(isThere ? 0 : 1);
      expect(await own.bring(KeyId, ticket, material)).to.equal(id);
      expect(await own.decrypt(blob)).to.equal(id);
    });
  }

  it('and whose wrapping key no row tells of is told of itself, and left alone', async () => {
    const stranger = randomBytes(16).toString('hex');
    const kind = ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT'] as const;
    await coffer.hsm.createWrappingKey(stranger, 'RSA_2048', 'RSAES_OAEP_SHA_1', ...kind);
    await new Unfinished(coffer).abandonAll();
    const findings = await own.difference();
    expect(findings.map(({ kind, subject }) => [kind, subject])).to.deep.equal([
      ['unexplained-wrapping-key', stranger],
    ]);
    await coffer.hsm.destroyWrappingKey(stranger);
    await restart();
  });

  it('is taken back by a service that runs on, after a while', async () => {
    const KeyId = await own.externalKey();
    const ticket = await own.parameters(KeyId);
    const unfinished = new Unfinished(coffer);
    const over = dieAt('after importKey #2');
    expect(await tried(own.bring(KeyId, ticket, randomBytes(32), { over }))).to.equal(false);
    expect(await unfinished.abandonOld()).to.equal(0);
    coffer.clock.pass(creationMilliseconds - 1);
    expect(await unfinished.abandonOld()).to.equal(0);
    expect(await own.objects(KeyId)).to.equal(1);
    coffer.clock.pass(1);
    expect(await unfinished.abandonOld()).to.equal(1);
    expect(await own.objects(KeyId)).to.equal(0);
    expect(await own.difference()).to.deep.equal(nothingWrong);
  });

  it('is one of several at once: one wins, and all who brought the same are told its name', async () => {
    const KeyId = await own.externalKey();
    const ticket = await own.parameters(KeyId);
    const material = randomBytes(32);
    const results = await Promise.allSettled(
      Array.from({ length: 4 }, () => own.bring(KeyId, ticket, material)),
    );
    const names = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(names.length).to.be.at.least(1);
    expect(new Set(names).size).to.equal(1);
    expect(await own.objects(KeyId)).to.equal(1);
    await own.encrypt(KeyId);
    await restart();
  });

  it('is told of in the trail: what was asked, where it was unwrapped, and nothing that opens anything', async () => {
    const KeyId = await own.externalKey();
    const ticket = await own.parameters(KeyId);
    const id = await own.bring(KeyId, ticket, randomBytes(32), { KeyMaterialDescription: 'mine' });
    const ARN = `arn:aws:kms:us-east-1:111122223333:key/${KeyId}`;
    const records = (await coffer.records()).filter(({ resources }) =>
      resources.some((one) => one.ARN === ARN),
    );
    const told = records.map(
      ({ eventName, readOnly, requestParameters, responseElements, additionalEventData }) => [
        eventName,
        readOnly,
        requestParameters,
        responseElements,
        additionalEventData,
      ],
    );
    expect(told.slice(1)).to.deep.equal([
      [
        'GetParametersForImport',
        true,
        { keyId: KeyId, wrappingAlgorithm: 'RSAES_OAEP_SHA_1', wrappingKeySpec: 'RSA_2048' },
        { keyId: ARN, parametersValidTo: ticket.ParametersValidTo },
        { unwrapsIn: 'token' },
      ],
      [
        'ImportKeyMaterial',
        false,
        { keyId: KeyId, expirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE', keyMaterialDescription: 'mine' },
        { keyId: ARN, keyMaterialId: id },
        { unwrappedIn: 'token' },
      ],
    ]);
  });

  it('counts the encryptions of a material whatever comes between, and new material goes on from none', async () => {
    const KeyId = await own.externalKey();
    const ticket = await own.parameters(KeyId);
    const material = randomBytes(32);
    await own.bring(KeyId, ticket, material);
    const key = (await coffer.identities.findKey(coffer.scope, KeyId)) ?? expect.fail();
    const { currentMaterialId: materialId = '' } = key;
    const place = { ...coffer.scope, keyId: KeyId, materialId };
    expect(await coffer.store.reserveEncryptions(place, encryptionLimit, encryptionLimit)).to.equal(true);
    await coffer.call('DeleteImportedKeyMaterial', { KeyId });
    await own.bring(KeyId, ticket, material);
    const worn = await own.encrypt(KeyId).then(
      () => expect.fail('it encrypted'),
      (error: unknown) => error,
    );
    expect(worn).to.include({ code: 'KMSInvalidStateException' });
    expect(String(worn)).to.include('import new key material and rotate the key');
    // It can't be done for its owner.
    const wornAt = 1;
    expect(await coffer.store.wornOut(wornAt, 9)).to.deep.equal([]);
    await own.bring(KeyId, ticket, randomBytes(32), { ImportType: 'NEW_KEY_MATERIAL' });
    await coffer.call('RotateKeyOnDemand', { KeyId });
    await own.encrypt(KeyId);
  });

  it('whatever sequence of imports, rotations, deletions, expirations and deaths: what a key can do is what it has', async function () {
    this.timeout(120_000);
    const deaths = [undefined, undefined, ...importSteps.slice(2), ...deletionSteps];
    const steps = fc.array(
      fc.record({
        type: fc.constantFrom('new', 'new', 'again', 'again', 'rotate', 'delete', 'expire', 'restart'),
        index: fc.nat({ max: 3 }),
        death: fc.constantFrom(...deaths),
        expires: fc.boolean(),
      }),
      { minLength: 4, maxLength: 14 },
    );
    let ticket: Ticket;
    let KeyId: string;
    const pool = Array.from({ length: 4 }, () => randomBytes(32));
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        KeyId = await own.externalKey();
        ticket = await own.parameters(KeyId);
        const due = new DueTime(coffer.clock);
        const blobs: string[] = [];
        for (const { type, index, death, expires } of given) {
          const over = death === undefined ? {} : dieAt(death);
          const material = pool[index] ?? expect.fail();
          const ValidTo = expires ? (coffer.clock.now() + 30_000) / 1000 : undefined;
          const expiring = ValidTo === undefined ? {} : { ValidTo };
          switch (type) {
            case 'new':
              await tried(
                own.bring(KeyId, ticket, material, { over, ImportType: 'NEW_KEY_MATERIAL', ...expiring }),
              );
              break;
            case 'again':
              await tried(own.bring(KeyId, ticket, material, { over, ...expiring }));
              break;
            case 'rotate':
              await tried(coffer.callWith(over, 'RotateKeyOnDemand', { KeyId }));
              break;
            case 'delete': {
              const all = await own.materials(KeyId);
              const KeyMaterialId = all[index % Math.max(1, all.length)]?.KeyMaterialId;
              await tried(coffer.callWith(over, 'DeleteImportedKeyMaterial', { KeyId, KeyMaterialId }));
              break;
            }
            case 'expire':
              coffer.clock.pass(60_000);
              await tried(expireMaterials({ ...coffer, ...over, due }));
              break;
            case 'restart':
              await restart();
              break;
          }
          const materials = await own.materials(KeyId);
          const held = materials.filter(({ KeyMaterialState }) => KeyMaterialState !== 'PENDING_ROTATION');
          const whole = held.length > 0 && held.every(({ ImportState }) => ImportState === 'IMPORTED');
          expect(await own.stateOf(KeyId)).to.equal(whole ? 'Enabled' : 'PendingImport');
          if (!whole) continue;
          blobs.push(await own.encrypt(KeyId));
          for (const blob of blobs) await own.decrypt(blob);
        }
        await restart();
        const there = (await own.materials(KeyId)).filter(({ ImportState }) => ImportState === 'IMPORTED');
        expect(await own.objects(KeyId)).to.equal(there.length);
        await coffer.call('ScheduleKeyDeletion', { KeyId });
      }),
      { numRuns: 12 },
    );
  });
});
