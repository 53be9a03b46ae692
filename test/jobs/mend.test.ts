import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { reconcileFor } from '../../src/app/reconcile.ts';
import { compareStoreAndToken } from '../../src/jobs/compare.ts';
import type { FindingKind } from '../../src/jobs/finding.ts';
import type { Reconciliation } from '../../src/jobs/mend.ts';
import type { MaterialRef } from '../../src/keys/hsm.ts';
import type { Key } from '../../src/keys/key.ts';
import type { KeySpec, KeyUsage } from '../../src/keys/spec/key-spec.ts';
import { destroyObject, plantObject } from '../fault/session.ts';
import { type Assembly, assemble } from './assembly.ts';

const region = 'us-east-1';
const publicClass = 2;
const privateClass = 3;

describe('comparing store and token', function () {
  this.timeout(60_000);
  let at: Assembly;
  before(async () => {
    at = await assemble();
  });
  after(() => at.close());

  /** A row, and its objects in the token unless there are to be none. */
  async function makeKey(
    spec: { keySpec: KeySpec; keyUsage: KeyUsage } = {
      keySpec: 'SYMMETRIC_DEFAULT',
      keyUsage: 'ENCRYPT_DECRYPT',
    },
    finish = true,
  ): Promise<MaterialRef> {
    const material = { keyId: randomUUID(), materialId: randomBytes(16).toString('hex') };
    const { account } = at.root;
    const key: Key = {
      region,
      account,
      keyId: material.keyId,
      state: 'Creating',
      description: '',
      ...spec,
      origin: 'AWS_KMS',
      createdAt: at.clock.now(),
      currentMaterialId: material.materialId,
      materials: [
        {
          materialId: material.materialId,
          keyMaterialId: randomBytes(32).toString('hex'),
          createdAt: at.clock.now(),
        },
      ],
      policy: undefined,
      tags: [],
      aliases: [],
    };
    await at.changes.apply({ region, account, type: 'key-creating', key }, undefined);
    await at.hsm.generateKey(material, spec.keySpec, spec.keyUsage);
    if (finish) {
      await at.changes.apply({ region, account, type: 'key-created', keyId: key.keyId }, undefined);
    }
    return material;
  }

  const reconcile = (mend: boolean, alone = true): Promise<Reconciliation> =>
    reconcileFor({ ...at, alone, region }, { type: 'reconcile', mend, operator: 'somebody' });

  async function seen(): Promise<string[]> {
    const { findings } = await compareStoreAndToken(at);
    return findings.map(({ kind, subject }) => `${kind} ${subject}`);
  }

  /** What is found of one key. */
  async function kindsOf({ keyId }: { keyId: string }, mend = false, alone = true): Promise<FindingKind[]> {
    const { findings } = await reconcile(mend, alone);
    return findings.filter((one) => one.keyId === keyId).map(({ kind }) => kind);
  }

  const objectsOf = async ({ materialId }: MaterialRef) =>
    (await at.hsm.listObjects()).filter(({ id }) => id === materialId).length;
  const recordsOf = async (name: string, keyId: string) =>
    (await at.records()).filter(
      ({ eventName, resources }) => eventName === name && resources.some(({ ARN }) => ARN.endsWith(keyId)),
    );

  it('finds that they agree: keys of every kind, in every state that has its objects', async () => {
    await makeKey();
    await makeKey({ keySpec: 'ECC_NIST_P256', keyUsage: 'SIGN_VERIFY' });
    await makeKey({ keySpec: 'HMAC_256', keyUsage: 'GENERATE_VERIFY_MAC' });
    const disabled = await at.createKey();
    await at.call('DisableKey', { KeyId: disabled });
    const pending = await at.createKey();
    await at.call('ScheduleKeyDeletion', { KeyId: pending, PendingWindowInDays: 7 });
    expect(await seen()).to.deep.equal([]);
    const told = await reconcile(true);
    expect(told).to.include({ differences: 0, materials: 5, service: 'stopped' });
    expect(await at.call<{ KeyMetadata: object }>('DescribeKey', { KeyId: pending })).to.nested.include({
      'KeyMetadata.KeyState': 'PendingDeletion',
    });
  });

  it('tells a key that the token has lost, and mends nothing of it', async () => {
    const material = await makeKey();
    await destroyObject(at.tier, material.materialId);
    expect(await kindsOf(material)).to.deep.equal(['lost-key']);
    expect(await kindsOf(material, true)).to.deep.equal(['lost-key']);
    const { findings } = await reconcile(true);
    const lost = findings.find(({ keyId }) => keyId === material.keyId);
    expect(lost).to.include({ mended: false });
    expect(lost?.advice).to.match(/restore the token from its backup/);
  });

  it('tells which half of a pair is lost', async () => {
    for (const [type, half] of [
      [publicClass, 'public'],
      [privateClass, 'private'],
    ] as const) {
      const material = await makeKey({ keySpec: 'ECC_NIST_P256', keyUsage: 'SIGN_VERIFY' });
      await destroyObject(at.tier, material.materialId, type);
      const { findings } = await reconcile(true);
      const [lost] = findings.filter(({ keyId }) => keyId === material.keyId);
      expect(lost).to.include({ kind: 'lost-half', mended: false });
      expect(lost?.subject).to.match(new RegExp(`the ${half} half$`));
    }
  });

  it('tells keys that no row explains, and never destroys them', async () => {
    const material = { keyId: randomUUID(), materialId: randomBytes(16).toString('hex') };
    await at.hsm.generateKey(material, 'ECC_NIST_P256', 'SIGN_VERIFY');
    expect(await kindsOf(material, true)).to.deep.equal(['unexplained-key', 'unexplained-key']);
    expect(await objectsOf(material)).to.equal(2);
    // The id is the store's, the name another key's: neither explains the other.
    const mine = await makeKey();
    await destroyObject(at.tier, mine.materialId);
    const posing = { ...mine, keyId: randomUUID() };
    await at.hsm.generateKey(posing);
    expect(await kindsOf(mine)).to.deep.equal(['lost-key']);
    expect(await kindsOf(posing, true)).to.deep.equal(['unexplained-key']);
    expect(await objectsOf(posing)).to.equal(1);
  });

  it('tells when Coffer’s own keys are gone', async () => {
    const objects = await at.hsm.listObjects();
    const parts = {
      ...at,
      hsm: { listObjects: async () => objects.filter(({ kind }) => kind !== 'sealing') },
    };
    const { findings } = await compareStoreAndToken(parts);
    expect(findings.map(({ kind, subject }) => `${kind} ${subject}`)).to.include(
      'lost-own-key coffer sealing',
    );
  });

  it('ends a destruction that was interrupted, and the trail says so', async () => {
    const keyId = await at.createKey();
    const scope = { region, account: at.root.account };
    const [material] = (await at.hsm.listObjects()).filter((object) => object.keyId === keyId);
    await at.changes.apply(
      { ...scope, type: 'key-state', keyId, from: ['Enabled'], to: 'PendingDeletion', deletionDate: 1 },
      undefined,
    );
    expect(await kindsOf({ keyId }, true), 'it is not Destroying yet').to.deep.equal([]);
    await at.changes.apply(
      { ...scope, type: 'key-state', keyId, from: ['PendingDeletion'], to: 'Destroying', deletionDate: 1 },
      undefined,
    );
    expect(await kindsOf({ keyId })).to.deep.equal(['destroying']);
    const { findings } = await reconcile(true, false);
    expect(findings.find((one) => one.keyId === keyId)).to.include({ kind: 'destroying', mended: true });
    expect(await kindsOf({ keyId })).to.deep.equal([]);
    expect(await objectsOf({ keyId, materialId: material?.id ?? '' })).to.equal(0);
    expect(await recordsOf('DeleteKey', keyId)).to.have.length(1);
  });

  it('takes back a key that was being made, but not while somebody may be making it', async () => {
    const material = await makeKey(undefined, false);
    expect(await kindsOf(material, true, false)).to.deep.equal(['unfinished']);
    expect(await objectsOf(material)).to.equal(1);
    const { findings } = await reconcile(true);
    expect(findings.find(({ keyId }) => keyId === material.keyId)).to.include({ mended: true });
    expect(await kindsOf(material)).to.deep.equal([]);
    expect(await objectsOf(material)).to.equal(0);
    const [record, ...more] = await recordsOf('ReconcileKeys', material.keyId);
    expect(more).to.deep.equal([]);
    expect(record).to.deep.include({
      userIdentity: { type: 'AWSService', invokedBy: 'coffer keys reconcile' },
      requestParameters: { mended: 'unfinished', keyId: material.keyId, subjects: [material.keyId] },
      additionalEventData: { operator: 'somebody' },
    });
  });

  it('takes back a material that was to be a key’s next one, and leaves the key', async () => {
    const keyId = await at.createKey();
    const scope = { region, account: at.root.account, keyId };
    const [current] = (await at.hsm.listObjects()).filter((object) => object.keyId === keyId);
    const materialId = randomBytes(16).toString('hex');
    const made = await at.changes.apply(
      {
        ...scope,
        type: 'material-creating',
        from: ['Enabled'],
        material: { materialId, keyMaterialId: randomBytes(32).toString('hex'), createdAt: at.clock.now() },
        rotationType: 'ON_DEMAND',
        currentMaterialId: current?.id ?? '',
      },
      undefined,
    );
    expect(made.type).to.equal('done');
    await at.hsm.generateKey({ keyId, materialId });
    expect(await kindsOf({ keyId }, true, false)).to.deep.equal(['unfinished']);
    const { findings } = await reconcile(true);
    expect(findings.find((one) => one.keyId === keyId)).to.include({ kind: 'unfinished', mended: true });
    expect(await objectsOf({ keyId, materialId })).to.equal(0);
    expect(await objectsOf({ keyId, materialId: current?.id ?? '' })).to.equal(1);
    expect(await recordsOf('ReconcileKeys', keyId)).to.have.length(1);
    await at.call('Encrypt', { KeyId: keyId, Plaintext: 'AAAA' });
  });

  it('destroys a wrapping key whose import token is long past, and no other', async () => {
    const { KeyMetadata } = await at.call<{ KeyMetadata: { KeyId: string } }>('CreateKey', {
      Origin: 'EXTERNAL',
    });
    const begin = () =>
      at.call('GetParametersForImport', {
        KeyId: KeyMetadata.KeyId,
        WrappingAlgorithm: 'RSAES_OAEP_SHA_1',
        WrappingKeySpec: 'RSA_2048',
      });
    const wrapping = async () =>
      (await at.hsm.listObjects()).filter(({ kind }) => kind === 'wrapping').map(({ id }) => id);
    const found = async () =>
      (await reconcile(true)).findings
        .filter(({ kind }) => /wrapping/.test(kind))
        .map(({ kind, subject, mended }) => ({ kind, subject, mended }));
    await begin();
    const [past = ''] = await wrapping();
    expect(await found(), 'while its import is under way').to.deep.equal([]);
    at.clock.pass(90_000_000);
    await begin();
    expect(await found()).to.deep.equal([{ kind: 'wrapping-key', subject: past, mended: true }]);
    const stray = randomBytes(16).toString('hex');
    await at.hsm.createWrappingKey(
      stray,
      'RSA_2048',
      'RSAES_OAEP_SHA_1',
      'SYMMETRIC_DEFAULT',
      'ENCRYPT_DECRYPT',
    );
    expect(await found()).to.deep.equal([
      { kind: 'unexplained-wrapping-key', subject: stray, mended: false },
    ]);
    expect(await wrapping())
      .to.have.length(2)
      .and.not.to.include(past);
    const [record] = (await at.records()).filter(({ requestParameters }) =>
      JSON.stringify(requestParameters).includes(past),
    );
    expect(record).to.include({ eventName: 'ReconcileKeys' });
    await at.hsm.destroyWrappingKey(stray);
  });

  it('destroys what is left of a host that was killed, once it is sure, and no nameless key of another program', async () => {
    const folder = join(at.tier.tokens, readdirSync(at.tier.tokens)[0] ?? '');
    await plantObject(at.tier, '');
    const before = new Set(readdirSync(folder));
    await makeKey();
    const source = readdirSync(folder).find((name) => name.endsWith('.object') && !before.has(name)) ?? '';
    const bytes = readFileSync(join(folder, source));
    const names: string[] = [];
    // Each as SoftHSM has it at one moment of writing it, with the file of its lock.
    for (let length = 12; length < bytes.length; length += 12) {
      const name = join(folder, randomUUID());
      writeFileSync(`${name}.object`, bytes.subarray(0, length));
      writeFileSync(`${name}.lock`, '');
      names.push(name);
    }
    // The module, initialised anew where a key is missed, sees them.
    await at.hsm.destroyKey({ keyId: randomUUID(), materialId: randomBytes(16).toString('hex') });
    const shells = async () => (await at.hsm.listObjects()).filter(({ kind }) => kind === 'shell').length;
    const left = await shells();
    expect(left).to.be.above(0);
    expect(await at.hsm.destroyShells()).to.deep.include({ destroyed: 0 });
    expect(await shells(), 'seen once, they stay').to.equal(left);
    const { findings, failures } = await reconcile(true);
    expect(failures).to.deep.equal([]);
    expect(findings.find(({ kind }) => kind === 'shells')).to.include({ mended: true });
    expect(await shells()).to.equal(0);
    const unnamed = (await at.hsm.listObjects()).filter(({ label }) => label === '');
    expect(unnamed.map(({ kind }) => kind)).to.deep.equal(['unknown']);
    const [record] = (await at.records()).filter(
      ({ eventName, resources, requestParameters }) =>
        eventName === 'ReconcileKeys' &&
        resources.length === 0 &&
        JSON.stringify(requestParameters).includes('shells'),
    );
    expect(record?.requestParameters).to.deep.equal({ mended: 'shells', subjects: [String(left)] });
    for (const name of names) for (const end of ['object', 'lock']) rmSync(`${name}.${end}`, { force: true });
  });

  it('takes nothing for lost or unexplained that is made or destroyed between two readings', async () => {
    const before = await seen();
    const going = await at.createKey();
    const scope = { region, account: at.root.account, keyId: going } as const;
    let making: string | undefined;
    const hsm = {
      async listObjects() {
        const objects = await at.hsm.listObjects();
        if (making !== undefined) return objects;
        making = await at.createKey();
        const materialId = objects.find(({ keyId }) => keyId === going)?.id ?? '';
        await at.changes.apply(
          { ...scope, type: 'key-state', from: ['Enabled'], to: 'Destroying', deletionDate: 1 },
          undefined,
        );
        await at.hsm.destroyKey({ keyId: going, materialId });
        await at.changes.apply({ ...scope, type: 'key-destroyed' }, undefined);
        return objects;
      },
    };
    const { findings } = await compareStoreAndToken({ ...at, hsm });
    expect(making).to.be.a('string');
    expect(findings.map(({ kind, subject }) => `${kind} ${subject}`)).to.deep.equal(before);
  });

  it('finds nothing in keys that are made and destroyed meanwhile', async () => {
    const before = await seen();
    let ended = false;
    const load = (async () => {
      while (!ended) {
        const keyId = await at.createKey();
        await at.call('ScheduleKeyDeletion', { KeyId: keyId, PendingWindowInDays: 7 });
        const scope = { region, account: at.root.account, keyId };
        const [{ id: materialId = '' } = {}] = (await at.hsm.listObjects()).filter(
          (object) => object.keyId === keyId,
        );
        await at.changes.apply(
          { ...scope, type: 'key-state', from: ['PendingDeletion'], to: 'Destroying' },
          undefined,
        );
        await at.hsm.destroyKey({ keyId, materialId });
        await at.changes.apply({ ...scope, type: 'key-destroyed' }, undefined);
      }
    })();
    try {
      for (let round = 0; round < 30; round++) {
        // One whose making or destruction is slow may be seen twice, as what it is.
        const lasting = (await seen()).filter((one) => !/^(unfinished|destroying) /.test(one));
        expect(lasting).to.deep.equal(before);
      }
    } finally {
      ended = true;
      await load;
    }
  });
});
