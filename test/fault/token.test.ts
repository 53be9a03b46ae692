import { createPublicKey, verify } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmdirSync } from 'node:fs';
import { setTimeout as rest } from 'node:timers/promises';
import { expect } from 'chai';
import pkcs11 from 'pkcs11js';
import { headerBytes } from '../../src/keys/ciphertext.ts';
import type { Hsm, MaterialRef } from '../../src/keys/hsm.ts';
import {
  checkpoint,
  dateIn,
  newMaterial,
  type Outcome,
  outcomeOf,
  passing,
  roundTrip,
  startLoad,
  trailGroup,
} from './load.ts';
import { eventually } from './process.ts';
import { destroyObject } from './session.ts';
import { type FaultName, makeTier, type Tier } from './tier.ts';

const marked = Buffer.alloc(77, 7);
const context = Buffer.from('context');
const { CKO_PUBLIC_KEY: publicClass, CKO_PRIVATE_KEY: privateClass } = pkcs11;
const storeId = '00112233445566778899aabbccddeeff';

const ckr = {
  generalError: 0x05,
  functionFailed: 0x06,
  deviceError: 0x30,
  deviceMemory: 0x31,
  deviceRemoved: 0x32,
  encryptedDataInvalid: 0x40,
  keyHandleInvalid: 0x60,
  objectHandleInvalid: 0x82,
  operationActive: 0x90,
  sessionClosed: 0xb0,
  sessionCount: 0xb1,
  sessionHandleInvalid: 0xb3,
  tokenNotPresent: 0xe0,
  userNotLoggedIn: 0x101,
  cryptokiNotInitialized: 0x190,
};

describe('a token', () => {
  let tier: Tier;
  let hsm: Hsm;
  let blob: Buffer;
  const material: MaterialRef = newMaterial();

  before(async () => {
    tier = makeTier({ hosts: 1, faults: true });
    await tier.start();
    hsm = tier.connect();
    await hsm.claim(storeId);
    await hsm.generateKey(material);
    blob = await hsm.encrypt(material, context, marked);
  });
  afterEach(async () => {
    tier.inject();
    if (existsSync(`${tier.tokens}.away`)) renameSync(`${tier.tokens}.away`, tier.tokens);
    await eventually('served again', async () => (await roundTrip(hsm, material)) === 'ok', 10_000);
  });
  after(() => tier.close());

  it('that goes away and comes back is served again without a restart, and never answers as if keys were gone', async () => {
    const host = tier.hostPid();
    const load = startLoad(hsm, material, 8);
    await load.successes(20);
    renameSync(tier.tokens, `${tier.tokens}.away`);
    // At once, before any health check: SoftHSM then finds nothing and calls that a success.
    const listed = await hsm.listObjects().catch(() => undefined);
    if (listed !== undefined)
      expect(listed.map(({ kind }) => kind)).to.include.members(['canary', 'material']);
    const lost = async () => (await outcomeOf(hsm.decrypt(blob, context))) === 'unavailable';
    await eventually('the token is missed', lost, 4_000);

    const absent: Record<string, Promise<unknown>> = {
      encrypt: hsm.encrypt(material, context, marked),
      decrypt: hsm.decrypt(blob, context),
      'decrypt of a blob it never made': hsm.decrypt(
        Buffer.concat([blob.subarray(0, -1), Buffer.of(0)]),
        context,
      ),
      generateKey: hsm.generateKey(newMaterial()),
      destroyKey: hsm.destroyKey(material),
      'destroyKey of none': hsm.destroyKey(newMaterial()),
      identity: hsm.identity(),
      claim: hsm.claim(storeId),
      listObjects: hsm.listObjects(),
      trailMac: hsm.trailMac(trailGroup()),
    };
    for (const [name, request] of Object.entries(absent)) {
      expect(['unavailable', 'timeout'], name).to.include(await outcomeOf(request));
    }
    const tries = tier.calls('C_Initialize');
    await eventually('several tries', () => tier.calls('C_Initialize') >= tries + 3, 3_000);
    const health = await hsm.checkHealth();
    expect(health.hosts.map(({ problem }) => problem)).to.not.include(undefined);

    renameSync(`${tier.tokens}.away`, tier.tokens);
    await eventually('served again', async () => (await roundTrip(hsm, material)) === 'ok', 6_000);
    await load.stop();
    expect(passing).to.include.members([...load.outcomes.keys()]);
    expect(await hsm.decrypt(blob, context)).to.deep.equal(marked);
    expect((await hsm.identity()).storeId).to.equal(storeId);
    // The host re-initialises the library: it needs no new process for this.
    expect(tier.hostPid()).to.equal(host);
  });

  it('that has lost one object answers missing-object for it, and serves the other keys', async () => {
    const gone = newMaterial();
    const never = newMaterial();
    await hsm.generateKey(gone);
    const orphan = await hsm.encrypt(gone, context, marked);
    await destroyObject(tier, gone.materialId);
    expect(await outcomeOf(hsm.decrypt(orphan, context))).to.equal('missing-object');
    expect(await outcomeOf(hsm.encrypt(gone, context, marked))).to.equal('missing-object');
    expect(await outcomeOf(hsm.encrypt(never, context, marked))).to.equal('missing-object');
    expect(await hsm.destroyKey(gone)).to.equal(false);
    expect(await roundTrip(hsm, material)).to.equal('ok');
  });

  it('answers a blob that was tampered with as the caller’s mistake', async () => {
    const tampered = Buffer.from(blob);
    tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
    expect(await outcomeOf(hsm.decrypt(tampered, context))).to.equal('invalid-ciphertext');
    expect(await outcomeOf(hsm.decrypt(blob, Buffer.from('another')))).to.equal('invalid-ciphertext');
    expect(await roundTrip(hsm, material)).to.equal('ok');
  });

  describe('whose library answers C_Decrypt once with', () => {
    const rows: readonly [keyof typeof ckr, FaultName, readonly Outcome[]][] = [
      // In passing, as the second try shows: not the ciphertext.
      ['generalError', 'error', ['ok']],
      ['functionFailed', 'error', ['ok']],
      ['encryptedDataInvalid', 'error', ['invalid-ciphertext']],
      ['deviceError', 'error', ['unavailable', 'ok']],
      ['deviceRemoved', 'error', ['unavailable', 'ok']],
      ['tokenNotPresent', 'error', ['unavailable', 'ok']],
      ['cryptokiNotInitialized', 'error', ['unavailable', 'ok']],
      ['deviceMemory', 'error', ['busy']],
      ['sessionHandleInvalid', 'error', ['ok']],
      ['sessionClosed', 'error', ['ok']],
    ];
    for (const [name, fault, expected] of rows) {
      it(`${name}: ${expected.join(' or ')}, and then serves`, async () => {
        const struck = tier.struck();
        const rule = { times: 'once', fault, call: 'C_Decrypt', length: marked.length + 16 } as const;
        tier.inject({ ...rule, argument: ckr[name] });
        expect(expected).to.include(await outcomeOf(hsm.decrypt(blob, context)));
        expect(tier.struck() - struck).to.equal(1);
        await eventually('served', async () => (await roundTrip(hsm, material)) === 'ok', 4_000);
      });
    }
  });

  describe('whose library answers once, and the caller notices nothing:', () => {
    const rows: readonly [string, FaultName, keyof typeof ckr][] = [
      ['C_EncryptInit', 'error', 'sessionHandleInvalid'],
      ['C_EncryptInit', 'error', 'sessionClosed'],
      ['C_EncryptInit', 'stuck', 'operationActive'],
      ['C_EncryptInit', 'stuck', 'objectHandleInvalid'],
      ['C_EncryptInit', 'stuck', 'keyHandleInvalid'],
      ['C_EncryptInit', 'stuck', 'userNotLoggedIn'],
      ['C_Encrypt', 'stuck', 'sessionHandleInvalid'],
      ['C_DecryptInit', 'error', 'generalError'],
      ['C_DecryptInit', 'error', 'functionFailed'],
    ];
    for (const [call, fault, code] of rows) {
      it(`${call} ${code}`, async () => {
        const struck = tier.struck();
        tier.inject({ times: 'once', fault, call, argument: ckr[code] });
        expect(await roundTrip(hsm, material)).to.equal('ok');
        expect(tier.struck() - struck).to.equal(1);
      });
    }

    it('every session closed, and the login gone with them', async () => {
      // A host logs in anew once a second at most, and a test before may have made it do so.
      await rest(1_000);
      const struck = tier.struck();
      tier.inject({ times: 'once', fault: 'forget', call: 'C_EncryptInit' });
      expect(await roundTrip(hsm, material)).to.equal('ok');
      expect(tier.struck() - struck).to.equal(1);
    });
  });

  it('that answers GENERAL_ERROR to one ciphertext alone, each time, calls it a bad one', async () => {
    const argument = ckr.generalError;
    const length = marked.length + 16;
    tier.inject({ times: 'always', fault: 'error', call: 'C_Decrypt', length, argument });
    expect(await outcomeOf(hsm.decrypt(blob, context))).to.equal('invalid-ciphertext');
  });

  it('whose library fails before it has seen the ciphertext never calls it a bad one', async () => {
    // Of the additional data: header and context, and not the health check's.
    const length = headerBytes + context.length;
    const argument = ckr.generalError;
    tier.inject({ times: 'always', fault: 'error', call: 'C_DecryptInit', length, argument });
    expect(await outcomeOf(hsm.decrypt(blob, context))).to.equal('internal');
  });

  it('is not searched through for each bad ciphertext or health check', async () => {
    const tampered = Buffer.concat([blob.subarray(0, -1), Buffer.of((blob.at(-1) ?? 0) ^ 1)]);
    // The longer a search takes, the rarer it must be.
    tier.inject({ times: 'always', fault: 'slow', call: 'C_FindObjectsInit', argument: 50 });
    const searches = tier.calls('C_FindObjectsInit');
    for (let round = 0; round < 20; round++) {
      expect(await outcomeOf(hsm.decrypt(tampered, context))).to.equal('invalid-ciphertext');
      expect((await hsm.checkHealth()).hosts[0]?.problem).to.equal(undefined);
    }
    expect(tier.calls('C_FindObjectsInit') - searches).to.be.below(4);
  });

  it('opened anew while an IV is drawn encrypts under the key as it is called then', async () => {
    expect(await roundTrip(hsm, material)).to.equal('ok');
    // A host logs in anew once a second at most, and a test before may have made it do so.
    await rest(1_000);
    const [opened, begun] = [tier.calls('C_Initialize'), tier.calls('C_EncryptInit')];
    const rule = {
      times: 'once',
      fault: 'error',
      call: 'C_GenerateRandom',
      argument: ckr.generalError,
    } as const;
    tier.inject(rule, rule);
    expect(await outcomeOf(hsm.encrypt(material, context, marked))).to.equal('ok');
    expect(tier.calls('C_Initialize') - opened).to.equal(1);
    // Twice where the first was with the handle of before.
    expect(tier.calls('C_EncryptInit') - begun).to.equal(1);
  });

  it('that answers GENERAL_ERROR to everything is away, and a good blob is not called a bad one', async () => {
    const argument = ckr.generalError;
    tier.inject(
      { times: 'always', fault: 'error', call: 'C_Decrypt', argument },
      { times: 'always', fault: 'error', call: 'C_GetTokenInfo', argument },
    );
    expect(['unavailable', 'timeout']).to.include(await outcomeOf(hsm.decrypt(blob, context)));
  });

  it('whose known-answer decrypt gives a wrong answer is not used', async () => {
    tier.inject({ times: 'always', fault: 'wrong', call: 'C_Decrypt' });
    const sick = async () => (await hsm.checkHealth()).hosts.every(({ problem }) => problem !== undefined);
    await eventually('the host is known as sick', sick, 4_000);
    expect(['unavailable', 'timeout']).to.include(await outcomeOf(hsm.encrypt(material, context, marked)));
  });
});

describe('a token whose canary fails in passing when it is opened', () => {
  it('is not taken for nobody’s: its sealing key and its trail key stay', async () => {
    const tier = makeTier({ faults: true });
    try {
      await tier.start();
      const hsm = tier.connect();
      await hsm.claim(storeId);
      const aad = Buffer.from('aad');
      const { sealed } = await hsm.createAccessKeySecret(aad);
      const mac = await hsm.trailMac(trailGroup());
      // The bytes of the known answer, whose ciphertext is made when a host first sees the canary.
      const rule = { fault: 'error', call: 'C_Encrypt', length: 19, argument: ckr.generalError } as const;
      const tries = tier.calls('C_Encrypt');
      tier.inject({ times: 'always', ...rule });
      process.kill(tier.hostPid(), 'SIGKILL');
      await eventually('several tries', () => tier.calls('C_Encrypt') > tries + 4, 4_000);
      for (const request of [hsm.identity(), hsm.claim(storeId), hsm.claim('ff'.repeat(16))]) {
        expect(['unavailable', 'timeout']).to.include(await outcomeOf(request));
      }
      tier.inject();
      await eventually('a host serves', async () => (await outcomeOf(hsm.random(8))) === 'ok', 4_000);
      expect((await hsm.identity()).storeId).to.equal(storeId);
      expect(await outcomeOf(hsm.deriveSigningKey(aad, sealed, dateIn(0), 'us-east-1', 'kms'))).to.equal(
        'ok',
      );
      expect(await hsm.trailMac(trailGroup())).to.deep.equal(mac);
    } finally {
      await tier.close();
    }
  });

  it('where the canary is gone, is claimed again by the same store alone, which finds its keys', async () => {
    const tier = makeTier({ hosts: 1 });
    try {
      await tier.start();
      const hsm = tier.connect();
      await hsm.claim(storeId);
      const mac = await hsm.trailMac(trailGroup());
      await destroyObject(tier, storeId);
      process.kill(tier.hostPid(), 'SIGKILL');
      const nobodys = async () => (await hsm.identity().catch(() => ({ storeId }))).storeId === undefined;
      await eventually('a host serves', nobodys, 4_000);
      expect(await outcomeOf(hsm.claim('ff'.repeat(16)))).to.equal('internal');
      expect(await hsm.trailMac(trailGroup())).to.deep.equal(mac);
      await hsm.claim(storeId);
      expect(await hsm.trailMac(trailGroup())).to.deep.equal(mac);
      expect((await hsm.listObjects()).map(({ kind }) => kind)).to.have.members([
        'canary',
        'trail',
        'sealing',
        'checkpoint',
        'public',
      ]);
    } finally {
      await tier.close();
    }
  });

  it('gets the checkpoint key that it lacks, or lacks a half of, when its own store claims it', async () => {
    const tier = makeTier({ hosts: 1 });
    try {
      await tier.start();
      const hsm = tier.connect();
      await hsm.claim(storeId);
      const before = await hsm.listObjects();
      const first = await hsm.trailPublicKey();
      await hsm.claim(storeId);
      expect(await hsm.trailPublicKey()).to.deep.equal(first);
      const id = before.find(({ kind }) => kind === 'checkpoint')?.id ?? '';
      for (const halves of [[publicClass], [privateClass], [privateClass, publicClass]]) {
        const last = await hsm.trailPublicKey();
        for (const half of halves) await destroyObject(tier, id, half);
        const missing = halves.includes(publicClass) ? hsm.trailPublicKey() : hsm.trailSign(checkpoint);
        expect(await outcomeOf(missing), halves.join()).to.equal('missing-object');
        expect(await outcomeOf(hsm.claim('ff'.repeat(16)))).to.equal('internal');
        await hsm.claim(storeId);
        const key = await hsm.trailPublicKey();
        expect(key.equals(last)).to.equal(false);
        const publicKey = createPublicKey({ key, format: 'der', type: 'spki' });
        expect(verify('sha256', checkpoint, publicKey, await hsm.trailSign(checkpoint))).to.equal(true);
        expect(await hsm.listObjects()).to.have.deep.members(before);
      }
    } finally {
      await tier.close();
    }
  });
});

describe('a token tier that starts while its token is away', () => {
  it('ends with EX_TEMPFAIL, so that whoever runs it tries again, and serves when the token is there', async () => {
    const tier = makeTier();
    try {
      const aside = `${tier.tokens}.aside`;
      renameSync(tier.tokens, aside);
      mkdirSync(tier.tokens);
      expect(await tier.startAndEnd()).to.deep.equal({ code: 75, signal: null });
      expect(tier.output).to.include(tier.label);
      rmdirSync(tier.tokens);
      renameSync(aside, tier.tokens);
      await tier.start();
    } finally {
      await tier.close();
    }
  });
});
