import { createECDH, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import pkcs11 from 'pkcs11js';
import { okCode } from '../../src/hsm/answer.ts';
import { operationCodes } from '../../src/hsm/code.ts';
import { writeMaterial } from '../../src/keys/ciphertext.ts';
import type { Hsm, MaterialRef } from '../../src/keys/hsm.ts';
import type { KeySpec, KeyUsage } from '../../src/keys/spec/key-spec.ts';
import { wrap } from '../contract/hsm/wrap.ts';
import { newMaterial, outcomeOf, roundTrip, startLoad } from './load.ts';
import { eventually } from './process.ts';
import { makeTier, type Tier } from './tier.ts';
import { frame, Wire } from './wire.ts';

const storeId = '00112233445566778899aabbccddeeff';
const context = Buffer.from('context');

describe('what takes long to make', function () {
  this.timeout(30_000);
  let tier: Tier;
  let hsm: Hsm;
  const material: MaterialRef = newMaterial();

  before(async () => {
    tier = makeTier({ hosts: 1, faults: true, deadlineMilliseconds: 400 });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim(storeId);
    await hsm.generateKey(material);
  });
  afterEach(() => tier.inject());
  after(() => tier.close());

  it('has no process before somebody wants it, and then one of its own', async () => {
    expect(tier.hostPids()).to.have.length(1);
    await hsm.generateKey(newMaterial(), 'ECC_NIST_P256', 'SIGN_VERIFY');
    expect(tier.hostPids()).to.have.length(1);
    const clients = [hsm, tier.connect(), tier.connect()];
    await Promise.all(
      clients.map((client) => client.generateDataKeyPairWithoutPlaintext(material, context, 'RSA_2048')),
    );
    expect(tier.hostPids()).to.have.length(2);
  });

  it('slows nobody else while the token makes it', async () => {
    await hsm.generateKey(newMaterial(), 'RSA_2048', 'SIGN_VERIFY');
    tier.inject({ times: 'always', fault: 'slow', call: 'C_GenerateKeyPair', argument: 1_000 });
    let made = false;
    const making = hsm.generateKey(newMaterial(), 'RSA_4096', 'SIGN_VERIFY').then(() => {
      made = true;
    });
    const load = startLoad(hsm, material, 4);
    await load.successes(200);
    expect(made).to.equal(false);
    await making;
    await load.stop();
    expect([...load.outcomes.keys()]).to.deep.equal(['ok']);
  });

  it('slows nobody else while a host makes it', async () => {
    const load = startLoad(hsm, material, 4);
    const before = load.outcomes.get('ok') ?? 0;
    await hsm.generateDataKeyPairWithoutPlaintext(material, context, 'RSA_4096');
    const meanwhile = (load.outcomes.get('ok') ?? 0) - before;
    await load.stop();
    expect(meanwhile).to.be.above(20);
    expect([...load.outcomes.keys()]).to.deep.equal(['ok']);
  });

  it('is refused rather than queued without end', async () => {
    tier.inject({ times: 'always', fault: 'slow', call: 'C_GenerateKeyPair', argument: 50 });
    const outcomes = await Promise.all(
      Array.from({ length: 24 }, () =>
        outcomeOf(hsm.generateDataKeyPairWithoutPlaintext(material, context, 'RSA_2048')),
      ),
    );
    expect(new Set(outcomes)).to.deep.equal(new Set(['ok', 'busy']));
    expect(outcomes.filter((outcome) => outcome === 'ok')).to.have.length(16);
  });

  it('is made by another process where the one that made it died or hung, and nothing is left of it', async () => {
    const before = await hsm.listObjects();
    for (const fault of ['crash', 'hang'] as const) {
      const lost = newMaterial();
      tier.inject({ times: 'once', fault, call: 'C_GenerateKeyPair' });
      expect(['unavailable', 'timeout'], fault).to.include(
        await outcomeOf(hsm.generateKey(lost, 'RSA_2048', 'SIGN_VERIFY')),
      );
      expect(await roundTrip(hsm, material)).to.equal('ok');
      tier.inject();
      await eventually(
        'made again',
        async () => {
          await hsm.destroyKey(lost);
          return (await outcomeOf(hsm.generateKey(lost, 'RSA_2048', 'SIGN_VERIFY'))) === 'ok';
        },
        8_000,
      );
      expect(await hsm.destroyKey(lost)).to.equal(true);
      expect(await hsm.listObjects()).to.have.deep.members(before);
    }
    const { hosts } = await hsm.checkHealth();
    expect(hosts).to.deep.equal([{ index: 0, connected: true, problem: undefined, restarts: 0 }]);
  });
});

describe('a key of any spec', function () {
  this.timeout(30_000);
  let tier: Tier;
  let hsm: Hsm;
  const kinds = [
    ['HMAC_256', 'GENERATE_VERIFY_MAC'],
    ['ECC_NIST_P256', 'SIGN_VERIFY'],
    ['ECC_NIST_P384', 'KEY_AGREEMENT'],
    ['ECC_NIST_EDWARDS25519', 'SIGN_VERIFY'],
    ['RSA_2048', 'ENCRYPT_DECRYPT'],
  ] as const satisfies readonly (readonly [KeySpec, KeyUsage])[];

  before(async () => {
    tier = makeTier({ hosts: 1, faults: true });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim(storeId);
    // What the token can do is asked once: not while it is made to lie.
    await hsm.capabilities();
    for (const [keySpec, keyUsage] of kinds) await hsm.generateKey(newMaterial(), keySpec, keyUsage);
  });
  afterEach(() => tier.inject());
  after(() => tier.close());

  it('that the token makes otherwise than asked is refused, and nothing is left of it', async () => {
    const before = await hsm.listObjects();
    const lies = {
      SENSITIVE: pkcs11.CKA_SENSITIVE,
      EXTRACTABLE: pkcs11.CKA_EXTRACTABLE,
      ALWAYS_SENSITIVE: pkcs11.CKA_ALWAYS_SENSITIVE,
      NEVER_EXTRACTABLE: pkcs11.CKA_NEVER_EXTRACTABLE,
      LOCAL: pkcs11.CKA_LOCAL,
      MODIFIABLE: pkcs11.CKA_MODIFIABLE,
      COPYABLE: 0x171,
      TOKEN: pkcs11.CKA_TOKEN,
      PRIVATE: pkcs11.CKA_PRIVATE,
      SIGN: pkcs11.CKA_SIGN,
      DECRYPT: pkcs11.CKA_DECRYPT,
      DERIVE: pkcs11.CKA_DERIVE,
      UNWRAP: pkcs11.CKA_UNWRAP,
      ALLOWED_MECHANISMS: pkcs11.CKA_ALLOWED_MECHANISMS,
    };
    for (const [name, argument] of Object.entries(lies)) {
      tier.inject({ times: 'always', fault: 'lie', call: 'C_GetAttributeValue', argument });
      for (const [keySpec, keyUsage] of kinds.slice(0, 4)) {
        const outcome = await outcomeOf(hsm.generateKey(newMaterial(), keySpec, keyUsage));
        expect(outcome, `${keySpec} ${name}`).to.equal('unsupported');
      }
      tier.inject();
    }
    expect(await hsm.listObjects()).to.have.deep.members(before);
  });

  it('that doesn’t do what it is for is refused, and nothing is left of it', async () => {
    const before = await hsm.listObjects();
    tier.inject({ times: 'always', fault: 'wrong', call: 'C_Sign' });
    for (const keySpec of ['ECC_NIST_P256', 'ECC_NIST_EDWARDS25519'] as const) {
      expect(await outcomeOf(hsm.generateKey(newMaterial(), keySpec, 'SIGN_VERIFY'))).to.equal('unsupported');
    }
    tier.inject({ times: 'always', fault: 'wrong', call: 'C_Decrypt' });
    const rsa = hsm.generateKey(newMaterial(), 'RSA_2048', 'ENCRYPT_DECRYPT');
    expect(await outcomeOf(rsa)).to.equal('unsupported');
    tier.inject();
    expect(await hsm.listObjects()).to.have.deep.members(before);
  });

  it('that agrees on secrets is never asked with a point that isn’t on its curve, whoever asks', async () => {
    const material = newMaterial();
    await hsm.generateKey(material, 'ECC_NIST_P256', 'KEY_AGREEMENT');
    const ecdh = createECDH('prime256v1');
    const wire = new Wire(join(tier.socketFolder, 'host-0.sock'));
    await wire.attach(readFileSync(join(tier.socketFolder, 'attach.secret')));
    /** The answer's code, to a request that no client of ours would send. */
    const ask = async (point: Buffer): Promise<number> => {
      const name = Buffer.alloc(32);
      writeMaterial(name, 0, material.keyId, material.materialId);
      wire.socket.write(frame(operationCodes.deriveSharedSecret, 1, Buffer.concat([name, point])));
      const length = (await wire.take(4)).readUInt32BE();
      return (await wire.take(length))[0] ?? -1;
    };
    const point = ecdh.generateKeys();
    expect(await ask(point)).to.equal(okCode);
    const asked = tier.calls('C_DeriveKey');
    const bent = Buffer.from(point);
    bent[64] = (bent[64] ?? 0) ^ 1;
    for (const wrong of [bent, Buffer.concat([Buffer.of(4), Buffer.alloc(64)]), Buffer.alloc(97, 4)]) {
      expect(await ask(wrong)).to.not.equal(okCode);
    }
    expect(tier.calls('C_DeriveKey')).to.equal(asked);
    wire.socket.destroy();
    await hsm.destroyKey(material);
  });

  it('whose session or handle went stale is found again, and the caller notices nothing', async () => {
    const material = newMaterial();
    await hsm.generateKey(material, 'ECC_NIST_P256', 'SIGN_VERIFY');
    const codes = {
      sessionHandleInvalid: 0xb3,
      sessionClosed: 0xb0,
      keyHandleInvalid: 0x60,
      operationActive: 0x90,
    };
    for (const [name, argument] of Object.entries(codes)) {
      const struck = tier.struck();
      tier.inject({ times: 'once', fault: 'stuck', call: 'C_SignInit', argument });
      const signing = hsm.sign(material, 'ECDSA_SHA_256', randomBytes(32));
      expect(await outcomeOf(signing), name).to.equal('ok');
      expect(tier.struck() - struck).to.equal(1);
    }
    expect(await hsm.destroyKey(material)).to.equal(true);
  });
});

/** Each has a tier of its own: a host that dies often is started ever later. */
describe('a key that is being made or imported', function () {
  this.timeout(30_000);
  let tier: Tier;
  let hsm: Hsm;

  beforeEach(async () => {
    tier = makeTier({ hosts: 1, faults: true });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim(storeId);
  });
  afterEach(() => tier.close());

  it('is there or not, and can be destroyed and made anew, after a crash in its making', async () => {
    const before = await hsm.listObjects();
    for (const call of ['C_GenerateKeyPair', 'C_GetAttributeValue', 'C_OpenSession']) {
      const material = newMaterial();
      tier.inject({ times: 'once', fault: 'crash', call });
      expect(['unavailable', 'timeout']).to.include(
        await outcomeOf(hsm.generateKey(material, 'ECC_NIST_P256', 'SIGN_VERIFY')),
      );
      tier.inject();
      await eventually('a host serves', async () => (await outcomeOf(hsm.identity())) === 'ok', 4_000);
      const left = (await hsm.listObjects()).filter(({ id }) => id === material.materialId);
      expect(await hsm.destroyKey(material), call).to.equal(left.length > 0);
      await hsm.generateKey(material, 'ECC_NIST_P256', 'SIGN_VERIFY');
      expect(await hsm.destroyKey(material)).to.equal(true);
    }
    expect(await hsm.listObjects()).to.have.deep.members(before);
  });

  it('is there whole or not at all, whatever fails while it is imported', async () => {
    const wrappingId = randomBytes(16).toString('hex');
    const key = { keySpec: 'ECC_NIST_P256', keyUsage: 'SIGN_VERIFY' } as const;
    const by = 'RSAES_OAEP_SHA_1' as const;
    const { publicKey } = await hsm.createWrappingKey(wrappingId, 'RSA_2048', by, key.keySpec, key.keyUsage);
    const symmetric = newMaterial();
    await hsm.generateKey(symmetric);
    const pair = await hsm.generateDataKeyPair(symmetric, context, 'ECC_NIST_P256');
    const order = (material: MaterialRef) => ({
      material,
      ...key,
      wrappingId,
      wrappingAlgorithm: by,
      wrapped: wrap(publicKey, by, pair.privateKeyPlaintext),
    });
    const before = await hsm.listObjects();
    const faults = [
      ['crash', 'C_UnwrapKey', 0],
      ['crash', 'C_UnwrapKey', 1],
      ['crash', 'C_CreateObject', 0],
      ['error', 'C_CreateObject', 0x31],
      ['error', 'C_CreateObject', 0xd0],
      ['lie', 'C_GetAttributeValue', pkcs11.CKA_EXTRACTABLE],
      ['wrong', 'C_Sign', 0],
    ] as const;
    for (const [fault, call, argument] of faults) {
      const material = newMaterial();
      tier.inject({ times: fault === 'crash' ? 'once' : 'always', fault, call, argument });
      const outcome = await outcomeOf(hsm.importKey(order(material)));
      expect(outcome, `${fault} ${call}`).to.not.equal('ok');
      tier.inject();
      await eventually('a host serves', async () => (await outcomeOf(hsm.identity())) === 'ok', 4_000);
      if (fault === 'crash') await hsm.destroyKey(material);
      expect(await hsm.listObjects(), `${fault} ${call}`).to.have.deep.members(before);
      const { imported, fingerprint } = await hsm.importKey(order(material));
      expect(imported).to.equal(true);
      expect(fingerprint).to.have.length(32);
      expect(await hsm.publicKey(material)).to.deep.equal(pair.publicKey);
      expect(await hsm.destroyKey(material)).to.equal(true);
    }
  });
});
