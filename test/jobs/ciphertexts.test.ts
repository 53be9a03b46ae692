import { expect } from 'chai';
import fc from 'fast-check';
import { KmsError } from '../../src/errors.ts';
import { compareStoreAndToken } from '../../src/jobs/compare.ts';
import { DueTime } from '../../src/jobs/due.ts';
import { Unfinished } from '../../src/jobs/reconcile.ts';
import { rotateDueKeys } from '../../src/jobs/rotate.ts';
import { wornAtEncryptions } from '../../src/keys/encryptions.ts';
import { type Assembly, assemble } from './assembly.ts';
import { day } from './clock.ts';

/** What may happen to a key. `dies`: at which of the job's changes to the store the process ends, if it lives so long. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ type: 'encrypt' } as const) },
  { weight: 2, arbitrary: fc.constant({ type: 'on-demand' } as const) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('job' as const),
      days: fc.constantFrom(0, 1, 90, 400),
      dies: fc.nat({ max: 5 }),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  fc.constant({ type: 'restart' } as const),
  fc.constant({ type: 'disable' } as const),
  fc.constant({ type: 'race' } as const),
);

describe('whatever sequence of rotations and deaths, on a real token and store', () => {
  let coffer: Assembly;
  before(async () => {
    coffer = await assemble();
  });
  after(() => coffer.close());

  /** What the job does, by so many processes at once, each of which may die at one of its changes. */
  async function work(due: DueTime, times: number, dies: number): Promise<void> {
    const run = () => {
      let changes = 0;
      return rotateDueKeys({
        ...coffer,
        due,
        wornAt: wornAtEncryptions,
        changes: {
          apply(change, record) {
            changes += 1;
            const dead = dies > 0 && changes >= dies;
            return dead ? Promise.reject(new Error('died')) : coffer.changes.apply(change, record);
          },
        },
      }).catch(() => undefined);
    };
    await Promise.all(Array.from({ length: times }, run));
  }

  const done = (promise: Promise<unknown>, ...codes: string[]) =>
    promise.then(
      () => true,
      (error: unknown) => {
        if (error instanceof KmsError && codes.includes(error.code)) return false;
        throw error;
      },
    );

  it('every ciphertext decrypts, each date rotated once, and nothing is unaccounted for', async function () {
    this.timeout(60_000);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
        const KeyId = await coffer.createKey();
        await coffer.call('EnableKeyRotation', { KeyId, RotationPeriodInDays: 90 });
        const due = new DueTime(coffer.clock);
        const blobs: string[] = [];
        for (const what of steps) {
          switch (what.type) {
            case 'encrypt':
              blobs.push(String((await coffer.call('Encrypt', { KeyId, Plaintext: 'AAAA' })).CiphertextBlob));
              break;
            case 'on-demand':
              await done(
                coffer.call('RotateKeyOnDemand', { KeyId }),
                'ConflictException',
                'LimitExceededException',
              );
              break;
            case 'job':
              coffer.clock.pass(what.days * day);
              await work(due, what.times, what.dies);
              break;
            case 'restart':
              await new Unfinished(coffer).abandonAll();
              break;
            case 'disable':
              // While one is asked for: whichever comes first, nothing of the other is left.
              await Promise.all([
                coffer.call('DisableKey', { KeyId }),
                done(
                  coffer.call('RotateKeyOnDemand', { KeyId }),
                  'ConflictException',
                  'DisabledException',
                  'LimitExceededException',
                ),
              ]);
              await coffer.call('EnableKey', { KeyId });
              break;
            case 'race':
              await Promise.all([
                done(
                  coffer.call('RotateKeyOnDemand', { KeyId }),
                  'ConflictException',
                  'LimitExceededException',
                ),
                done(
                  coffer.call('RotateKeyOnDemand', { KeyId }),
                  'ConflictException',
                  'LimitExceededException',
                ),
                work(due, 1, 0),
              ]);
              break;
          }
          for (const CiphertextBlob of blobs) {
            expect((await coffer.call('Decrypt', { CiphertextBlob })).Plaintext).to.equal('AAAA');
          }
        }
        await new Unfinished(coffer).abandonAll();
        expect((await compareStoreAndToken(coffer)).findings).to.deep.equal([]);
        await work(due, 1, 0);
        expect(await coffer.store.dueForRotation(due.now(), 1)).to.deep.equal([]);

        const dates = steps.reduce((days, what) => days + (what.type === 'job' ? what.days : 0), 0) / 90;
        const { Rotations } = await coffer.call<{ Rotations: { RotationType: string }[] }>(
          'ListKeyRotations',
          { KeyId },
        );
        const automatic = Rotations.filter(({ RotationType }) => RotationType === 'AUTOMATIC').length;
        expect(automatic).to.be.at.most(Math.floor(dates));
        expect(automatic > 0).to.equal(dates >= 1);
        const records = (await coffer.records()).filter(
          ({ eventName, resources }) =>
            eventName === 'RotateKey' && resources.some(({ ARN }) => ARN.endsWith(KeyId)),
        );
        expect(records).to.have.length(Rotations.length);
        await coffer.call('DisableKeyRotation', { KeyId });
      }),
      { numRuns: 30 },
    );
  });
});
