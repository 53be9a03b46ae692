import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { Hsm } from '../../src/keys/hsm.ts';
import type { KeySpec, KeyUsage } from '../../src/keys/spec/key-spec.ts';
import { wrap } from '../contract/hsm/wrap.ts';
import { newMaterial } from '../fault/load.ts';
import { intrude } from '../fault/session.ts';
import { makeTier, type Tier } from '../fault/tier.ts';
import type { Findings } from './intruder.ts';

/**
 * A token's user may digest a secret key (PKCS#11 2.40 §5.10, C_DigestKey) and no attribute forbids it
 * in SoftHSM, which digests a private key too. The digest of 256 random bits tells nothing of them.
 */
const always = ['digest its value'];
const gcm = ['encrypt with AES-GCM', 'decrypt with AES-GCM'];
/** What whoever has the PIN may do with each of Coffer's keys; everything else that was tried must be refused. */
const allowed = new Map([
  ['the canary', [...gcm, ...always]],
  ['the trail key', ['sign with HMAC-SHA-256', ...always]],
  ['the sealing key', [...gcm, ...always]],
  ['the checkpoint key', ['sign with ECDSA', ...always]],
  ['a master key', [...gcm, ...always]],
  ['an imported master key', [...gcm, ...always]],
  ['an HMAC key', ['sign with HMAC-SHA-256', ...always]],
  ['a P-256 key that signs', ['sign with ECDSA', ...always]],
  ['a P-256 key that agrees', ['derive by ECDH', ...always]],
  ['an RSA key that signs', ['sign with RSA PKCS#1', 'sign with RSA-PSS']],
  ['an RSA key that decrypts', ['decrypt with RSA OAEP', 'decrypt with raw RSA']],
  ['a wrapping key', ['unwrap by RSA OAEP']],
]);
const publicClass = 2;

describe('whoever logs in with the PIN', function () {
  this.timeout(30_000);
  let tier: Tier;
  let hsm: Hsm;
  let findings: Findings;
  const labels = new Map([
    ['the canary', 'coffer canary'],
    ['the trail key', 'coffer trail'],
    ['the sealing key', 'coffer sealing'],
    ['the checkpoint key', 'coffer checkpoint'],
  ]);

  async function make(name: string, keySpec: KeySpec, keyUsage: KeyUsage): Promise<void> {
    const material = newMaterial();
    await hsm.generateKey(material, keySpec, keyUsage);
    labels.set(name, `coffer key ${material.keyId} material ${material.materialId}`);
  }

  async function makeImported(): Promise<void> {
    const material = newMaterial();
    const wrappingId = randomBytes(16).toString('hex');
    const key = { keySpec: 'SYMMETRIC_DEFAULT', keyUsage: 'ENCRYPT_DECRYPT' } as const;
    const by = 'RSAES_OAEP_SHA_1';
    const { publicKey } = await hsm.createWrappingKey(wrappingId, 'RSA_2048', by, key.keySpec, key.keyUsage);
    const wrapped = wrap(publicKey, by, randomBytes(32));
    await hsm.importKey({ material, ...key, wrappingId, wrappingAlgorithm: by, wrapped });
    labels.set('an imported master key', `coffer key ${material.keyId} material ${material.materialId}`);
    labels.set('a wrapping key', `coffer wrapping ${wrappingId}`);
  }

  before(async () => {
    tier = makeTier({ hosts: 1 });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim('00112233445566778899aabbccddeeff');
    await make('a master key', 'SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT');
    await make('an HMAC key', 'HMAC_256', 'GENERATE_VERIFY_MAC');
    await make('a P-256 key that signs', 'ECC_NIST_P256', 'SIGN_VERIFY');
    await make('a P-256 key that agrees', 'ECC_NIST_P256', 'KEY_AGREEMENT');
    await make('an RSA key that signs', 'RSA_2048', 'SIGN_VERIFY');
    await make('an RSA key that decrypts', 'RSA_2048', 'ENCRYPT_DECRYPT');
    await makeImported();
    findings = await intrude(tier, { type: 'probe' });
  });
  after(() => tier.close());

  it('finds these keys, the public halves of pairs, and no other object', () => {
    const secret = findings.objects.filter((object) => object.class !== publicClass);
    expect(secret.map(({ label }) => label)).to.have.members([...labels.values()]);
    for (const { label } of findings.objects) expect([...labels.values()]).to.include(label);
  });

  const attemptsOn = (name: string) =>
    findings.objects.find((object) => object.label === labels.get(name) && object.class !== publicClass)
      ?.attempts ?? {};

  for (const [name, expected] of allowed) {
    it(`can do with ${name} what Coffer does and nothing else`, () => {
      const attempts = attemptsOn(name);
      const done = Object.keys(attempts).filter((attempt) => attempts[attempt] === 'ok');
      expect(Object.keys(attempts)).to.have.length.above(40);
      expect(done).to.have.members(expected);
    });

    it(`can't read, wrap out or change ${name}`, () => {
      const attempts = attemptsOn(name);
      const ckr = { sensitive: 0x11, typeInvalid: 0x12, unextractable: 0x6a };
      // An RSA key has no CKA_VALUE.
      expect([ckr.sensitive, ckr.typeInvalid]).to.include(attempts['read CKA_VALUE']);
      for (const by of ['RFC 3394', 'RFC 5649', 'RSA OAEP'])
        expect(attempts[`be wrapped by ${by}`]).to.be.a('number');
      expect(attempts['be wrapped by RFC 5649']).to.equal(ckr.unextractable);
      for (const [attempt, outcome] of Object.entries(attempts)) {
        if (attempt.startsWith('set ') || attempt.startsWith('copy'))
          expect(outcome, attempt).to.be.a('number');
      }
    });
  }
});
