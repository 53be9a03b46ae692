import { expect } from 'chai';
import { newMaterial } from '../fault/load.ts';
import { intrude } from '../fault/session.ts';
import { makeTier, type Tier } from '../fault/tier.ts';
import type { Findings } from './intruder.ts';

/**
 * A token's user may digest a secret key (PKCS#11 2.40 §5.10, C_DigestKey) and no attribute forbids it
 * in SoftHSM, which digests a private key too. The digest of 256 random bits tells nothing of them.
 */
const always = ['digest its value'];
const publicClass = 2;
const gcm = ['encrypt with AES-GCM', 'decrypt with AES-GCM'];
/** What whoever has the PIN may do with each of Coffer's keys; everything else that was tried must be refused. */
const allowed = new Map([
  ['a master key', [...gcm, ...always]],
  ['the canary', [...gcm, ...always]],
  ['the trail key', ['sign with HMAC-SHA-256', ...always]],
  ['the sealing key', [...gcm, ...always]],
  ['the checkpoint key', ['sign with ECDSA', ...always]],
]);

describe('whoever logs in with the PIN', () => {
  let tier: Tier;
  let findings: Findings;
  const material = newMaterial();
  const labels: Readonly<Record<string, string>> = {
    'a master key': `coffer key ${material.keyId} material ${material.materialId}`,
    'the canary': 'coffer canary',
    'the trail key': 'coffer trail',
    'the sealing key': 'coffer sealing',
    'the checkpoint key': 'coffer checkpoint',
  };

  before(async () => {
    tier = makeTier({ hosts: 1 });
    await tier.start();
    const hsm = tier.connect();
    await hsm.claim('00112233445566778899aabbccddeeff');
    await hsm.generateKey(material);
    findings = await intrude(tier, { type: 'probe' });
  });
  after(() => tier.close());

  it('finds these five keys, the public half of one, and no other object', () => {
    expect(findings.objects.map(({ label }) => label)).to.have.members([
      ...Object.values(labels),
      'coffer checkpoint',
    ]);
    expect(findings.objects.filter((object) => object.class === publicClass)).to.have.length(1);
  });

  const attemptsOn = (label: string) =>
    findings.objects.find((object) => object.label === label && object.class !== publicClass)?.attempts ?? {};

  for (const [name, label] of Object.entries(labels)) {
    it(`can do with ${name} what Coffer does and nothing else`, () => {
      const attempts = attemptsOn(label);
      const done = Object.keys(attempts).filter((attempt) => attempts[attempt] === 'ok');
      expect(Object.keys(attempts)).to.have.length.above(40);
      expect(done).to.have.members(allowed.get(name) ?? []);
    });

    it(`can't read, wrap out or change ${name}`, () => {
      const attempts = attemptsOn(label);
      const ckr = { sensitive: 0x11, unextractable: 0x6a };
      expect(attempts['read CKA_VALUE']).to.equal(ckr.sensitive);
      expect(attempts['be wrapped by RFC 3394']).to.equal(ckr.unextractable);
      expect(attempts['be wrapped by RFC 5649']).to.equal(ckr.unextractable);
      expect(attempts['be wrapped by RSA OAEP']).to.equal(ckr.unextractable);
      expect(attempts['set EXTRACTABLE=true']).to.be.a('number');
      expect(attempts['copy with EXTRACTABLE=true']).to.be.a('number');
    });
  }
});
