import { createHmac, createPublicKey, randomBytes, randomUUID, verify } from 'node:crypto';
import { expect } from 'chai';
import { connectHsm } from '../../../src/hsm/client.ts';
import { overheadBytes, parseCiphertext } from '../../../src/keys/ciphertext.ts';
import { canonicalContext } from '../../../src/keys/context.ts';
import {
  type Hsm,
  HsmError,
  type HsmErrorKind,
  type MaterialRef,
  trailCheckpointDomain,
} from '../../../src/keys/hsm.ts';
import { dateIn, trailGroup } from '../../fault/load.ts';
import { log, startTier, type Tier, tokens } from './tier.ts';

const storeId = '00112233445566778899aabbccddeeff';
const context = canonicalContext({ purpose: 'contract' });
const none = canonicalContext({});

function newMaterial(keyId = randomUUID()): MaterialRef {
  return { keyId, materialId: randomBytes(16).toString('hex') };
}

async function kindOf(promise: Promise<unknown>): Promise<HsmErrorKind | 'ok'> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    if (error instanceof HsmError) return error.kind;
    throw error;
  }
}

/** A SigV4 signing key as the AWS general reference makes it, from the secret that was shown once. */
function signingKey(secret: Buffer, date: string, region: string, service: string): Buffer {
  const step = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  return step(step(step(step(Buffer.from(`AWS4${secret}`), date), region), service), 'aws4_request');
}

for (const [name, token] of Object.entries(tokens)) {
  describe(`the Hsm port over ${name}`, function () {
    this.timeout(30_000);
    let tier: Tier;
    let hsm: Hsm;
    const material = newMaterial();

    before(async () => {
      tier = await startTier(token);
      hsm = tier.connect();
    });
    after(() => tier.close());

    it('is claimed once, for one store', async () => {
      const before = await hsm.identity();
      expect(before).to.include({ label: tier.config.label, objects: 0 });
      expect(before.storeId).to.equal(undefined);
      await hsm.claim(storeId);
      expect(await hsm.identity()).to.include({ storeId, objects: 3 });
      await hsm.claim(storeId);
      expect(await hsm.identity()).to.include({ storeId, objects: 3 });
      expect(await kindOf(hsm.claim('ff'.repeat(16)))).to.equal('internal');
      expect(await hsm.identity()).to.include({ storeId, objects: 3 });
    });

    it('generates a key, once for an id', async () => {
      await hsm.generateKey(material);
      expect(await kindOf(hsm.generateKey(material))).to.equal('internal');
      expect(await kindOf(hsm.generateKey({ ...newMaterial(), materialId: material.materialId }))).to.equal(
        'internal',
      );
      const made = (await hsm.listObjects()).filter(({ id }) => id === material.materialId);
      expect(made).to.have.length(1);
      expect(made[0]).to.include({ kind: 'material', keyId: material.keyId });
    });

    it('decrypts what it encrypted, from one byte to 4,096', async () => {
      for (const size of [1, 15, 16, 17, 255, 4096]) {
        const plaintext = randomBytes(size);
        const blob = await hsm.encrypt(material, context, plaintext);
        expect(blob).to.have.length(size + overheadBytes);
        expect(parseCiphertext(blob)).to.include({ ...material });
        expect((await hsm.decrypt(blob, context)).equals(plaintext)).to.equal(true);
      }
    });

    it('takes contexts from none to 64 KiB', async () => {
      for (const size of [0, 1, 46, 8_192, 65_536]) {
        const long = Buffer.alloc(size, 'c');
        const blob = await hsm.encrypt(material, long, Buffer.from('plaintext'));
        expect(String(await hsm.decrypt(blob, long))).to.equal('plaintext');
        expect(await kindOf(hsm.decrypt(blob, Buffer.alloc(size + 1, 'c')))).to.equal('invalid-ciphertext');
      }
    });

    it('never uses an IV twice', async () => {
      const blobs = await Promise.all(
        Array.from({ length: 500 }, () => hsm.encrypt(material, none, Buffer.from('x'))),
      );
      expect(new Set(blobs.map((blob) => parseCiphertext(blob)?.iv.toString('hex'))).size).to.equal(500);
    });

    it('answers many at once, each its own', async () => {
      const plaintexts = Array.from({ length: 300 }, (_, index) => Buffer.from(`plaintext ${index}`));
      const blobs = await Promise.all(
        plaintexts.map((plaintext) => hsm.encrypt(material, context, plaintext)),
      );
      const opened = await Promise.all(blobs.map((blob) => hsm.decrypt(blob, context)));
      expect(opened.map(String)).to.deep.equal(plaintexts.map(String));
    });

    it('refuses another context', async () => {
      const blob = await hsm.encrypt(material, context, Buffer.from('plaintext'));
      expect(await kindOf(hsm.decrypt(blob, none))).to.equal('invalid-ciphertext');
    });

    it('refuses a blob with any one of its bytes changed', async () => {
      const other = newMaterial();
      await hsm.generateKey(other);
      const blob = await hsm.encrypt(material, context, Buffer.from('plaintext'));
      const kinds = new Set<string>();
      for (let at = 0; at < blob.length; at++) {
        const tampered = Buffer.from(blob);
        tampered[at] = (tampered[at] ?? 0) ^ 0x40;
        const kind = await kindOf(hsm.decrypt(tampered, context));
        // The material's id names the object: another id names none.
        const expected = at >= 17 && at < 33 ? ['missing-object'] : ['invalid-ciphertext'];
        expect(expected, `byte ${at}`).to.include(kind);
        kinds.add(kind);
      }
      expect([...kinds]).to.have.members(['invalid-ciphertext', 'missing-object']);
      const moved = Buffer.from(blob);
      Buffer.from(other.materialId, 'hex').copy(moved, 17);
      expect(await kindOf(hsm.decrypt(moved, context)), 'the material of another key').to.equal(
        'invalid-ciphertext',
      );
      expect(String(await hsm.decrypt(blob, context)), 'and the session still serves').to.equal('plaintext');
    });

    it('refuses a blob that is cut', async () => {
      const blob = await hsm.encrypt(material, context, Buffer.from('plaintext'));
      for (const length of [0, 1, 45, 46, 62, blob.length - 1]) {
        expect(await kindOf(hsm.decrypt(blob.subarray(0, length), context))).to.equal('invalid-ciphertext');
      }
    });

    it('re-encrypts to another key and context', async () => {
      const destination = newMaterial();
      await hsm.generateKey(destination);
      const blob = await hsm.encrypt(material, context, Buffer.from('plaintext'));
      const moved = await hsm.reEncrypt(blob, context, destination, none);
      expect(parseCiphertext(moved)).to.include({ ...destination });
      expect(String(await hsm.decrypt(moved, none))).to.equal('plaintext');
      expect(await kindOf(hsm.reEncrypt(blob, none, destination, none))).to.equal('invalid-ciphertext');
    });

    it('makes data keys that their blobs hold', async () => {
      for (const length of [1, 16, 32, 1024]) {
        const { plaintext, blob } = await hsm.generateDataKey(material, context, length);
        expect(plaintext).to.have.length(length);
        expect((await hsm.decrypt(blob, context)).equals(plaintext)).to.equal(true);
        const sealed = await hsm.generateDataKeyWithoutPlaintext(material, context, length);
        expect(await hsm.decrypt(sealed, context)).to.have.length(length);
      }
    });

    it('makes random bytes, no two the same', async () => {
      const drawn = await Promise.all(Array.from({ length: 100 }, () => hsm.random(16)));
      expect(new Set(drawn.map((bytes) => bytes.toString('hex'))).size).to.equal(100);
      const long = await hsm.random(1024);
      expect(long).to.have.length(1024);
      expect(new Set(long).size).to.be.above(200);
    });

    it('makes the same MAC of the same bytes on every host', async () => {
      const macs = await Promise.all(Array.from({ length: 20 }, () => hsm.trailMac(trailGroup())));
      expect(new Set(macs.map((mac) => mac.toString('hex'))).size).to.equal(1);
      expect(macs[0]).to.have.length(32);
      expect((await hsm.trailMac(trailGroup(2))).equals(macs[0] ?? Buffer.alloc(0))).to.equal(false);
    });

    it('makes a MAC of nothing but what a group of a trail is', async () => {
      const group = trailGroup();
      for (const data of [
        Buffer.from('anything'),
        group.subarray(1),
        Buffer.concat([group, Buffer.alloc(1)]),
      ]) {
        expect(await kindOf(hsm.trailMac(data))).to.equal('internal');
      }
    });

    it('signs checkpoints of the trail, and its public key verifies them on every host', async () => {
      const keys = await Promise.all(Array.from({ length: 4 }, () => hsm.trailPublicKey()));
      expect(new Set(keys.map((key) => key.toString('hex'))).size).to.equal(1);
      const publicKey = createPublicKey({ key: keys[0] ?? Buffer.alloc(0), format: 'der', type: 'spki' });
      expect(publicKey.asymmetricKeyDetails).to.deep.equal({ namedCurve: 'prime256v1' });
      // Enough that r and s begin with a set bit, and with a zero byte, now and then.
      for (let round = 0; round < 300; round++) {
        const checkpoint = Buffer.concat([trailCheckpointDomain, Buffer.from(`heads ${round}`)]);
        const signature = await hsm.trailSign(checkpoint);
        expect(verify('sha256', checkpoint, publicKey, signature)).to.equal(true);
        expect(verify('sha256', checkpoint.subarray(1), publicKey, signature)).to.equal(false);
      }
    });

    it('signs nothing but a checkpoint with the checkpoint key', async () => {
      const checkpoint = Buffer.concat([trailCheckpointDomain, Buffer.from('heads')]);
      for (const data of [
        Buffer.from('anything'),
        trailCheckpointDomain,
        checkpoint.subarray(1),
        trailGroup(),
        Buffer.concat([checkpoint, Buffer.alloc(4096)]),
      ]) {
        expect(await kindOf(hsm.trailSign(data))).to.equal('internal');
      }
    });

    it('draws access-key secrets, seals them, and derives signing keys from them', async () => {
      const aad = Buffer.from('AKIA one');
      const { secret, sealed } = await hsm.createAccessKeySecret(aad);
      expect(secret.toString('latin1')).to.match(/^[A-Za-z0-9+/]{40}$/);
      expect(sealed.includes(secret)).to.equal(false);
      const scope = [dateIn(0), 'eu-central-1', 'kms'] as const;
      const key = await hsm.deriveSigningKey(aad, sealed, ...scope);
      expect(key.equals(signingKey(secret, ...scope))).to.equal(true);
      expect(await kindOf(hsm.deriveSigningKey(Buffer.from('AKIA two'), sealed, ...scope))).to.equal(
        'invalid-ciphertext',
      );
      for (const [date, region, service] of [
        [dateIn(0), 'eu-central-1', 's3'],
        [dateIn(3), 'eu-central-1', 'kms'],
        [dateIn(-10), 'eu-central-1', 'kms'],
        [dateIn(0), 'anywhere', 'kms'],
      ] as const) {
        expect(await kindOf(hsm.deriveSigningKey(aad, sealed, date, region, service))).to.equal('internal');
      }
      const changed = Buffer.from(sealed);
      changed[20] = (changed[20] ?? 0) ^ 1;
      expect(await kindOf(hsm.deriveSigningKey(aad, changed, ...scope))).to.equal('invalid-ciphertext');
    });

    it('shows a key that one host made to the other at once', async () => {
      for (let round = 0; round < 5; round++) {
        const fresh = newMaterial();
        await hsm.generateKey(fresh);
        const kinds = await Promise.all(
          Array.from({ length: 8 }, () => kindOf(hsm.encrypt(fresh, none, Buffer.from('x')))),
        );
        expect(new Set(kinds)).to.deep.equal(new Set(['ok']));
      }
    });

    it('destroys a key for every host, and once', async () => {
      const doomed = newMaterial();
      await hsm.generateKey(doomed);
      const blobs = await Promise.all(
        Array.from({ length: 8 }, () => hsm.encrypt(doomed, none, Buffer.from('x'))),
      );
      expect(await hsm.destroyKey(doomed)).to.equal(true);
      expect(await hsm.destroyKey(doomed)).to.equal(false);
      const kinds = await Promise.all(blobs.map((blob) => kindOf(hsm.decrypt(blob, none))));
      expect(new Set(kinds)).to.deep.equal(new Set(['missing-object']));
      expect((await hsm.listObjects()).some(({ id }) => id === doomed.materialId)).to.equal(false);
      expect(await kindOf(hsm.encrypt(material, none, Buffer.from('x')))).to.equal('ok');
    });

    it('destroys nothing that another key’s name claims', async () => {
      const posing = { ...newMaterial(), materialId: material.materialId };
      expect(await kindOf(hsm.destroyKey(posing))).to.equal('internal');
      expect(await kindOf(hsm.encrypt(material, none, Buffer.from('x')))).to.equal('ok');
    });

    it('refuses what no frame may hold, and keeps the connection', async () => {
      const large = Buffer.alloc(4097);
      expect(await kindOf(hsm.encrypt(material, none, large))).to.equal('internal');
      expect(await kindOf(hsm.encrypt(material, none, Buffer.alloc(0)))).to.equal('internal');
      expect(await kindOf(hsm.random(0))).to.equal('internal');
      expect(await kindOf(hsm.random(1.5))).to.equal('internal');
      expect(await kindOf(hsm.generateDataKey(material, none, 1025))).to.equal('internal');
      expect(await kindOf(hsm.encrypt({ keyId: 'x', materialId: 'y' }, none, Buffer.from('x')))).to.equal(
        'internal',
      );
      expect(await kindOf(hsm.claim('short'))).to.equal('internal');
      expect((await hsm.checkHealth()).hosts).to.deep.equal(
        [0, 1].map((index) => ({ index, connected: true, problem: undefined, restarts: 0 })),
      );
    });

    it('serves a second client beside the first', async () => {
      const second = connectHsm({ ...tier.config, log });
      const blob = await second.encrypt(material, context, Buffer.from('plaintext'));
      expect(String(await hsm.decrypt(blob, context))).to.equal('plaintext');
      await second.close();
      expect(await kindOf(second.random(1))).to.equal('unavailable');
      expect(await kindOf(hsm.random(1))).to.equal('ok');
    });
  });
}
