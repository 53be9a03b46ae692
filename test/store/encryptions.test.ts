import { copyFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import fc from 'fast-check';
import { KmsError } from '../../src/errors.ts';
import { type EncryptionCounts, Encryptions, encryptionLimit } from '../../src/keys/encryptions.ts';
import type { Key } from '../../src/keys/key.ts';
import { openStoreWriter } from '../../src/store/sqlite/open.ts';
import type { StoreWriter } from '../../src/store/store.ts';
import { addKey, clock, type MadeKey, scope } from '../contract/store/fixture.ts';
import { makeFolder } from './sqlite/place.ts';

describe('the count of encryptions', () => {
  let place: ReturnType<typeof makeFolder>;
  let writer: StoreWriter;
  beforeEach(async () => {
    place = makeFolder();
    writer = await openStoreWriter(place.file, clock);
    await writer.createAccount(scope.account, 'main');
  });
  afterEach(async () => {
    await writer.close();
    place.remove();
  });

  const counts = (limit = encryptionLimit): EncryptionCounts & { asked: number } => {
    const self = {
      asked: 0,
      reserve(material: Parameters<EncryptionCounts['reserve']>[0], encryptions: number) {
        self.asked += 1;
        return writer.reserveEncryptions(material, encryptions, limit);
      },
    };
    return self;
  };
  const refusal = (promise: Promise<unknown> | undefined) =>
    promise?.then(
      () => expect.fail('it was allowed'),
      (error: unknown) => (error instanceof KmsError ? error.code : String(error)),
    );

  it('waits for the first encryption of a process, and for none after it', async () => {
    const key = await addKey(writer);
    const asking = counts();
    const encryptions = new Encryptions(asking);
    const first = encryptions.spend(key);
    expect(first).to.be.instanceOf(Promise);
    await first;
    const some = 1_500_000;
    let waits = 0;
    for (let spent = 1; spent < some; spent += 1) {
      if (encryptions.spend(key) !== undefined) waits += 1;
      // A real request takes longer than this: what has been asked for meanwhile may come.
      if (spent % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(waits).to.equal(0);
    expect(asking.asked).to.be.below(7);
    expect(await writer.mostEncryptions()).to.be.at.least(some);
  });

  it('never understates, whatever the processes do and wherever they die', async () => {
    const steps = fc.array(
      fc.record({
        process: fc.nat({ max: 2 }),
        spends: fc.integer({ min: 0, max: 9_000 }),
        dies: fc.boolean(),
      }),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const key = await addKey(writer);
        const processes = [0, 1, 2].map(() => new Encryptions(counts()));
        let made = 0;
        for (const { process, spends, dies } of given) {
          const encryptions = processes[process];
          const spending: Promise<void>[] = [];
          for (let spent = 0; spent < spends; spent += 1) {
            const waiting = encryptions?.spend(key);
            if (waiting !== undefined) spending.push(waiting);
          }
          await Promise.all(spending);
          made += spends;
          if (dies) processes[process] = new Encryptions(counts());
          expect(countOf(key)).to.be.at.least(made);
        }
      }),
      { numRuns: 25 },
    );
  });

  /** Past the writer. */
  const countOf = (key: MadeKey): number => {
    const database = new DatabaseSync(place.file, { readOnly: true });
    const row = database
      .prepare('select encryptions from materials where material_id = ?')
      .get(key.currentMaterialId);
    database.close();
    return Number(row?.encryptions);
  };

  it('ends at the limit, to the block, and is refused from there on', async () => {
    const key = await addKey(writer);
    const material = { ...scope, keyId: key.keyId, materialId: key.currentMaterialId };
    expect(await writer.reserveEncryptions(material, encryptionLimit - 4096, encryptionLimit)).to.equal(true);
    const encryptions = new Encryptions(counts());
    for (let spent = 0; spent < 4096; spent += 1) await encryptions.spend(key);
    expect(await refusal(encryptions.spend(key))).to.equal('KMSInvalidStateException');
    expect(await refusal(new Encryptions(counts()).spend(key))).to.equal('KMSInvalidStateException');
    expect(countOf(key)).to.equal(encryptionLimit);
    expect(await writer.reserveEncryptions(material, 1, encryptionLimit)).to.equal(false);
  });

  it('is the material’s, which another has nothing of, and no change that caches hear of', async () => {
    const [key, other] = [await addKey(writer), await addKey(writer)];
    const before = await writer.changeSequence();
    const encryptions = new Encryptions(counts());
    await encryptions.spend(key);
    expect([countOf(key), countOf(other)]).to.deep.equal([4096, 0]);
    expect(await writer.changeSequence()).to.equal(before);
    const nobody = { ...scope, keyId: key.keyId, materialId: other.currentMaterialId };
    expect(await writer.reserveEncryptions(nobody, 1, encryptionLimit)).to.equal(false);
  });

  it('fails the encryption where the count can not be written, and goes on when it can', async () => {
    const key = await addKey(writer);
    let broken = true;
    const real = counts();
    const encryptions = new Encryptions({
      reserve: (...given) => (broken ? Promise.reject(new Error('no disk')) : real.reserve(...given)),
    });
    expect(await refusal(encryptions.spend(key))).to.equal('Error: no disk');
    broken = false;
    await encryptions.spend(key);
    expect(countOf(key)).to.equal(4096);
  });

  describe('of a store that was restored from a backup', () => {
    const reopen = async () => {
      writer = await openStoreWriter(place.file, clock);
    };
    const spend = async (key: Key, times: number) => {
      for (let time = 0; time < times; time += 1) await new Encryptions(counts()).spend(key);
    };

    it('has all that was encrypted since, for every key, once', async () => {
      const [one, two] = [await addKey(writer), await addKey(writer)];
      await spend(one, 3);
      await writer.close();
      copyFileSync(place.file, `${place.file}.backup`);
      await reopen();
      expect(writer.uncounted).to.equal(0);
      await spend(one, 2);
      await spend(two, 5);
      await writer.close();
      copyFileSync(`${place.file}.backup`, place.file);

      await reopen();
      expect(writer.uncounted).to.equal(7 * 4096);
      expect(countOf(one)).to.equal((3 + 7) * 4096);
      expect(countOf(two)).to.equal(7 * 4096);
      await spend(two, 1);
      await writer.close();
      await reopen();
      expect(writer.uncounted).to.equal(0);
      expect(countOf(two)).to.equal(8 * 4096);
    });

    it('counts nothing for keys that encrypt in other ways, or not at all', async () => {
      const symmetric = await addKey(writer);
      const pair = await addKey(writer, { keySpec: 'RSA_2048' });
      await writer.close();
      copyFileSync(place.file, `${place.file}.backup`);
      await reopen();
      await spend(symmetric, 1);
      await writer.close();
      copyFileSync(`${place.file}.backup`, place.file);
      await reopen();
      expect([countOf(symmetric), countOf(pair)]).to.deep.equal([4096, 0]);
    });

    it('and of one that was not, or whose mark is gone, is as it was', async () => {
      const key = await addKey(writer);
      await spend(key, 2);
      const mark = `${place.file}.encryptions`;
      expect(statSync(mark).mode & 0o777).to.equal(0o600);
      for (const spoil of [() => rmSync(mark), () => truncateSync(mark, 7)]) {
        await writer.close();
        spoil();
        await reopen();
        expect(writer.uncounted).to.equal(0);
        await spend(key, 1);
      }
      expect(countOf(key)).to.equal(4 * 4096);
    });
  });
});
