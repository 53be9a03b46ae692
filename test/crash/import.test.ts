import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { importInto, newExternalKey, type Parameters, parametersFor } from '../clients/importing.ts';
import { newMaterialOf } from '../contract/hsm/wrap.ts';
import { type Service, startService } from '../service.ts';
import { seeded } from './facts.ts';
import { creationsSettled, readStore, readTrail, verifyToken } from './verify.ts';

const rounds = Number(process.env.COFFER_CRASH_ROUNDS ?? 6);
const seed = Number(process.env.COFFER_CRASH_SEED ?? Date.now() % 1_000_000);

interface ImportedKey {
  readonly keyId: string;
  readonly material: Buffer;
  readonly parameters: Parameters;
  readonly blobs: Uint8Array[];
  /** Requests that were answered. */
  imported: number;
  deleted: number;
}

describe('killed with -9 in the middle of imports', () => {
  let service: Service;
  before(async function () {
    this.timeout(60_000);
    service = await startService({ workers: 2, hosts: 2 });
  });
  after(async () => {
    await service?.remove();
  });

  it(`material is there or not, and comes back; every object is accounted for (COFFER_CRASH_SEED=${seed})`, async function () {
    this.timeout(300_000);
    const random = seeded(seed);
    const keys: ImportedKey[] = [];
    const pairs: { readonly keyId: string; readonly material: Buffer; readonly parameters: Parameters }[] =
      [];
    for (let round = 0; round < rounds; round += 1) {
      if (service.pids().length === 0) await service.start();
      const client = service.client();
      const mine: ImportedKey[] = [];
      for (let count = 0; count < 2; count += 1) {
        const { id: keyId } = await newExternalKey(client);
        const parameters = await parametersFor(client, keyId);
        const material = randomBytes(32);
        mine.push({ keyId, material, parameters, blobs: [], imported: 0, deleted: 0 });
      }
      keys.push(...mine);
      const KeySpec = 'ECC_NIST_P256';
      const { id: keyId } = await newExternalKey(client, { KeySpec, KeyUsage: 'SIGN_VERIFY' });
      const parameters = await parametersFor(client, keyId, 'RSA_AES_KEY_WRAP_SHA_1');
      const pair = { keyId, material: newMaterialOf(KeySpec), parameters };
      pairs.push(pair);
      let killed = false;
      const busy = [
        ...mine.map(async (key) => {
          while (!killed) {
            await importInto(client, key.keyId, key.material, {}, key.parameters);
            key.imported += 1;
            const { CiphertextBlob } = await client.encrypt({
              KeyId: key.keyId,
              Plaintext: Buffer.from(key.keyId),
            });
            if (CiphertextBlob !== undefined) key.blobs.push(CiphertextBlob);
            await client.deleteImportedKeyMaterial({ KeyId: key.keyId });
            key.deleted += 1;
          }
        }),
        (async () => {
          while (!killed) {
            await importInto(client, pair.keyId, pair.material, {}, pair.parameters);
            await client.deleteImportedKeyMaterial({ KeyId: pair.keyId });
          }
        })(),
        parametersFor(client, keyId),
      ];
      const ended = Promise.allSettled(busy);
      await pause(20 + random() * 400);
      await service.kill9();
      killed = true;
      await ended;
      client.destroy();
    }

    await service.start();
    await creationsSettled(service);
    const client = service.client();
    for (const { keyId, material, parameters, blobs } of keys) {
      await importInto(client, keyId, material, {}, parameters);
      for (const CiphertextBlob of blobs) {
        const { Plaintext } = await client.decrypt({ CiphertextBlob });
        expect(Buffer.from(Plaintext ?? []).toString()).to.equal(keyId);
      }
    }
    for (const { keyId, material, parameters } of pairs) {
      await importInto(client, keyId, material, {}, parameters);
      await client.sign({ KeyId: keyId, Message: Buffer.from('x'), SigningAlgorithm: 'ECDSA_SHA_256' });
    }
    expect(await service.stop()).to.equal(0);

    const rows = readStore(service.storeFile);
    expect(rows.materials.map(({ importState }) => importState)).to.deep.equal(
      [...keys, ...pairs].map(() => 'Imported'),
    );
    expect(rows.wrappingKeys.filter(({ state }) => state !== 'Ready')).to.deep.equal([]);
    expect(await verifyToken(service, rows), 'shells').to.be.at.most(rounds);
    const records = (await readTrail(service.trailFolder)).filter(({ errorCode }) => errorCode === undefined);
    for (const { keyId, imported, deleted } of keys) {
      const events = (name: string) =>
        records.filter(
          ({ eventName, resources }) =>
            eventName === name && resources.some(({ ARN }) => ARN.endsWith(keyId)),
        ).length;
      // The last of a round may have been done without an answer; the last of all came after it.
      expect(events('ImportKeyMaterial'), keyId).to.be.oneOf([imported + 1, imported + 2]);
      expect(events('DeleteImportedKeyMaterial'), keyId).to.be.oneOf([deleted, deleted + 1]);
    }
    expect(keys.some(({ imported }) => imported > 0)).to.equal(true);
  });
});
