import {
  ConflictException,
  type KMS,
  LimitExceededException,
  paginateListKeyRotations,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { readTrail } from '../crash/verify.ts';
import { call, newKey, refusal, refused, service } from './shared.ts';

const day = 24 * 60 * 60 * 1_000;

describe('rotation, through the AWS SDK', () => {
  let client: KMS;

  before(async function () {
    this.timeout(60_000);
    client = (await service()).client();
  });

  const encrypt = async (KeyId: string, text: string) =>
    (await client.encrypt({ KeyId, Plaintext: Buffer.from(text) })).CiphertextBlob;
  const decrypt = async (CiphertextBlob: Uint8Array | undefined) => {
    const { Plaintext, KeyMaterialId } = await client.decrypt({ CiphertextBlob });
    return [Buffer.from(Plaintext ?? []).toString(), KeyMaterialId];
  };

  it('a key of a kind that does not rotate says so, as tools that read every key rely on', async () => {
    for (const [KeySpec, KeyUsage] of [
      ['ECC_NIST_P256', 'SIGN_VERIFY'],
      ['HMAC_256', 'GENERATE_VERIFY_MAC'],
    ] as const) {
      const { id: KeyId } = await newKey(client, { KeySpec, KeyUsage });
      const off = { KeyId, KeyRotationEnabled: false };
      expect(await client.getKeyRotationStatus({ KeyId })).to.deep.include(off);
      await refused(client.enableKeyRotation({ KeyId }), 'UnsupportedOperationException');
    }
  });

  it('a key does not rotate until it is told to, and no longer when told not to', async () => {
    const { id: KeyId } = await newKey(client);
    const off = { KeyId, KeyRotationEnabled: false };
    expect(await client.getKeyRotationStatus({ KeyId })).to.deep.include(off);
    await client.enableKeyRotation({ KeyId });
    const status = await client.getKeyRotationStatus({ KeyId });
    expect(status).to.deep.include({ KeyId, KeyRotationEnabled: true, RotationPeriodInDays: 365 });
    expect(Number(status.NextRotationDate) - Date.now()).to.be.within(365 * day - 60_000, 365 * day);

    // The same again moves no date, another period begins today.
    await client.enableKeyRotation({ KeyId, RotationPeriodInDays: 365 });
    expect(await client.getKeyRotationStatus({ KeyId })).to.deep.include({
      NextRotationDate: status.NextRotationDate,
    });
    await client.enableKeyRotation({ KeyId, RotationPeriodInDays: 90 });
    const sooner = await client.getKeyRotationStatus({ KeyId });
    expect(sooner.RotationPeriodInDays).to.equal(90);
    expect(Number(sooner.NextRotationDate) - Date.now()).to.be.within(90 * day - 60_000, 90 * day);

    await client.disableKeyRotation({ KeyId });
    const { $metadata: _, ...after } = await client.getKeyRotationStatus({ KeyId });
    expect(after).to.deep.equal(off);
    await client.disableKeyRotation({ KeyId });
  });

  it('the period is 90 to 2560 days', async () => {
    const { id: KeyId } = await newKey(client);
    for (const RotationPeriodInDays of [89, 2561, 0, -90]) {
      const bound = RotationPeriodInDays < 90 ? 'greater than or equal to 90' : 'less than or equal to 2560';
      await refused(
        client.enableKeyRotation({ KeyId, RotationPeriodInDays }),
        'ValidationException',
        `1 validation error detected: Value '${RotationPeriodInDays}' at 'rotationPeriodInDays' failed to satisfy constraint: Member must have value ${bound}`,
      );
    }
    for (const RotationPeriodInDays of [90, 2560]) {
      await client.enableKeyRotation({ KeyId, RotationPeriodInDays });
      expect((await client.getKeyRotationStatus({ KeyId })).RotationPeriodInDays).to.equal(
        RotationPeriodInDays,
      );
    }
  });

  it('a rotation on demand is in force when it is answered, and every older ciphertext decrypts', async () => {
    const { id: KeyId, arn } = await newKey(client);
    await client.enableKeyRotation({ KeyId });
    const { NextRotationDate } = await client.getKeyRotationStatus({ KeyId });
    const blobs: [Uint8Array | undefined, string, string | undefined][] = [];
    for (let generation = 0; generation < 4; generation += 1) {
      const { KeyMetadata } = await client.describeKey({ KeyId });
      const text = `generation ${generation}`;
      blobs.push([await encrypt(KeyId, text), text, KeyMetadata?.CurrentKeyMaterialId]);
      const answer = await client.rotateKeyOnDemand({ KeyId: generation % 2 === 0 ? KeyId : arn });
      expect(answer.KeyId).to.equal(KeyId);
      const now = (await client.describeKey({ KeyId })).KeyMetadata?.CurrentKeyMaterialId;
      expect(now)
        .to.match(/^[0-9a-f]{64}$/)
        .and.not.to.equal(KeyMetadata?.CurrentKeyMaterialId);
    }
    expect(new Set(blobs.map(([, , material]) => material)).size).to.equal(4);
    for (const [blob, text, material] of blobs) expect(await decrypt(blob)).to.deep.equal([text, material]);

    const { KeyMaterialId } = await client.generateDataKey({ KeyId, KeySpec: 'AES_256' });
    expect(KeyMaterialId).to.equal((await client.describeKey({ KeyId })).KeyMetadata?.CurrentKeyMaterialId);
    const moved = await client.reEncrypt({ CiphertextBlob: blobs[0]?.[0], DestinationKeyId: KeyId });
    expect(moved.SourceKeyMaterialId).to.equal(blobs[0]?.[2]);
    expect(moved.DestinationKeyMaterialId).to.equal(KeyMaterialId);

    // Its own schedule is as it was, and nothing is under way any more.
    const { $metadata: _, ...status } = await client.getKeyRotationStatus({ KeyId });
    expect(status).to.deep.equal({
      KeyId,
      KeyRotationEnabled: true,
      RotationPeriodInDays: 365,
      NextRotationDate,
    });
  });

  it('rotations are listed in pages, with the first material where that is asked for', async () => {
    const { id: KeyId } = await newKey(client);
    const current = async () => (await client.describeKey({ KeyId })).KeyMetadata?.CurrentKeyMaterialId;
    const materials = [await current()];
    expect((await client.listKeyRotations({ KeyId })).Rotations).to.deep.equal([]);
    for (let count = 0; count < 3; count += 1) {
      await client.rotateKeyOnDemand({ KeyId });
      materials.push(await current());
    }
    const { Rotations = [], Truncated } = await client.listKeyRotations({ KeyId });
    expect(Truncated).to.equal(false);
    expect(Rotations.map((entry) => entry.KeyMaterialId)).to.deep.equal(materials.slice(1));
    for (const [index, entry] of Rotations.entries()) {
      expect(entry).to.deep.include({
        KeyId,
        RotationType: 'ON_DEMAND',
        KeyMaterialState: index === 2 ? 'CURRENT' : 'NON_CURRENT',
      });
      expect(Math.abs(Date.now() - Number(entry.RotationDate))).to.be.below(60_000);
    }

    const IncludeKeyMaterial = 'ALL_KEY_MATERIAL';
    const [first] = (await client.listKeyRotations({ KeyId, IncludeKeyMaterial })).Rotations ?? [];
    expect(first).to.deep.equal({ KeyId, KeyMaterialId: materials[0], KeyMaterialState: 'NON_CURRENT' });
    const listed: (string | undefined)[] = [];
    let pages = 0;
    for await (const page of paginateListKeyRotations(
      { client, pageSize: 3 },
      { KeyId, IncludeKeyMaterial },
    )) {
      pages += 1;
      listed.push(...(page.Rotations ?? []).map((entry) => entry.KeyMaterialId));
    }
    expect(pages).to.equal(2);
    expect(listed).to.deep.equal(materials);

    const { NextMarker: Marker } = await client.listKeyRotations({ KeyId, Limit: 1 });
    await refused(client.listKeyRotations({ KeyId, IncludeKeyMaterial, Marker }), 'InvalidMarkerException');
    for (const Limit of [0, 1001]) {
      await refused(client.listKeyRotations({ KeyId, Limit }), 'ValidationException', /at 'limit'/);
    }
  });

  it('rotates on demand 25 times, and not once more', async function () {
    this.timeout(30_000);
    const { id: KeyId, arn } = await newKey(client);
    const blob = await encrypt(KeyId, 'the oldest');
    for (let count = 0; count < 25; count += 1) await client.rotateKeyOnDemand({ KeyId });
    const error = await refusal(client.rotateKeyOnDemand({ KeyId }));
    expect(error).to.be.instanceOf(LimitExceededException);
    expect(error.message).to.equal(
      `The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: ${arn}`,
    );
    expect((await client.listKeyRotations({ KeyId })).Rotations).to.have.length(25);
    expect((await decrypt(blob))[0]).to.equal('the oldest');
  });

  it('rotations asked for at once are done one after the other or refused, and each counts', async () => {
    const { id: KeyId } = await newKey(client);
    const asked = await Promise.allSettled(
      Array.from({ length: 8 }, () => client.rotateKeyOnDemand({ KeyId })),
    );
    const done = asked.filter(({ status }) => status === 'fulfilled').length;
    for (const answer of asked) {
      if (answer.status === 'rejected') expect(answer.reason).to.be.instanceOf(ConflictException);
    }
    expect(done).to.be.above(0);
    expect((await client.listKeyRotations({ KeyId })).Rotations).to.have.length(done);
  });

  it('encryption goes on while a key rotates', async () => {
    const { id: KeyId } = await newKey(client);
    let going = true;
    const blobs: [Uint8Array | undefined, string][] = [];
    const busy = Array.from({ length: 4 }, async (_, actor) => {
      for (let count = 0; going; count += 1) {
        const text = `${actor} ${count}`;
        blobs.push([await encrypt(KeyId, text), text]);
      }
    });
    for (let count = 0; count < 5; count += 1) await client.rotateKeyOnDemand({ KeyId });
    going = false;
    await Promise.all(busy);
    const materials = new Set<string | undefined>();
    for (const [blob, text] of blobs) {
      const [opened, material] = await decrypt(blob);
      expect(opened).to.equal(text);
      materials.add(material);
    }
    expect(materials.size).to.be.above(1);
  });

  it('a rotation is in the trail as a call and as what the service did', async () => {
    const at = await service();
    const { id: KeyId, arn } = await newKey(client);
    const before = (await client.describeKey({ KeyId })).KeyMetadata?.CurrentKeyMaterialId;
    await client.rotateKeyOnDemand({ KeyId });
    const after = (await client.describeKey({ KeyId })).KeyMetadata?.CurrentKeyMaterialId;
    const records = (await readTrail(at.trailFolder)).filter(({ resources }) =>
      resources.some(({ ARN }) => ARN === arn),
    );
    const names = records.map(({ eventName }) => eventName);
    expect(names).to.include.members(['RotateKeyOnDemand', 'RotateKey']);
    const rotated = records.find(({ eventName }) => eventName === 'RotateKey');
    expect(rotated).to.deep.include({
      eventType: 'AwsServiceEvent',
      serviceEventDetails: {
        rotationType: 'ON_DEMAND',
        keyOrigin: 'AWS_KMS',
        previousKeyMaterialId: before,
        currentKeyMaterialId: after,
      },
    });
    const asked = records.find(({ eventName }) => eventName === 'RotateKeyOnDemand');
    expect(asked?.requestParameters).to.deep.equal({ keyId: KeyId });
  });

  it('metrics tell how keys rotate, and how near to its limit the nearest of them is', async () => {
    const text = await (await fetch(`${(await service()).url}/metrics`)).text();
    for (const outcome of ['rotated', 'failed']) {
      expect(text).to.match(new RegExp(`^coffer_rotations_total\\{outcome="${outcome}"\\} 0$`, 'm'));
    }
    expect(text).to.match(/^coffer_most_encryptions \d+$/m);
  });

  it('an alias does not name the key, an unknown member is refused, and nothing is made', async () => {
    const { id: KeyId } = await newKey(client);
    const AliasName = 'alias/rotation-names';
    await client.createAlias({ AliasName, TargetKeyId: KeyId });
    for (const ask of [
      () => client.enableKeyRotation({ KeyId: AliasName }),
      () => client.disableKeyRotation({ KeyId: AliasName }),
      () => client.getKeyRotationStatus({ KeyId: AliasName }),
      () => client.rotateKeyOnDemand({ KeyId: AliasName }),
      () => client.listKeyRotations({ KeyId: AliasName }),
    ]) {
      await refused(ask(), 'NotFoundException', `Invalid keyId '${AliasName}'`);
    }
    const { body } = await call(await service(), 'RotateKeyOnDemand', { KeyId, DryRun: true });
    expect(body?.__type).to.equal('UnsupportedOperationException');
    expect((await client.listKeyRotations({ KeyId })).Rotations).to.deep.equal([]);
  });
});
