import {
  constants,
  createDecipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto';
import { expect } from 'chai';
import { headerBytes, parseCiphertext } from '../../../src/keys/ciphertext.ts';
import { canonicalContext } from '../../../src/keys/context.ts';
import type { Hsm, ImportResult, MaterialRef } from '../../../src/keys/hsm.ts';
import { macAlgorithms, type SigningFacts, signingAlgorithms } from '../../../src/keys/spec/algorithm.ts';
import {
  factsOf,
  isKeySpec,
  type KeySpec,
  type KeyUsage,
  keySpecs,
  usagesOf,
} from '../../../src/keys/spec/key-spec.ts';
import {
  mayWrap,
  type WrappingAlgorithm,
  type WrappingKeySpec,
  wrappingAlgorithms,
} from '../../../src/keys/spec/wrapping.ts';
import { newMaterial, outcomeOf } from '../../fault/load.ts';
import { startTier, type Tier, tokens } from './tier.ts';
import { wrap } from './wrap.ts';

const storeId = '00112233445566778899aabbccddeeff';
const context = canonicalContext({ purpose: 'import' });
const specs = Object.keys(keySpecs).filter(isKeySpec);
const algorithms = Object.keys(wrappingAlgorithms).filter((name): name is WrappingAlgorithm =>
  Object.hasOwn(wrappingAlgorithms, name),
);
const sha1 = (algorithm: WrappingAlgorithm) => algorithm.endsWith('SHA_1');

/** Whether a token unwraps it inside. */
const inToken: Readonly<
  Record<'SoftHSM 2' | 'NSS softokn', (spec: KeySpec, by: WrappingAlgorithm) => boolean>
> = {
  // OAEP with SHA-1 alone, and no PKCS#8 of Ed25519.
  'SoftHSM 2': (spec, by) => sha1(by) && factsOf(spec).family !== 'edwards',
  // Private keys come out with usages that weren't asked for.
  'NSS softokn': (spec) => ['aes', 'hmac'].includes(factsOf(spec).family),
};
const unable: Readonly<Record<'SoftHSM 2' | 'NSS softokn', readonly KeySpec[]>> = {
  'SoftHSM 2': [],
  'NSS softokn': ['ECC_SECG_P256K1', 'ECC_NIST_EDWARDS25519'],
};

/** Material, and for a pair its halves as node:crypto has them. */
interface Sample {
  readonly bytes: Buffer;
  readonly privateKey?: KeyObject;
  readonly publicKey?: KeyObject;
}

const rsaSamples = new Map<number, Sample>();

function sampleOf(keySpec: KeySpec): Sample {
  const facts = factsOf(keySpec);
  const ofPair = ({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): Sample => ({
    bytes: privateKey.export({ format: 'der', type: 'pkcs8' }),
    privateKey,
    publicKey,
  });
  switch (facts.family) {
    case 'aes':
    case 'hmac':
      return { bytes: randomBytes(facts.secretBytes) };
    case 'rsa': {
      const { modulusBits } = facts;
      const known =
        rsaSamples.get(modulusBits) ?? ofPair(generateKeyPairSync('rsa', { modulusLength: modulusBits }));
      rsaSamples.set(modulusBits, known);
      return known;
    }
    case 'ec':
      return ofPair(generateKeyPairSync('ec', { namedCurve: facts.curve }));
    case 'edwards':
      return ofPair(generateKeyPairSync('ed25519'));
    case 'ml-dsa':
      throw new Error('not imported');
    default:
      return facts satisfies never;
  }
}

/** Whether the token does with the imported key what node:crypto does with the same material. */
async function agrees(hsm: Hsm, material: MaterialRef, keySpec: KeySpec, keyUsage: KeyUsage, sample: Sample) {
  const facts = factsOf(keySpec);
  const message = randomBytes(100);
  if (facts.family === 'aes') {
    const blob = await hsm.encrypt(material, context, message);
    const parsed = parseCiphertext(blob);
    if (parsed === undefined) return false;
    const decipher = createDecipheriv('aes-256-gcm', sample.bytes, parsed.iv);
    decipher.setAAD(Buffer.concat([blob.subarray(0, headerBytes), context])).setAuthTag(parsed.tag);
    const opened = Buffer.concat([decipher.update(parsed.ciphertext), decipher.final()]);
    return opened.equals(message) && (await hsm.decrypt(blob, context)).equals(message);
  }
  if (facts.family === 'hmac') {
    const [algorithm] = facts.usages.GENERATE_VERIFY_MAC ?? [];
    if (algorithm === undefined) return false;
    const expected = createHmac(macAlgorithms[algorithm].hash, sample.bytes).update(message).digest();
    return expected.equals(await hsm.mac(material, algorithm, message));
  }
  const { privateKey, publicKey } = sample;
  if (privateKey === undefined || publicKey === undefined) return false;
  if (keyUsage === 'KEY_AGREEMENT' && facts.family === 'ec') {
    const peer = generateKeyPairSync('ec', { namedCurve: facts.curve });
    const spki = peer.publicKey.export({ format: 'der', type: 'spki' });
    const expected = diffieHellman({ privateKey, publicKey: peer.publicKey });
    return expected.equals(await hsm.deriveSharedSecret(material, spki));
  }
  if (keyUsage === 'ENCRYPT_DECRYPT') {
    const padding = constants.RSA_PKCS1_OAEP_PADDING;
    const ciphertext = publicEncrypt({ key: publicKey, padding, oaepHash: 'sha256' }, message);
    return (await hsm.rsaDecrypt(material, 'RSAES_OAEP_SHA_256', ciphertext)).equals(message);
  }
  for (const algorithm of facts.usages.SIGN_VERIFY ?? []) {
    if (algorithm === 'ED25519_PH_SHA_512') continue;
    const { scheme, hash: name, saltBytes }: SigningFacts = signingAlgorithms[algorithm];
    const data = name === undefined ? message : hash(name, message, 'buffer');
    const signature = await hsm.sign(material, algorithm, data);
    const key =
      scheme === 'RSASSA-PSS'
        ? { key: publicKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltBytes ?? 0 }
        : publicKey;
    if (!verify(name ?? null, message, key, signature)) return false;
  }
  return true;
}

for (const name of ['SoftHSM 2', 'NSS softokn'] as const) {
  for (const hostUnwrap of [false, true]) {
    describe(`imports over ${name}, hosts ${hostUnwrap ? 'may' : 'may not'} unwrap`, function () {
      this.timeout(60_000);
      let tier: Tier;
      let hsm: Hsm;
      const wrappingKeys = new Map<string, { wrappingId: string; publicKey: Buffer; inToken: boolean }>();
      const whereOf = (keySpec: KeySpec, by: WrappingAlgorithm) => {
        if (unable[name].includes(keySpec)) return undefined;
        return inToken[name](keySpec, by) ? 'token' : hostUnwrap ? 'host' : undefined;
      };

      /** A wrapping key of each kind is made once: RSA takes its time. */
      async function wrappingFor(
        keySpec: KeySpec,
        keyUsage: KeyUsage,
        by: WrappingAlgorithm,
        size: WrappingKeySpec = keySpec === 'ECC_NIST_P521' ? 'RSA_3072' : 'RSA_2048',
      ) {
        const key = `${whereOf(keySpec, by)} ${sha1(by)} ${size}`;
        const known = wrappingKeys.get(key);
        if (known !== undefined) return known;
        const wrappingId = randomBytes(16).toString('hex');
        const made = await hsm.createWrappingKey(wrappingId, size, by, keySpec, keyUsage);
        wrappingKeys.set(key, { wrappingId, ...made });
        return { wrappingId, ...made };
      }

      async function importing(
        keySpec: KeySpec,
        keyUsage: KeyUsage,
        by: WrappingAlgorithm,
        bytes: Buffer,
        more: {
          material?: MaterialRef;
          expected?: Buffer;
          tamper?: (wrapped: Buffer) => Buffer;
          keyBytes?: number;
        } = {},
      ): Promise<ImportResult> {
        const { wrappingId, publicKey } = await wrappingFor(keySpec, keyUsage, by);
        const wrapped = wrap(publicKey, by, bytes, more.keyBytes);
        return hsm.importKey({
          material: more.material ?? newMaterial(),
          keySpec,
          keyUsage,
          wrappingId,
          wrappingAlgorithm: by,
          wrapped: more.tamper?.(wrapped) ?? wrapped,
          expectedFingerprint: more.expected,
        });
      }

      before(async () => {
        tier = await startTier(tokens[name], { hostUnwrap });
        hsm = tier.connect();
        await hsm.claim(storeId);
      });
      after(() => tier.close());

      it('are possible where the token unwraps, or a host may', async () => {
        const { imports } = await hsm.capabilities();
        const expected = specs.flatMap((keySpec) =>
          usagesOf(keySpec).flatMap((keyUsage) =>
            algorithms
              .filter((by) => mayWrap(keySpec, by, 'RSA_4096'))
              .map((by) => `${keySpec} ${keyUsage} ${by} ${whereOf(keySpec, by)}`),
          ),
        );
        expect(
          imports.map((way) => `${way.keySpec} ${way.keyUsage} ${way.wrappingAlgorithm} ${way.where}`),
        ).to.have.members(expected);
        for (const { where, problem } of imports) expect(problem === undefined).to.equal(where !== undefined);
        expect(await hsm.listObjects()).to.have.length(5);
      });

      it('that aren’t possible get no wrapping key, and leave nothing', async () => {
        const before = await hsm.listObjects();
        for (const keySpec of specs) {
          for (const by of algorithms) {
            const [keyUsage = 'SIGN_VERIFY'] = usagesOf(keySpec);
            if (!mayWrap(keySpec, by, 'RSA_4096') || whereOf(keySpec, by) !== undefined) continue;
            const id = randomBytes(16).toString('hex');
            expect(await outcomeOf(hsm.createWrappingKey(id, 'RSA_4096', by, keySpec, keyUsage))).to.equal(
              'unsupported',
            );
          }
        }
        const id = randomBytes(16).toString('hex');
        for (const [keySpec, by] of [
          ['RSA_2048', 'RSAES_OAEP_SHA_256'],
          ['SYMMETRIC_DEFAULT', 'RSA_AES_KEY_WRAP_SHA_1'],
          ['ML_DSA_44', 'RSA_AES_KEY_WRAP_SHA_1'],
        ] as const) {
          const [keyUsage = 'SIGN_VERIFY'] = usagesOf(keySpec);
          expect(await outcomeOf(hsm.createWrappingKey(id, 'RSA_2048', by, keySpec, keyUsage))).to.equal(
            'internal',
          );
        }
        expect(await hsm.listObjects()).to.have.deep.members(before);
      });

      // Where hosts may unwrap, both ways are taken.
      for (const keySpec of hostUnwrap ? specs : specs.filter((spec) => factsOf(spec).family === 'aes')) {
        for (const keyUsage of usagesOf(keySpec)) {
          const possible = algorithms.filter(
            (by) => mayWrap(keySpec, by, 'RSA_3072') && whereOf(keySpec, by) !== undefined,
          );
          if (possible.length === 0) continue;
          it(`${keySpec} for ${keyUsage} does what its material does outside, however it came`, async () => {
            const sample = sampleOf(keySpec);
            const keyId = newMaterial().keyId;
            const fingerprints = new Set<string>();
            for (const by of possible) {
              const material = { ...newMaterial(), keyId };
              const result = await importing(keySpec, keyUsage, by, sample.bytes, { material });
              expect(result).to.include({ imported: true, inToken: whereOf(keySpec, by) === 'token' });
              const spki = sample.publicKey?.export({ format: 'der', type: 'spki' });
              expect(result.publicKey).to.deep.equal(spki);
              if (spki !== undefined) expect(await hsm.publicKey(material)).to.deep.equal(spki);
              fingerprints.add(result.fingerprint.toString('hex'));
              expect(await agrees(hsm, material, keySpec, keyUsage, sample), by).to.equal(true);
              const kinds = (await hsm.listObjects()).filter(({ id }) => id === material.materialId);
              expect(kinds.map(({ kind }) => kind)).to.have.members(
                spki ? ['material', 'public'] : ['material'],
              );
              expect(await hsm.destroyKey(material)).to.equal(true);
              expect((await hsm.listObjects()).some(({ id }) => id === material.materialId)).to.equal(false);
            }
            expect(fingerprints.size, 'fingerprints of the same material').to.equal(1);
          });
        }
      }

      const [by] = algorithms.filter((name) => whereOf('SYMMETRIC_DEFAULT', name) !== undefined);
      if (by === undefined) return;

      it('of other material, or for another key, have another fingerprint', async () => {
        const bytes = randomBytes(32);
        const keyId = newMaterial().keyId;
        const first = await importing('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', by, bytes, {
          material: { ...newMaterial(), keyId },
        });
        const other = await importing('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', by, randomBytes(32), {
          material: { ...newMaterial(), keyId },
        });
        const elsewhere = await importing('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', by, bytes);
        const prints = [first, other, elsewhere].map(({ fingerprint }) => fingerprint.toString('hex'));
        expect(new Set(prints).size).to.equal(3);
        expect(first.fingerprint).to.have.length(32);
      });

      it('again take the same material alone, whether its object is there or gone', async () => {
        const sample = sampleOf('SYMMETRIC_DEFAULT');
        const material = newMaterial();
        const again = (bytes: Buffer, expected?: Buffer) =>
          importing('SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT', by, bytes, {
            material,
            ...(expected && { expected }),
          });
        const { fingerprint } = await again(sample.bytes);
        const blob = await hsm.encrypt(material, context, Buffer.from('plaintext'));
        expect(await outcomeOf(again(sample.bytes)), 'without a word of it').to.equal('internal');
        expect(await again(sample.bytes, fingerprint)).to.include({ imported: true });
        expect(await again(randomBytes(32), fingerprint)).to.include({ imported: false });
        expect(String(await hsm.decrypt(blob, context))).to.equal('plaintext');
        expect(await hsm.destroyKey(material)).to.equal(true);
        expect(await again(randomBytes(32), fingerprint)).to.include({ imported: false });
        expect(await outcomeOf(hsm.decrypt(blob, context)), 'nothing was made').to.equal('missing-object');
        expect(await again(sample.bytes, fingerprint)).to.include({ imported: true });
        expect(String(await hsm.decrypt(blob, context))).to.equal('plaintext');
      });

      it('of anything but the material are refused alike, and leave nothing', async () => {
        const before = await hsm.listObjects();
        const count = before.filter(({ kind }) => kind === 'material').length;
        const flip = (at: number) => (wrapped: Buffer) => {
          const changed = Buffer.from(wrapped);
          const index = at < 0 ? wrapped.length + at : at;
          changed[index] = (changed[index] ?? 0) ^ 1;
          return changed;
        };
        const rows: [KeySpec, Buffer, ((wrapped: Buffer) => Buffer)?][] = [
          ['SYMMETRIC_DEFAULT', randomBytes(32), flip(20)],
          ['SYMMETRIC_DEFAULT', randomBytes(32), (wrapped) => wrapped.subarray(1)],
          ['SYMMETRIC_DEFAULT', randomBytes(32), (wrapped) => Buffer.alloc(wrapped.length)],
          ['SYMMETRIC_DEFAULT', randomBytes(32), (wrapped) => Buffer.alloc(wrapped.length, 0xff)],
          ...[1, 16, 24, 31, 33, 48, 64].map((size): [KeySpec, Buffer] => [
            'SYMMETRIC_DEFAULT',
            randomBytes(size),
          ]),
          ['HMAC_256', randomBytes(31)],
          ['HMAC_256', randomBytes(48)],
          ['HMAC_512', randomBytes(63)],
          ['ECC_NIST_P256', sampleOf('ECC_NIST_P384').bytes],
          ['ECC_NIST_P256', sampleOf('ECC_SECG_P256K1').bytes],
          ['ECC_NIST_P256', randomBytes(32)],
          ['RSA_3072', sampleOf('RSA_2048').bytes],
          ['RSA_2048', sampleOf('ECC_NIST_P256').bytes],
          ['RSA_2048', sampleOf('RSA_2048').bytes, flip(300)],
          ['RSA_2048', sampleOf('RSA_2048').bytes, flip(9)],
          ['RSA_2048', sampleOf('RSA_2048').bytes, (wrapped) => wrapped.subarray(0, 256)],
          ['RSA_2048', sampleOf('RSA_2048').bytes, (wrapped) => wrapped.subarray(0, -8)],
        ];
        let tried = 0;
        for (const [keySpec, bytes, tamper] of rows) {
          const [keyUsage = 'SIGN_VERIFY'] = usagesOf(keySpec);
          for (const way of algorithms) {
            if (!mayWrap(keySpec, way, 'RSA_2048') || whereOf(keySpec, way) === undefined) continue;
            const outcome = await outcomeOf(importing(keySpec, keyUsage, way, bytes, tamper && { tamper }));
            expect(outcome, `${keySpec} ${way} of ${bytes.length} bytes`).to.equal('invalid-ciphertext');
            tried++;
          }
        }
        expect(tried).to.be.above(10);
        const after = await hsm.listObjects();
        expect(after.filter(({ kind }) => kind === 'material')).to.have.length(count);
        expect(after.some(({ kind }) => kind === 'unknown' || kind === 'shell')).to.equal(false);
      });

      it('use the wrapping key that they were made for, until it is destroyed', async () => {
        const id = randomBytes(16).toString('hex');
        const made = await hsm.createWrappingKey(id, 'RSA_4096', by, 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT');
        expect(
          createPublicKey({ key: made.publicKey, format: 'der', type: 'spki' }).asymmetricKeyDetails,
        ).to.include({
          modulusLength: 4096,
        });
        const mine = async () => (await hsm.listObjects()).filter((object) => object.id === id);
        expect((await mine()).map(({ kind }) => kind)).to.have.members(['wrapping', 'public']);
        const again = hsm.createWrappingKey(id, 'RSA_2048', by, 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT');
        expect(await outcomeOf(again)).to.equal('internal');
        const posing = { ...newMaterial(), materialId: id };
        expect(await outcomeOf(hsm.rsaDecrypt(posing, 'RSAES_OAEP_SHA_1', Buffer.alloc(512, 1)))).to.equal(
          'internal',
        );
        expect(await outcomeOf(hsm.destroyKey(posing))).to.equal('internal');
        const order = () => ({
          material: newMaterial(),
          keySpec: 'SYMMETRIC_DEFAULT' as const,
          keyUsage: 'ENCRYPT_DECRYPT' as const,
          wrappingId: id,
          wrappingAlgorithm: by,
          wrapped: wrap(made.publicKey, by, randomBytes(32)),
        });
        expect(await hsm.importKey(order())).to.include({ imported: true, inToken: made.inToken });
        expect(await hsm.destroyWrappingKey(id)).to.equal(true);
        expect(await hsm.destroyWrappingKey(id)).to.equal(false);
        expect(await mine()).to.deep.equal([]);
        expect(await outcomeOf(hsm.importKey(order()))).to.equal('missing-object');
      });
    });
  }
}
