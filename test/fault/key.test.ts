import { expect } from 'chai';
import pkcs11 from 'pkcs11js';
import type { Hsm } from '../../src/keys/hsm.ts';
import { checkpoint, newMaterial, outcomeOf, roundTrip, trailGroup } from './load.ts';
import { eventually } from './process.ts';
import { makeTier, type Tier } from './tier.ts';

const storeId = '00112233445566778899aabbccddeeff';

describe('a key that is being made', () => {
  let tier: Tier;
  let hsm: Hsm;

  before(async () => {
    tier = makeTier({ hosts: 1, faults: true });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim(storeId);
  });
  afterEach(() => tier.inject());
  after(() => tier.close());

  const back = () =>
    eventually('a host serves', async () => (await outcomeOf(hsm.identity())) === 'ok', 4_000);

  it('is destroyed and refused where the token made it other than it was asked to', async () => {
    await hsm.claim(storeId);
    const lies: Record<string, number> = {
      SENSITIVE: pkcs11.CKA_SENSITIVE,
      EXTRACTABLE: pkcs11.CKA_EXTRACTABLE,
      ALWAYS_SENSITIVE: pkcs11.CKA_ALWAYS_SENSITIVE,
      NEVER_EXTRACTABLE: pkcs11.CKA_NEVER_EXTRACTABLE,
      LOCAL: pkcs11.CKA_LOCAL,
      MODIFIABLE: pkcs11.CKA_MODIFIABLE,
      COPYABLE: 0x171,
      PRIVATE: pkcs11.CKA_PRIVATE,
      TOKEN: pkcs11.CKA_TOKEN,
      WRAP: pkcs11.CKA_WRAP,
      DERIVE: pkcs11.CKA_DERIVE,
      ALLOWED_MECHANISMS: pkcs11.CKA_ALLOWED_MECHANISMS,
    };
    const before = await hsm.listObjects();
    for (const [name, argument] of Object.entries(lies)) {
      tier.inject({ times: 'always', fault: 'lie', call: 'C_GetAttributeValue', argument });
      expect(await outcomeOf(hsm.generateKey(newMaterial())), name).to.equal('unsupported');
    }
    tier.inject();
    expect(await hsm.listObjects()).to.have.deep.members(before);
    const material = newMaterial();
    await hsm.generateKey(material);
    expect(await roundTrip(hsm, material)).to.equal('ok');
  });

  it('leaves one object at most where the token makes it and says that it failed, and that one can be destroyed', async () => {
    const before = await hsm.listObjects();
    for (const [name, argument] of Object.entries({
      deviceMemory: 0x31,
      generalError: 0x05,
      deviceError: 0x30,
    })) {
      const material = newMaterial();
      tier.inject({ times: 'always', fault: 'error', call: 'C_GenerateKey', argument });
      expect(await outcomeOf(hsm.generateKey(material)), name).to.not.equal('ok');
      tier.inject();
      await back();
      const left = (await hsm.listObjects()).filter(({ id }) => id === material.materialId);
      expect(left, name).to.have.length.at.most(1);
      expect(await hsm.destroyKey(material), name).to.equal(left.length === 1);
      expect(await hsm.listObjects()).to.have.deep.members(before);
    }
  });

  it('is there or not, and can be made anew, after a crash in its making', async () => {
    const struck = tier.struck();
    for (const call of ['C_GenerateKey', 'C_GetAttributeValue']) {
      const material = newMaterial();
      tier.inject({ times: 'once', fault: 'crash', call });
      expect(['unavailable', 'timeout']).to.include(await outcomeOf(hsm.generateKey(material)));
      await back();
      const made = (await hsm.listObjects()).filter(({ id }) => id === material.materialId);
      expect(await hsm.destroyKey(material)).to.equal(made.length === 1);
      await hsm.generateKey(material);
      expect(await roundTrip(hsm, material)).to.equal('ok');
    }
    expect(tier.struck() - struck).to.equal(2);
  });
});

describe("a claim of Coffer's own four keys", () => {
  let tier: Tier;
  let hsm: Hsm;

  before(async () => {
    tier = makeTier({ hosts: 1, faults: true });
    await tier.start();
    hsm = tier.connect();
  });
  after(() => tier.close());

  it('that a crash cut short after any of them can be made again', async () => {
    const made: string[][] = [];
    // Of the calls to C_GenerateKey that this try makes: what an earlier one made is kept.
    const calls = [
      ['C_GenerateKey', 0],
      ['C_GenerateKey', 1],
      ['C_GenerateKeyPair', 0],
      ['C_GenerateKey', 0],
    ] as const;
    for (const [index, [call, argument]] of calls.entries()) {
      tier.inject({ times: 'once', fault: 'crash', call, argument });
      const outcome = await outcomeOf(hsm.claim(storeId));
      expect(['unavailable', 'timeout'], `${call} after ${argument}`).to.include(outcome);
      tier.inject();
      await eventually('a host serves', async () => (await outcomeOf(hsm.identity())) === 'ok', 4_000);
      expect(tier.struck()).to.equal(index + 1);
      made.push((await hsm.listObjects()).map(({ kind }) => kind).sort());
      expect((await hsm.identity()).storeId).to.equal(undefined);
    }
    expect(made).to.deep.equal([
      [],
      ['trail'],
      ['sealing', 'trail'],
      ['checkpoint', 'public', 'sealing', 'trail'],
    ]);
    await hsm.claim(storeId);
    expect((await hsm.identity()).storeId).to.equal(storeId);
    const kinds = (await hsm.listObjects()).map(({ kind }) => kind);
    expect(kinds).to.have.members(['canary', 'trail', 'sealing', 'checkpoint', 'public']);
    expect(await outcomeOf(hsm.trailMac(trailGroup()))).to.equal('ok');
    expect(await outcomeOf(hsm.createAccessKeySecret(Buffer.from('aad')))).to.equal('ok');
    expect(await outcomeOf(hsm.trailSign(checkpoint))).to.equal('ok');
  });

  it('leaves nothing of a checkpoint key whose attributes are not as asked, and no canary', async () => {
    const own = makeTier({ hosts: 1, faults: true });
    try {
      await own.start();
      const other = own.connect();
      own.inject({
        times: 'always',
        fault: 'lie',
        call: 'C_GetAttributeValue',
        argument: pkcs11.CKA_SIGN_RECOVER,
      });
      expect(await outcomeOf(other.claim(storeId))).to.equal('unsupported');
      own.inject();
      expect((await other.listObjects()).map(({ kind }) => kind)).to.have.members(['trail', 'sealing']);
      await other.claim(storeId);
      expect(await outcomeOf(other.trailSign(checkpoint))).to.equal('ok');
    } finally {
      await own.close();
    }
  });
});
