import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { type Disk, mountDisk } from '../disk.ts';
import { type Service, startService } from '../service.ts';
import { type Facts, noFacts, seeded } from './facts.ts';
import { startLoad } from './load.ts';
import { creationsSettled, readStore, readTrail, verifyService, verifyToken, verifyTrail } from './verify.ts';

const internal = 'KMSInternalException';

const cases = [
  { what: 'the disk of store and trail', store: true, trail: true },
  { what: 'the disk of the trail alone', store: false, trail: true },
  { what: 'the disk of the store alone', store: true, trail: false },
];

describe('a full disk', () => {
  for (const { what, store, trail } of cases) {
    describe(what, () => {
      let disk: Disk;
      let service: Service;

      before(async function () {
        this.timeout(60_000);
        const mounted = mountDisk();
        if (mounted === undefined) {
          console.error('      mounting a tmpfs is not permitted here');
          return this.skip();
        }
        disk = mounted;
        if (store) mkdirSync(join(disk.folder, 'store'), { mode: 0o700 });
        service = await startService({
          ...(store && { storeFile: join(disk.folder, 'store/coffer.db') }),
          ...(trail && { trailFolder: join(disk.folder, 'trail') }),
        });
      });

      after(async () => {
        await service?.remove();
        disk?.unmount();
      });

      it('fails requests and changes nothing; with space again, all is well again', async function () {
        this.timeout(60_000);
        const facts = noFacts();
        const random = seeded(7);
        const client = service.client();
        const work = async (milliseconds: number, refusals: readonly string[]) => {
          const load = startLoad(client, facts, random, { actors: 6, refusals });
          await pause(milliseconds);
          await load.stop();
        };

        await work(400, []);
        // It runs full under load, at whatever place of whatever write.
        disk.fill(150_000);
        await work(1_500, [internal]);
        disk.fill(0);
        await work(300, [internal]);
        expect(refusals(facts)).to.be.above(10);
        await refusedWhileFull(client, facts, trail);

        disk.free();
        await healed(client, facts);
        await work(400, []);
        expect(facts.unanswered, 'every request was answered').to.equal(0);

        await verifyService(client, facts);
        const { Keys } = await client.listKeys({ Limit: 1_000 });
        expect(new Set(Keys?.map(({ KeyId }) => KeyId))).to.deep.equal(new Set(facts.keys.keys()));
        // A start clears up what the full disk left half made.
        expect(await service.stop()).to.equal(0);
        await service.start();
        await creationsSettled(service);
        expect(await service.stop()).to.equal(0);
        const rows = readStore(service.storeFile);
        const records = await readTrail(service.trailFolder);
        verifyTrail(records, rows, facts, trail ? { unrecorded: internal } : {});
        expect(await verifyToken(service, rows)).to.equal(0);
      });
    });
  }
});

function refusals(facts: Facts): number {
  return [...facts.answered.values()].filter(({ error }) => error !== undefined).length;
}

/**
 * Each kind of request comes to fail, and for nothing but an internal error. Not at once: the last page of a file
 * and a log that SQLite writes again from its beginning still take some.
 */
async function refusedWhileFull(client: KMS, facts: Facts, trail: boolean): Promise<void> {
  const enabled = ({ keyId }: { keyId: string }) => {
    const states = facts.keys.get(keyId)?.states;
    return states?.length === 1 && states[0] === 'Enabled';
  };
  const made = facts.ciphertexts.find(enabled) ?? expect.fail('nothing was encrypted');
  const { keyId: KeyId, blob: CiphertextBlob, context: EncryptionContext } = made;
  const untilRefused = async (request: (attempt: number) => Promise<unknown>) => {
    for (let attempt = 0; attempt < 500; attempt++) {
      try {
        await request(attempt);
      } catch (error) {
        expect(error).to.have.property('name', internal);
        return;
      }
    }
    expect.fail(`never refused: ${String(request)}`);
  };
  await untilRefused(async () => {
    const { KeyMetadata } = await client.createKey({ Description: 'full' });
    const keyId = KeyMetadata?.KeyId ?? '';
    facts.keys.set(keyId, { keyId, states: ['Enabled'], description: ['full'] });
  });
  await untilRefused(async (attempt) => {
    const aliasName = `alias/full/${attempt}`;
    await client.createAlias({ AliasName: aliasName, TargetKeyId: KeyId });
    facts.aliases.set(aliasName, { aliasName, target: KeyId, existence: ['there'] });
  });
  const readOnly = [
    // Not Encrypt: a process that has not used the key yet must count first what it will encrypt.
    () => client.decrypt({ CiphertextBlob, EncryptionContext }),
    () => client.describeKey({ KeyId }),
  ];
  // What changes nothing needs the trail alone.
  for (const ask of readOnly) await (trail ? untilRefused(ask) : ask());
}

/** Waits until a key can be made again: the service does so by itself. */
async function healed(client: KMS, facts: Facts): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      const { KeyMetadata } = await client.createKey({ Description: 'healed' });
      const keyId = KeyMetadata?.KeyId ?? '';
      facts.keys.set(keyId, { keyId, states: ['Enabled'], description: ['healed'] });
      return;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== internal || Date.now() > deadline) throw error;
      await pause(50);
    }
  }
}
