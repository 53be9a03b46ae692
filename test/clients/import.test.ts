import { createPublicKey, randomBytes } from 'node:crypto';
import type { KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import type { Service } from '../service.ts';
import { type Given, importInto, newExternalKey, type Parameters, parametersFor } from './importing.ts';
import { newKey, refused, service } from './shared.ts';

const day = 86_400_000;

describe('imported key material', () => {
  let at: Service;
  let client: KMS;
  before(async function () {
    this.timeout(60_000);
    at = await service();
    client = at.client();
    // The token is asked once what it can do, which takes some seconds.
    await newExternalKey(client);
  });

  const stateOf = async (KeyId: string) => (await client.describeKey({ KeyId })).KeyMetadata;
  const encrypt = async (KeyId: string) =>
    (await client.encrypt({ KeyId, Plaintext: Buffer.from('secret') })).CiphertextBlob;
  const decrypt = async (CiphertextBlob: Uint8Array | undefined) => client.decrypt({ CiphertextBlob });
  const listed = async (KeyId: string) =>
    (await client.listKeyRotations({ KeyId, IncludeKeyMaterial: 'ALL_KEY_MATERIAL' })).Rotations ?? [];

  describe('into a symmetric key', () => {
    it('before it is there, the key awaits it and does nothing', async () => {
      const { KeyMetadata } = await client.createKey({ Origin: 'EXTERNAL' });
      const KeyId = KeyMetadata?.KeyId ?? '';
      expect(KeyMetadata).to.include({
        Origin: 'EXTERNAL',
        KeyState: 'PendingImport',
        Enabled: false,
        KeySpec: 'SYMMETRIC_DEFAULT',
      });
      for (const metadata of [KeyMetadata, await stateOf(KeyId)]) {
        expect(metadata).to.not.have.any.keys('ExpirationModel', 'ValidTo', 'CurrentKeyMaterialId');
      }
      const arn = KeyMetadata?.Arn;
      await refused(encrypt(KeyId), 'KMSInvalidStateException', `${arn} is pending import.`);
      expect(await listed(KeyId)).to.deep.equal([]);
      // Nothing is there to be deleted, and that is no mistake.
      expect(await client.deleteImportedKeyMaterial({ KeyId })).to.include({ KeyId: arn });
    });

    it('encrypts and decrypts, and shows what it is', async () => {
      const { id: KeyId, arn } = await newExternalKey(client);
      const { token, publicKey, validTo } = await parametersFor(client, KeyId);
      expect(token.length).to.be.within(1, 6144);
      expect(validTo.getTime() - Date.now()).to.be.within(day - 60_000, day + 1_000);
      expect(
        createPublicKey({ key: publicKey, format: 'der', type: 'spki' }).asymmetricKeyDetails,
      ).to.include({
        modulusLength: 2048,
      });
      const ValidTo = new Date(Math.floor((Date.now() + 30 * day) / 1000) * 1000);
      const id = await importInto(client, KeyId, randomBytes(32), {
        ValidTo,
        KeyMaterialDescription: 'mine',
      });
      expect(id).to.match(/^[0-9a-f]{64}$/);
      expect(await stateOf(KeyId)).to.deep.include({
        KeyState: 'Enabled',
        Enabled: true,
        ExpirationModel: 'KEY_MATERIAL_EXPIRES',
        ValidTo,
        CurrentKeyMaterialId: id,
      });
      const { KeyMaterialId, Plaintext } = await decrypt(await encrypt(KeyId));
      expect(Buffer.from(Plaintext ?? []).toString()).to.equal('secret');
      expect(KeyMaterialId).to.equal(id);
      expect(await listed(KeyId)).to.deep.equal([
        {
          KeyId,
          KeyMaterialId: id,
          KeyMaterialDescription: 'mine',
          ImportState: 'IMPORTED',
          KeyMaterialState: 'CURRENT',
          ExpirationModel: 'KEY_MATERIAL_EXPIRES',
          ValidTo,
        },
      ]);
      await refused(
        client.enableKeyRotation({ KeyId }),
        'UnsupportedOperationException',
        `${arn} origin is EXTERNAL which is not valid for this operation.`,
      );
    });

    it('deleted, the key awaits the same material again, and then decrypts what it encrypted', async () => {
      const { id: KeyId, arn } = await newExternalKey(client);
      const material = randomBytes(32);
      const id = await importInto(client, KeyId, material);
      const blob = await encrypt(KeyId);
      const gone = await client.deleteImportedKeyMaterial({ KeyId });
      expect(gone).to.include({ KeyId: arn, KeyMaterialId: id });
      const metadata = await stateOf(KeyId);
      expect(metadata).to.include({ KeyState: 'PendingImport', CurrentKeyMaterialId: id });
      expect(metadata).to.not.have.any.keys('ExpirationModel', 'ValidTo');
      await refused(decrypt(blob), 'KMSInvalidStateException', `${arn} is pending import.`);
      expect((await listed(KeyId))[0]).to.include({ ImportState: 'PENDING_IMPORT' });
      await refused(importInto(client, KeyId, randomBytes(32)), 'IncorrectKeyMaterialException');
      expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingImport' });
      // Deleted already: done.
      expect(await client.deleteImportedKeyMaterial({ KeyId, KeyMaterialId: id })).to.include({ KeyId: arn });
      expect(await importInto(client, KeyId, material)).to.equal(id);
      expect((await decrypt(blob)).KeyMaterialId).to.equal(id);
    });

    it('that is there already only changes what is said of it', async () => {
      const { id: KeyId } = await newExternalKey(client);
      const material = randomBytes(32);
      const parameters = await parametersFor(client, KeyId);
      const again = (given: Given = {}) => importInto(client, KeyId, material, given, parameters);
      const id = await again({ KeyMaterialDescription: 'first' });
      const blob = await encrypt(KeyId);
      const ValidTo = new Date(Math.floor(Date.now() / 1000) * 1000 + day);
      // The import token is good for as many imports as its owner likes.
      expect(await again({ ValidTo, KeyMaterialId: id, ImportType: 'EXISTING_KEY_MATERIAL' })).to.equal(id);
      expect((await listed(KeyId))[0]).to.deep.include({ KeyMaterialDescription: 'first', ValidTo });
      await again({ KeyMaterialDescription: 'second' });
      const [entry] = await listed(KeyId);
      expect(entry).to.include({
        KeyMaterialDescription: 'second',
        ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
      });
      expect(entry).to.not.have.property('ValidTo');
      await decrypt(blob);
    });

    it('the same material has the same name in the same key, and another in another', async () => {
      const material = randomBytes(32);
      const [one, other] = [await newExternalKey(client), await newExternalKey(client)];
      const id = await importInto(client, one.id, material);
      expect(await importInto(client, other.id, material)).to.not.equal(id);
    });

    it('rotates on demand to new material, and needs all that it ever had', async () => {
      const { id: KeyId, arn } = await newExternalKey(client);
      const [first, second] = [randomBytes(32), randomBytes(32)];
      const parameters = await parametersFor(client, KeyId);
      const bring = (material: Buffer, given: Given) =>
        importInto(client, KeyId, material, given, parameters);
      await refused(bring(first, { ImportType: 'EXISTING_KEY_MATERIAL' }), 'IncorrectKeyMaterialException');
      const old = await bring(first, { ImportType: 'NEW_KEY_MATERIAL' });
      const blob = await encrypt(KeyId);
      await refused(client.rotateKeyOnDemand({ KeyId }), 'KMSInvalidStateException');
      await refused(bring(first, { ImportType: 'NEW_KEY_MATERIAL' }), 'IncorrectKeyMaterialException');
      await refused(
        bring(second, { ImportType: 'NEW_KEY_MATERIAL', KeyMaterialId: old }),
        'ValidationException',
      );
      const next = await bring(second, { ImportType: 'NEW_KEY_MATERIAL' });
      expect(
        (await listed(KeyId)).map(({ KeyMaterialId, KeyMaterialState }) => [KeyMaterialId, KeyMaterialState]),
      ).to.deep.equal([
        [old, 'CURRENT'],
        [next, 'PENDING_ROTATION'],
      ]);
      expect((await client.listKeyRotations({ KeyId })).Rotations).to.deep.equal([]);
      expect((await decrypt(await encrypt(KeyId))).KeyMaterialId).to.equal(old);
      await refused(bring(randomBytes(32), { ImportType: 'NEW_KEY_MATERIAL' }), 'KMSInvalidStateException');

      // One that waits is not the key's: it may go, and another take its place.
      await client.deleteImportedKeyMaterial({ KeyId, KeyMaterialId: next });
      expect(await stateOf(KeyId)).to.include({ KeyState: 'Enabled' });
      await refused(bring(second, {}), 'IncorrectKeyMaterialException');
      await refused(client.deleteImportedKeyMaterial({ KeyId, KeyMaterialId: next }), 'NotFoundException');
      expect(await bring(second, { ImportType: 'NEW_KEY_MATERIAL' })).to.equal(next);

      await client.rotateKeyOnDemand({ KeyId });
      expect(await stateOf(KeyId)).to.include({ CurrentKeyMaterialId: next });
      expect((await decrypt(await encrypt(KeyId))).KeyMaterialId).to.equal(next);
      expect((await decrypt(blob)).KeyMaterialId).to.equal(old);
      const [, rotated] = await listed(KeyId);
      expect(rotated).to.include({ KeyMaterialState: 'CURRENT', RotationType: 'ON_DEMAND' });

      await client.deleteImportedKeyMaterial({ KeyId, KeyMaterialId: old });
      await refused(encrypt(KeyId), 'KMSInvalidStateException', `${arn} is pending import.`);
      await client.deleteImportedKeyMaterial({ KeyId });
      expect(await bring(first, { KeyMaterialId: old })).to.equal(old);
      expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingImport' });
      await refused(bring(second, { KeyMaterialId: old }), 'IncorrectKeyMaterialException');
      expect(await bring(second, {})).to.equal(next);
      expect(await stateOf(KeyId)).to.include({ KeyState: 'Enabled' });
      expect((await decrypt(blob)).KeyMaterialId).to.equal(old);
    });
  });

  describe('is refused', () => {
    let KeyId: string;
    let parameters: Parameters;
    const material = randomBytes(32);
    before(async () => {
      KeyId = (await newExternalKey(client)).id;
      parameters = await parametersFor(client, KeyId);
    });

    it('with an import token that is another key’s, changed, or none', async () => {
      const other = await newExternalKey(client);
      const theirs = await parametersFor(client, other.id);
      const invalid = (token: Uint8Array) =>
        refused(
          importInto(client, KeyId, material, {}, { ...parameters, token }),
          'InvalidImportTokenException',
        );
      await invalid(theirs.token);
      for (const at of parameters.token.keys()) {
        const changed = Buffer.from(parameters.token);
        changed[at] = (changed[at] ?? 0) ^ 1;
        await invalid(changed);
      }
      await invalid(Buffer.concat([parameters.token, Buffer.alloc(1)]));
      await invalid(parameters.token.subarray(1));
    });

    it('where it can not be unwrapped, or is no material of the key, with one answer', async () => {
      const { publicKey } = await parametersFor(client, KeyId);
      const send = (EncryptedKeyMaterial: Buffer) =>
        refused(
          client.importKeyMaterial({
            KeyId,
            ImportToken: parameters.token,
            EncryptedKeyMaterial,
            ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
          }),
          'InvalidCiphertextException',
        );
      await send(randomBytes(256));
      await send(randomBytes(255));
      await send(Buffer.alloc(1));
      for (const length of [16, 24, 31, 33, 64]) {
        await refused(
          importInto(client, KeyId, randomBytes(length), {}, parameters),
          'InvalidCiphertextException',
        );
      }
      // Under another wrapping key of the same KMS key.
      await refused(
        importInto(client, KeyId, material, {}, { ...parameters, publicKey }),
        'InvalidCiphertextException',
      );
      expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingImport' });
    });

    it('where its expiration makes no sense', async () => {
      const bring = (given: object) => importInto(client, KeyId, material, given, parameters);
      const ValidTo = new Date(Date.now() + day);
      const expires = 'KEY_MATERIAL_EXPIRES';
      await refused(bring({ ExpirationModel: expires }), 'ValidationException');
      await refused(bring({ ExpirationModel: undefined }), 'ValidationException');
      await refused(
        bring({ ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE', ValidTo }),
        'ValidationException',
      );
      await refused(bring({ ValidTo: new Date(Date.now() - 1_000) }), 'ValidationException');
      await refused(bring({ ValidTo: new Date(Date.now() + 366 * day) }), 'ValidationException');
      expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingImport' });
      await bring({ ValidTo: new Date(Date.now() + 364 * day) });
    });

    it('for a key of the token’s making', async () => {
      const { id, arn } = await newKey(client);
      const message = `${arn} origin is AWS_KMS which is not valid for this operation.`;
      await refused(parametersFor(client, id), 'UnsupportedOperationException', message);
      await refused(
        importInto(client, id, material, {}, parameters),
        'UnsupportedOperationException',
        message,
      );
      await refused(
        client.deleteImportedKeyMaterial({ KeyId: id }),
        'UnsupportedOperationException',
        message,
      );
    });

    it('with a wrapping that AWS has not, or not for such a key', async () => {
      const rsa = await newExternalKey(client, { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' });
      const p521 = await newExternalKey(client, { KeySpec: 'ECC_NIST_P521', KeyUsage: 'SIGN_VERIFY' });
      for (const [id, WrappingAlgorithm, WrappingKeySpec] of [
        [KeyId, 'RSAES_PKCS1_V1_5', 'RSA_2048'],
        [KeyId, 'SM2PKE', 'SM2'],
        [KeyId, 'RSAES_OAEP_SHA_1', 'SM2'],
        [KeyId, 'RSA_AES_KEY_WRAP_SHA_1', 'RSA_2048'],
        [rsa.id, 'RSAES_OAEP_SHA_1', 'RSA_4096'],
        [p521.id, 'RSAES_OAEP_SHA_1', 'RSA_2048'],
      ] as const) {
        await refused(
          client.getParametersForImport({ KeyId: id, WrappingAlgorithm, WrappingKeySpec }),
          'UnsupportedOperationException',
        );
      }
    });

    it('for kinds of keys that none is imported for', async () => {
      await refused(
        client.createKey({ Origin: 'EXTERNAL', KeySpec: 'ML_DSA_44', KeyUsage: 'SIGN_VERIFY' }),
        'UnsupportedOperationException',
      );
    });
  });

  it('leaves a disabled key disabled, and no key without its material can be enabled', async () => {
    const { id: KeyId } = await newExternalKey(client);
    const material = randomBytes(32);
    await importInto(client, KeyId, material);
    await client.disableKey({ KeyId });
    await importInto(client, KeyId, material);
    expect(await stateOf(KeyId)).to.include({ KeyState: 'Disabled' });
    await client.deleteImportedKeyMaterial({ KeyId });
    expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingImport' });
    await client.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    await client.cancelKeyDeletion({ KeyId });
    // It can't be enabled without its material.
    expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingImport' });
    await importInto(client, KeyId, material);
    expect(await stateOf(KeyId)).to.include({ KeyState: 'Enabled' });
    await client.scheduleKeyDeletion({ KeyId, PendingWindowInDays: 7 });
    await client.deleteImportedKeyMaterial({ KeyId });
    expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingDeletion' });
  });

  it('expires when it was to, by itself, with an event in the log', async function () {
    this.timeout(20_000);
    const { id: KeyId } = await newExternalKey(client);
    const material = randomBytes(32);
    const parameters = await parametersFor(client, KeyId);
    await importInto(client, KeyId, material, { ValidTo: new Date(Date.now() + 1_500) }, parameters);
    const blob = await encrypt(KeyId);
    const isTold = () => at.log.some((line) => line.includes('has expired') && line.includes(KeyId));
    // The log comes by a pipe of its own, a moment later.
    while ((await stateOf(KeyId))?.KeyState !== 'PendingImport' || !isTold())
      await new Promise((go) => setTimeout(go, 50));
    await importInto(client, KeyId, material, {}, parameters);
    await decrypt(blob);
  });
});
