import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { type Service, startService } from '../service.ts';
import { seeded } from './facts.ts';
import { creationsSettled, readStore, readTrail, verifyToken } from './verify.ts';

const rounds = Number(process.env.COFFER_CRASH_ROUNDS ?? 6);
const seed = Number(process.env.COFFER_CRASH_SEED ?? Date.now() % 1_000_000);

interface RotatedKey {
  readonly keyId: string;
  readonly blobs: { readonly text: string; readonly blob: Uint8Array | undefined }[];
  /** Rotations that were answered. */
  rotated: number;
}

describe('killed with -9 in the middle of rotations', () => {
  let service: Service;
  before(async function () {
    this.timeout(60_000);
    service = await startService({ workers: 2, hosts: 2 });
  });
  after(async () => {
    await service?.remove();
  });

  it(`every ciphertext decrypts and every object is accounted for (COFFER_CRASH_SEED=${seed})`, async function () {
    this.timeout(300_000);
    const random = seeded(seed);
    const keys: RotatedKey[] = [];
    for (let round = 0; round < rounds; round += 1) {
      if (service.pids().length === 0) await service.start();
      const client = service.client();
      const mine: RotatedKey[] = [];
      for (let count = 0; count < 4; count += 1) {
        const { KeyMetadata } = await client.createKey({});
        mine.push({ keyId: KeyMetadata?.KeyId ?? '', blobs: [], rotated: 0 });
      }
      keys.push(...mine);
      let killed = false;
      const busy = mine.flatMap((key) => [
        (async () => {
          for (; key.rotated < 25; key.rotated += 1) await client.rotateKeyOnDemand({ KeyId: key.keyId });
        })(),
        (async () => {
          for (let count = 0; !killed; count += 1) {
            const text = `${key.keyId} ${count}`;
            const { CiphertextBlob: blob } = await client.encrypt({
              KeyId: key.keyId,
              Plaintext: Buffer.from(text),
            });
            key.blobs.push({ text, blob });
          }
        })(),
      ]);
      const ended = Promise.allSettled(busy);
      await pause(20 + random() * 250);
      await service.kill9();
      killed = true;
      await ended;
      client.destroy();
    }

    await service.start();
    await creationsSettled(service);
    const client = service.client();
    for (const { keyId, blobs, rotated } of keys) {
      const materials = new Set<string | undefined>();
      for (const { text, blob } of blobs) {
        const { Plaintext, KeyMaterialId } = await client.decrypt({ CiphertextBlob: blob });
        expect(Buffer.from(Plaintext ?? []).toString()).to.equal(text);
        materials.add(KeyMaterialId);
      }
      const { Rotations = [] } = await client.listKeyRotations({
        KeyId: keyId,
        IncludeKeyMaterial: 'ALL_KEY_MATERIAL',
      });
      // The last one may have been done without an answer.
      expect(Rotations.length - 1, keyId).to.be.oneOf([rotated, rotated + 1]);
      expect(Rotations.map(({ KeyMaterialId }) => KeyMaterialId)).to.include.members([...materials]);
      if (rotated < 25) await client.rotateKeyOnDemand({ KeyId: keyId });
      await client.encrypt({ KeyId: keyId, Plaintext: Buffer.from('still') });
    }
    expect(await service.stop()).to.equal(0);

    const rows = readStore(service.storeFile);
    expect(rows.materials.filter(({ state }) => state !== 'Ready')).to.deep.equal([]);
    expect(await verifyToken(service, rows), 'shells').to.be.at.most(rounds);
    const records = (await readTrail(service.trailFolder)).filter(({ errorCode }) => errorCode === undefined);
    const events = (name: string, keyId: string) =>
      records.filter(
        ({ eventName, resources }) => eventName === name && resources.some(({ ARN }) => ARN.endsWith(keyId)),
      ).length;
    const counts = countsOf(service.storeFile);
    for (const { keyId, blobs } of keys) {
      const made = rows.materials.filter((row) => row.keyId === keyId).length - 1;
      expect([events('RotateKeyOnDemand', keyId), events('RotateKey', keyId)], keyId).to.deep.equal([
        made,
        made,
      ]);
      expect(counts.get(keyId), `encryptions of ${keyId}`).to.be.above(blobs.length);
    }
    expect(keys.some(({ rotated }) => rotated > 0)).to.equal(true);
  });
});

/** Encryptions counted for a key, of all its materials. */
function countsOf(file: string): Map<string, number> {
  const database = new DatabaseSync(file, { readOnly: true });
  const rows = database
    .prepare('select key_id, sum(encryptions) as made from materials group by key_id')
    .all();
  database.close();
  return new Map(rows.map(({ key_id, made }) => [String(key_id), Number(made)]));
}
