import { expect } from 'chai';
import { parseCiphertext } from '../../src/keys/ciphertext.ts';
import type { Hsm, MaterialRef, TokenObject } from '../../src/keys/hsm.ts';
import { dateIn, newMaterial, outcomeOf, roundTrip } from '../fault/load.ts';
import { eventually } from '../fault/process.ts';
import { destroyObject, plantObject } from '../fault/session.ts';
import { makeTier, type Tier } from '../fault/tier.ts';

const storeId = '00112233445566778899aabbccddeeff';
const context = Buffer.from('context');
const plaintext = Buffer.from('plaintext');

/** What an API process that was taken over can do with the hosts it is attached to. */
describe('a client that is attached and means harm', () => {
  let tier: Tier;
  let hsm: Hsm;
  let objects: readonly TokenObject[];
  const mine: MaterialRef = newMaterial();
  const other: MaterialRef = newMaterial();

  before(async () => {
    tier = makeTier({ hosts: 1 });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim(storeId);
    await hsm.generateKey(mine);
    await hsm.generateKey(other);
    objects = await hsm.listObjects();
    expect(objects.map(({ kind }) => kind)).to.have.members([
      'canary',
      'trail',
      'sealing',
      'checkpoint',
      'public',
      'material',
      'material',
    ]);
  });
  afterEach(async () => {
    expect(await hsm.listObjects()).to.have.deep.members([...objects]);
    expect((await hsm.identity()).storeId).to.equal(storeId);
    expect(await roundTrip(hsm, mine)).to.equal('ok');
  });
  after(() => tier.close());

  for (const kind of ['canary', 'trail', 'sealing', 'checkpoint'] as const) {
    it(`can't use or destroy the ${kind} object as if it were a master key`, async () => {
      const materialId = objects.find((object) => object.kind === kind)?.id ?? '';
      const posing: MaterialRef = { keyId: mine.keyId, materialId };
      const blob = await hsm.encrypt(mine, context, plaintext);
      const header = Buffer.concat([blob.subarray(0, 17), Buffer.from(materialId, 'hex'), blob.subarray(33)]);
      const attempts: Record<string, Promise<unknown>> = {
        encrypt: hsm.encrypt(posing, context, plaintext),
        decrypt: hsm.decrypt(header, context),
        reEncrypt: hsm.reEncrypt(blob, context, posing, context),
        generateDataKey: hsm.generateDataKey(posing, context, 32),
        generateKey: hsm.generateKey(posing),
      };
      for (const [name, attempt] of Object.entries(attempts)) {
        expect(await outcomeOf(attempt), name).to.not.equal('ok');
      }
      expect(await hsm.destroyKey(posing).catch(() => false)).to.equal(false);
    });
  }

  it("can't destroy or replace a material under the name of another key", async () => {
    const posing: MaterialRef = { keyId: mine.keyId, materialId: other.materialId };
    expect(await hsm.destroyKey(posing).catch(() => false)).to.equal(false);
    expect(await outcomeOf(hsm.encrypt(posing, context, plaintext))).to.not.equal('ok');
    expect(await outcomeOf(hsm.generateKey(posing))).to.not.equal('ok');
    expect(await outcomeOf(hsm.generateKey(other))).to.not.equal('ok');
    expect(await roundTrip(hsm, other)).to.equal('ok');
  });

  it("can't destroy a key of another program's that has no label", async () => {
    const theirs = newMaterial();
    await plantObject(tier, theirs.materialId);
    expect(await outcomeOf(hsm.destroyKey(theirs))).to.equal('internal');
    // Which finds that it is there.
    await destroyObject(tier, theirs.materialId);
    expect(await hsm.destroyKey(theirs)).to.equal(false);
  });

  it("can't have a signing key of another service or of years to come", async () => {
    const aad = Buffer.from('aad');
    const { sealed } = await hsm.createAccessKeySecret(aad);
    for (const [date, region, service] of [
      ['20991231', 'us-east-1', 'kms'],
      [dateIn(0), 'us-east-1', 's3'],
    ] as const) {
      expect(await outcomeOf(hsm.deriveSigningKey(aad, sealed, date, region, service))).to.equal('internal');
    }
  });

  it("can't make the token another store's", async () => {
    expect(await outcomeOf(hsm.claim('ffeeddccbbaa99887766554433221100'))).to.not.equal('ok');
  });

  it("can't open a sealed secret as a ciphertext, or have a ciphertext taken for a sealed secret", async () => {
    const aad = Buffer.from('aad');
    const { secret, sealed } = await hsm.createAccessKeySecret(aad);
    expect(secret.toString()).to.match(/^[A-Za-z0-9+/]{40}$/);
    const derive = (given: Buffer, bytes: Buffer) =>
      outcomeOf(hsm.deriveSigningKey(given, bytes, dateIn(0), 'us-east-1', 'kms'));
    expect(await derive(aad, sealed)).to.equal('ok');
    expect(await derive(Buffer.from('another'), sealed)).to.equal('invalid-ciphertext');
    const blob = await hsm.encrypt(mine, context, secret);
    const bare = blob.subarray(34);
    expect(await derive(Buffer.concat([blob.subarray(0, 46), context]), bare)).to.equal('invalid-ciphertext');
    const posing = Buffer.concat([blob.subarray(0, 34), sealed]);
    expect(await outcomeOf(hsm.decrypt(posing, context))).to.equal('invalid-ciphertext');
  });

  it('never gets the same IV twice, also not from a host that took the place of another', async () => {
    const seen = new Set<string>();
    let count = 0;
    const encrypt = async () => {
      const iv = parseCiphertext(await hsm.encrypt(mine, context, plaintext))?.iv.toString('hex');
      if (iv !== undefined) seen.add(iv);
      count += 1;
    };
    for (let host = 0; host < 3; host++) {
      await Promise.all(Array.from({ length: 1_000 }, encrypt));
      process.kill(tier.hostPid(), 'SIGKILL');
      await eventually('served again', async () => (await roundTrip(hsm, mine)) === 'ok', 4_000);
    }
    expect(seen.size).to.equal(count).and.equal(3_000);
  });
});
