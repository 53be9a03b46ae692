import {
  constants,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hash,
  type KeyObject,
  publicEncrypt,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { Crypto } from '@peculiar/webcrypto';
import { expect } from 'chai';
import { parseCiphertext } from '../../../src/keys/ciphertext.ts';
import { canonicalContext } from '../../../src/keys/context.ts';
import type { Hsm, MaterialRef } from '../../../src/keys/hsm.ts';
import {
  encryptionAlgorithms,
  oaepLimit,
  type SigningAlgorithm,
  type SigningFacts,
  signingAlgorithms,
} from '../../../src/keys/spec/algorithm.ts';
import {
  algorithmsOf,
  factsOf,
  isDataKeyPairSpec,
  isPairSpec,
  type KeySpec,
  type KeyUsage,
  keySpecs,
  usagesOf,
} from '../../../src/keys/spec/key-spec.ts';
import { newMaterial, outcomeOf } from '../../fault/load.ts';
import { startTier, type Tier, tokens } from './tier.ts';

const storeId = '00112233445566778899aabbccddeeff';
const context = canonicalContext({ purpose: 'contract' });
const { subtle } = new Crypto();
const specs = Object.keys(keySpecs).filter((name): name is KeySpec => name in keySpecs);

/** What each token can't do. */
const lacks: Readonly<Record<keyof typeof tokens, readonly KeySpec[]>> = {
  'SoftHSM 2': ['ML_DSA_44', 'ML_DSA_65', 'ML_DSA_87'],
  'NSS softokn': ['ECC_SECG_P256K1', 'ECC_NIST_EDWARDS25519', 'ML_DSA_44', 'ML_DSA_65', 'ML_DSA_87'],
};
/** RSAES_OAEP_SHA_256 that the host takes the padding off. */
const inHost: Readonly<Record<keyof typeof tokens, readonly string[]>> = {
  'SoftHSM 2': ['RSAES_OAEP_SHA_256'],
  'NSS softokn': [],
};

function spkiKey(der: Buffer | undefined): KeyObject {
  return createPublicKey({ key: der ?? Buffer.alloc(0), format: 'der', type: 'spki' });
}

/** WebCrypto takes no view into memory that may be shared. */
function bytes(buffer: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}

/** Verifies a signature as AWS KMS gives it, with node:crypto. */
function verifies(algorithm: SigningAlgorithm, message: Buffer, key: KeyObject, signature: Buffer): boolean {
  const { scheme, hash: name, saltBytes }: SigningFacts = signingAlgorithms[algorithm];
  const padding = constants.RSA_PKCS1_PSS_PADDING;
  return scheme === 'RSASSA-PSS'
    ? verify(name, message, { key, padding, saltLength: saltBytes ?? 0 }, signature)
    : verify(name ?? null, message, key, signature);
}

/** What the key is given of a message. */
function input(algorithm: SigningAlgorithm, message: Buffer): Buffer {
  const { hash: name }: SigningFacts = signingAlgorithms[algorithm];
  return name === undefined ? message : hash(name, message, 'buffer');
}

for (const name of ['SoftHSM 2', 'NSS softokn'] as const) {
  describe(`keys of every spec over ${name}`, function () {
    this.timeout(60_000);
    let tier: Tier;
    let hsm: Hsm;
    const able = (keySpec: KeySpec) => !lacks[name].includes(keySpec);
    /** Keys that were made, so that RSA takes its time once. */
    const made = new Map<string, { material: MaterialRef; publicKey: Buffer | undefined }>();
    const key = async (keySpec: KeySpec, keyUsage: KeyUsage) => {
      const kept = made.get(`${keySpec} ${keyUsage}`);
      if (kept !== undefined) return kept;
      const material = newMaterial();
      const publicKey = await hsm.generateKey(material, keySpec, keyUsage);
      made.set(`${keySpec} ${keyUsage}`, { material, publicKey });
      return { material, publicKey };
    };

    before(async () => {
      tier = await startTier(tokens[name]);
      hsm = tier.connect();
      await hsm.claim(storeId);
    });
    after(() => tier.close());

    it('are what the token is found to do, by doing it', async () => {
      const capabilities = await hsm.capabilities();
      const found = capabilities.keys;
      expect(found.map(({ keySpec, keyUsage }) => `${keySpec} ${keyUsage}`)).to.have.members(
        specs.flatMap((keySpec) => usagesOf(keySpec).map((keyUsage) => `${keySpec} ${keyUsage}`)),
      );
      for (const { keySpec, keyUsage, algorithms, inHost: host, problem } of found) {
        const expected = able(keySpec)
          ? algorithmsOf(keySpec, keyUsage).filter((algorithm) => algorithm !== 'ED25519_PH_SHA_512')
          : [];
        expect(algorithms, `${keySpec} ${keyUsage}`).to.have.members(expected);
        if (algorithms.length < algorithmsOf(keySpec, keyUsage).length) expect(problem).to.be.a('string');
        const rsaDecrypts = factsOf(keySpec).family === 'rsa' && keyUsage === 'ENCRYPT_DECRYPT';
        expect(host).to.have.members(rsaDecrypts ? inHost[name] : []);
      }
      expect(await hsm.capabilities()).to.equal(capabilities);
      expect(await hsm.listObjects()).to.have.length(5);
    });

    it('that the token can’t make are refused as unsupported, and nothing is left of them', async () => {
      const before = await hsm.listObjects();
      for (const keySpec of lacks[name]) {
        expect(await outcomeOf(hsm.generateKey(newMaterial(), keySpec, 'SIGN_VERIFY')), keySpec).to.equal(
          'unsupported',
        );
      }
      expect(await hsm.listObjects()).to.have.deep.members(before);
      expect((await hsm.checkHealth()).hosts.every(({ problem }) => problem === undefined)).to.equal(true);
    });

    it('have no usage but those of their spec', async () => {
      for (const [keySpec, keyUsage] of [
        ['HMAC_256', 'SIGN_VERIFY'],
        ['ECC_SECG_P256K1', 'KEY_AGREEMENT'],
        ['RSA_2048', 'GENERATE_VERIFY_MAC'],
        ['SYMMETRIC_DEFAULT', 'SIGN_VERIFY'],
      ] as const) {
        expect(await outcomeOf(hsm.generateKey(newMaterial(), keySpec, keyUsage))).to.equal('internal');
      }
    });

    for (const keySpec of specs.filter(able)) {
      for (const keyUsage of usagesOf(keySpec)) {
        if (keySpec === 'SYMMETRIC_DEFAULT') continue;
        it(`${keySpec} for ${keyUsage} is listed once, exported, not made twice, and gone once destroyed`, async () => {
          const material = newMaterial();
          const publicKey = await hsm.generateKey(material, keySpec, keyUsage);
          const mine = async () => (await hsm.listObjects()).filter(({ id }) => id === material.materialId);
          const halves = isPairSpec(keySpec) ? ['material', 'public'] : ['material'];
          expect((await mine()).map(({ kind }) => kind)).to.have.members(halves);
          for (const { keyId } of await mine()) expect(keyId).to.equal(material.keyId);
          if (isPairSpec(keySpec)) {
            expect(await hsm.publicKey(material)).to.deep.equal(publicKey);
            expect(spkiKey(publicKey).asymmetricKeyType).to.equal(
              { rsa: 'rsa', ec: 'ec', edwards: 'ed25519', 'ml-dsa': 'ml-dsa', aes: '', hmac: '' }[
                factsOf(keySpec).family
              ],
            );
          } else {
            expect(publicKey).to.equal(undefined);
            expect(await outcomeOf(hsm.publicKey(material))).to.equal('missing-object');
          }
          expect(await outcomeOf(hsm.generateKey(material, keySpec, keyUsage))).to.equal('internal');
          expect(await hsm.destroyKey({ ...material })).to.equal(true);
          expect(await hsm.destroyKey(material)).to.equal(false);
          expect(await mine()).to.deep.equal([]);
          expect(await outcomeOf(hsm.sign(material, 'ECDSA_SHA_256', randomBytes(32)))).to.equal(
            'missing-object',
          );
        });
      }
    }

    for (const keySpec of specs.filter(able)) {
      for (const algorithm of factsOf(keySpec).usages.SIGN_VERIFY ?? []) {
        if (algorithm === 'ED25519_PH_SHA_512') continue;
        it(`${keySpec} signs with ${algorithm} what node:crypto verifies`, async () => {
          const { material, publicKey } = await key(keySpec, 'SIGN_VERIFY');
          const verifier = spkiKey(publicKey);
          // Enough that r and s begin with a set bit, and with a zero byte, now and then.
          const rounds = factsOf(keySpec).family === 'ec' ? 100 : 3;
          for (let round = 0; round < rounds; round++) {
            const message = randomBytes(1 + ((round * 41) % 4096));
            const signature = await hsm.sign(material, algorithm, input(algorithm, message));
            expect(verifies(algorithm, message, verifier, signature)).to.equal(true);
            expect(verifies(algorithm, randomBytes(8), verifier, signature)).to.equal(false);
          }
        });
      }
    }

    it('sign what WebCrypto verifies', async () => {
      const message = Buffer.from('a message');
      const rows = [
        ['RSA_2048', 'RSASSA_PSS_SHA_256', { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 }],
        ['RSA_2048', 'RSASSA_PSS_SHA_512', { name: 'RSA-PSS', hash: 'SHA-512', saltLength: 64 }],
        ['RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_384', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' }],
        ['ECC_NIST_P256', 'ECDSA_SHA_256', { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' }],
        ['ECC_NIST_P384', 'ECDSA_SHA_384', { name: 'ECDSA', hash: 'SHA-384', namedCurve: 'P-384' }],
        ['ECC_NIST_P521', 'ECDSA_SHA_512', { name: 'ECDSA', hash: 'SHA-512', namedCurve: 'P-521' }],
      ] as const;
      for (const [keySpec, algorithm, parameters] of rows) {
        const { material, publicKey = Buffer.alloc(0) } = await key(keySpec, 'SIGN_VERIFY');
        const der = await hsm.sign(material, algorithm, input(algorithm, message));
        const facts = factsOf(keySpec);
        const signature = facts.family === 'ec' ? rawSignature(der, facts.fieldBytes) : der;
        const verifier = await subtle.importKey('spki', bytes(publicKey), parameters, false, ['verify']);
        expect(await subtle.verify(parameters, verifier, bytes(signature), message), algorithm).to.equal(
          true,
        );
      }
    });

    it('sign nothing with an algorithm or a length that isn’t theirs', async () => {
      const { material } = await key('ECC_NIST_P256', 'SIGN_VERIFY');
      expect(await outcomeOf(hsm.sign(material, 'ECDSA_SHA_256', randomBytes(31)))).to.equal('internal');
      expect(await outcomeOf(hsm.sign(material, 'ECDSA_SHA_384', randomBytes(48)))).to.equal('internal');
      expect(await outcomeOf(hsm.sign(material, 'RSASSA_PSS_SHA_256', randomBytes(32)))).to.equal('internal');
      expect(await outcomeOf(hsm.mac(material, 'HMAC_SHA_256', randomBytes(32)))).to.equal('internal');
      const agreeing = await key('ECC_NIST_P256', 'KEY_AGREEMENT');
      expect(await outcomeOf(hsm.sign(agreeing.material, 'ECDSA_SHA_256', randomBytes(32)))).to.equal(
        'internal',
      );
      const symmetric = newMaterial();
      await hsm.generateKey(symmetric);
      expect(await outcomeOf(hsm.mac(symmetric, 'HMAC_SHA_256', randomBytes(32)))).to.equal('internal');
      expect(await outcomeOf(hsm.sign(symmetric, 'ECDSA_SHA_256', randomBytes(32)))).to.equal('internal');
      const { material: hmac } = await key('HMAC_256', 'GENERATE_VERIFY_MAC');
      expect(await outcomeOf(hsm.mac(hmac, 'HMAC_SHA_512', Buffer.from('x')))).to.equal('internal');
      expect(await outcomeOf(hsm.encrypt(hmac, context, Buffer.from('x')))).to.equal('unsupported');
    });

    it('make MACs that depend on key and message alone, of the algorithm’s length, on every host', async () => {
      for (const keySpec of ['HMAC_224', 'HMAC_256', 'HMAC_384', 'HMAC_512'] as const) {
        const { material } = await key(keySpec, 'GENERATE_VERIFY_MAC');
        const other = newMaterial();
        await hsm.generateKey(other, keySpec, 'GENERATE_VERIFY_MAC');
        const algorithm = `HMAC_SHA_${keySpec.slice(-3)}` as 'HMAC_SHA_224';
        const macs = await Promise.all(
          Array.from({ length: 6 }, () => hsm.mac(material, algorithm, Buffer.from('message'))),
        );
        expect(new Set(macs.map((mac) => mac.toString('hex'))).size).to.equal(1);
        expect(macs[0]).to.have.length(Number(keySpec.slice(-3)) / 8);
        for (const mac of [
          await hsm.mac(other, algorithm, Buffer.from('message')),
          await hsm.mac(material, algorithm, Buffer.from('messagf')),
          await hsm.mac(material, algorithm, randomBytes(4096)),
        ]) {
          expect(macs[0]?.equals(mac)).to.equal(false);
        }
        for (const size of [0, 4097]) {
          expect(await outcomeOf(hsm.mac(material, algorithm, Buffer.alloc(size)))).to.equal('internal');
        }
      }
    });

    it('decrypt what node:crypto and WebCrypto encrypted, from nothing to all that fits', async () => {
      const { material, publicKey = Buffer.alloc(0) } = await key('RSA_2048', 'ENCRYPT_DECRYPT');
      for (const algorithm of ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const) {
        const { hash: oaepHash } = encryptionAlgorithms[algorithm];
        const padding = constants.RSA_PKCS1_OAEP_PADDING;
        const parameters = { name: 'RSA-OAEP', hash: oaepHash === 'sha1' ? 'SHA-1' : 'SHA-256' };
        const encrypter = await subtle.importKey('spki', bytes(publicKey), parameters, false, ['encrypt']);
        for (const size of [0, 1, 32, oaepLimit(256, algorithm)]) {
          const plaintext = randomBytes(size);
          const ours = publicEncrypt({ key: spkiKey(publicKey), padding, oaepHash }, plaintext);
          expect((await hsm.rsaDecrypt(material, algorithm, ours)).equals(plaintext), `${size}`).to.equal(
            true,
          );
          const theirs = Buffer.from(await subtle.encrypt(parameters, encrypter, bytes(plaintext)));
          expect((await hsm.rsaDecrypt(material, algorithm, theirs)).equals(plaintext)).to.equal(true);
        }
      }
    });

    it('give one answer to every ciphertext that isn’t theirs, and serve on', async () => {
      const { material, publicKey } = await key('RSA_2048', 'ENCRYPT_DECRYPT');
      const padding = constants.RSA_PKCS1_OAEP_PADDING;
      for (const algorithm of ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const) {
        const { hash: oaepHash } = encryptionAlgorithms[algorithm];
        const fine = publicEncrypt({ key: spkiKey(publicKey), padding, oaepHash }, Buffer.from('plaintext'));
        const otherHash = oaepHash === 'sha1' ? 'sha256' : 'sha1';
        const labelled = { key: spkiKey(publicKey), padding, oaepHash, oaepLabel: Buffer.from('label') };
        const { publicKey: other } = generateKeyPairSync('rsa', { modulusLength: 2048 });
        const wrong: Record<string, Buffer> = {
          'another hash': publicEncrypt(
            { key: spkiKey(publicKey), padding, oaepHash: otherHash },
            Buffer.from('x'),
          ),
          'another label': publicEncrypt(labelled, Buffer.from('x')),
          'another padding': publicEncrypt(
            { key: spkiKey(publicKey), padding: constants.RSA_PKCS1_PADDING },
            Buffer.from('x'),
          ),
          'another key': publicEncrypt({ key: other, padding, oaepHash }, Buffer.from('x')),
          zero: Buffer.alloc(256),
          one: Buffer.concat([Buffer.alloc(255), Buffer.of(1)]),
          'more than the modulus': Buffer.alloc(256, 0xff),
          short: fine.subarray(1),
          'of a larger key': Buffer.alloc(384, 7),
          'one bit changed': Buffer.from(fine.map((byte, at) => (at === 100 ? byte ^ 1 : byte))),
        };
        for (const [what, ciphertext] of Object.entries(wrong)) {
          expect(await outcomeOf(hsm.rsaDecrypt(material, algorithm, ciphertext)), what).to.equal(
            'invalid-ciphertext',
          );
        }
        expect(String(await hsm.rsaDecrypt(material, algorithm, fine))).to.equal('plaintext');
      }
      const { material: signing } = await key('RSA_2048', 'SIGN_VERIFY');
      expect(await outcomeOf(hsm.rsaDecrypt(signing, 'RSAES_OAEP_SHA_1', Buffer.alloc(256, 1)))).to.equal(
        'internal',
      );
    });

    it('agree with node:crypto and WebCrypto on a secret', async () => {
      for (const keySpec of ['ECC_NIST_P256', 'ECC_NIST_P384', 'ECC_NIST_P521'] as const) {
        const { material, publicKey = Buffer.alloc(0) } = await key(keySpec, 'KEY_AGREEMENT');
        const facts = keySpecs[keySpec];
        // Enough that a secret begins with a zero byte now and then.
        const rounds = keySpec === 'ECC_NIST_P256' ? 300 : 10;
        for (let round = 0; round < rounds; round++) {
          const peer = generateKeyPairSync('ec', { namedCurve: facts.curve });
          const expected = diffieHellman({ privateKey: peer.privateKey, publicKey: spkiKey(publicKey) });
          const spki = peer.publicKey.export({ format: 'der', type: 'spki' });
          expect((await hsm.deriveSharedSecret(material, spki)).equals(expected)).to.equal(true);
        }
        const parameters = { name: 'ECDH', namedCurve: facts.jwkCurve };
        const peer = await subtle.generateKey(parameters, true, ['deriveBits']);
        const ours = await subtle.importKey('spki', bytes(publicKey), parameters, false, []);
        const bits = await subtle.deriveBits(
          { ...parameters, public: ours },
          peer.privateKey,
          8 * facts.fieldBytes,
        );
        const spki = Buffer.from(await subtle.exportKey('spki', peer.publicKey));
        expect((await hsm.deriveSharedSecret(material, spki)).equals(Buffer.from(bits))).to.equal(true);
      }
    });

    it('agree on nothing with a point that isn’t on their curve', async () => {
      const { material } = await key('ECC_NIST_P256', 'KEY_AGREEMENT');
      const peer = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      const spki = peer.publicKey.export({ format: 'der', type: 'spki' });
      const bent = Buffer.from(spki);
      bent[bent.length - 1] = (bent[bent.length - 1] ?? 0) ^ 1;
      const foreign = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
      const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
      for (const wrong of [
        bent,
        foreign.publicKey.export({ format: 'der', type: 'spki' }),
        rsa.publicKey.export({ format: 'der', type: 'spki' }),
        Buffer.from('nothing'),
      ]) {
        expect(['internal', 'unsupported']).to.include(
          await outcomeOf(hsm.deriveSharedSecret(material, wrong)),
        );
      }
      expect(await hsm.deriveSharedSecret(material, spki)).to.have.length(32);
    });

    describe('as data key pairs', () => {
      const symmetric = newMaterial();
      before(() => hsm.generateKey(symmetric));

      for (const pairSpec of specs.filter(isDataKeyPairSpec)) {
        it(`${pairSpec}: both halves belong together, and the blob holds the private one`, async () => {
          const pair = await hsm.generateDataKeyPair(symmetric, context, pairSpec);
          const [algorithm] = factsOf(pairSpec).usages.SIGN_VERIFY ?? [];
          if (algorithm === undefined) throw new Error('no algorithm');
          const { hash: digest }: SigningFacts = signingAlgorithms[algorithm];
          const message = Buffer.from('message');
          const privateKey = createPrivateKey({
            key: pair.privateKeyPlaintext,
            format: 'der',
            type: 'pkcs8',
          });
          const signature = sign(digest ?? null, message, privateKey);
          expect(verify(digest ?? null, message, spkiKey(pair.publicKey), signature)).to.equal(true);
          expect(parseCiphertext(pair.privateKeyBlob)).to.include({ ...symmetric });
          const opened = await hsm.decrypt(pair.privateKeyBlob, context);
          expect(opened.equals(pair.privateKeyPlaintext)).to.equal(true);
          const sealed = await hsm.generateDataKeyPairWithoutPlaintext(symmetric, context, pairSpec);
          expect(sealed).to.have.all.keys('publicKey', 'privateKeyBlob');
          const later = createPrivateKey({
            key: await hsm.decrypt(sealed.privateKeyBlob, context),
            format: 'der',
            type: 'pkcs8',
          });
          expect(createPublicKey(later).equals(spkiKey(sealed.publicKey))).to.equal(true);
          expect(sealed.publicKey.equals(pair.publicKey)).to.equal(false);
        });
      }
    });
  });
}

/** r ‖ s of a signature in DER, as WebCrypto wants it. */
function rawSignature(der: Buffer, fieldBytes: number): Buffer {
  let at = der[1] === 0x81 ? 3 : 2;
  const parts: Buffer[] = [];
  for (let index = 0; index < 2; index++) {
    const length = der[at + 1] ?? 0;
    const value = der.subarray(at + 2, at + 2 + length);
    const digits = value.subarray(Math.max(0, length - fieldBytes));
    parts.push(Buffer.concat([Buffer.alloc(fieldBytes - digits.length), digits]));
    at += 2 + length;
  }
  return Buffer.concat(parts);
}

describe('hosts that may not take padding off', function () {
  this.timeout(30_000);

  for (const [name, algorithms] of [
    ['SoftHSM 2', ['RSAES_OAEP_SHA_1']],
    ['NSS softokn', ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256']],
  ] as const) {
    it(`over ${name} decrypt what the token does by itself`, async () => {
      const tier = await startTier(tokens[name], { hosts: 1, hostOaep: false });
      try {
        const hsm = tier.connect();
        await hsm.claim(storeId);
        const { keys } = await hsm.capabilities();
        const found = keys.find((one) => one.keySpec === 'RSA_2048' && one.keyUsage === 'ENCRYPT_DECRYPT');
        expect(found?.algorithms).to.have.members([...algorithms]);
        expect(found?.inHost).to.deep.equal([]);
        const material = newMaterial();
        const publicKey = spkiKey(await hsm.generateKey(material, 'RSA_2048', 'ENCRYPT_DECRYPT'));
        const padding = constants.RSA_PKCS1_OAEP_PADDING;
        for (const algorithm of ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const) {
          const { hash: oaepHash } = encryptionAlgorithms[algorithm];
          const ciphertext = publicEncrypt({ key: publicKey, padding, oaepHash }, Buffer.from('x'));
          const expected = algorithms.some((one) => one === algorithm) ? 'ok' : 'unsupported';
          expect(await outcomeOf(hsm.rsaDecrypt(material, algorithm, ciphertext))).to.equal(expected);
        }
      } finally {
        await tier.close();
      }
    });
  }
});
