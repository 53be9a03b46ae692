import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { readStream } from '../../src/audit/read.ts';
import type { Service } from '../service.ts';
import { cli, findCli } from './cli.ts';
import { newExternalKey, parametersFor } from './importing.ts';
import { refused, service } from './shared.ts';

/** The AWS KMS developer guide, "Importing key material", step 3, word for word but for the names of files. */
const commands = {
  rsaKey:
    'openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 | openssl pkcs8 -topk8 -outform der -nocrypt > PrivateKey.der',
  aesKey: 'openssl rand -out aes-key.bin 32',
  wrapMaterial: `openssl enc -id-aes256-wrap-pad \\
      -K "$(xxd -p < aes-key.bin | tr -d '\\n')" \\
      -iv A65959A6 \\
      -in PrivateKey.der \\
      -out key-material-wrapped.bin`,
  wrapKey: (hash: string) => `openssl pkeyutl \\
      -encrypt \\
      -in aes-key.bin \\
      -out aes-key-wrapped.bin \\
      -inkey WrappingPublicKey.bin \\
      -keyform DER \\
      -pubin \\
      -pkeyopt rsa_padding_mode:oaep \\
      -pkeyopt rsa_oaep_md:${hash} \\
      -pkeyopt rsa_mgf1_md:${hash}`,
  join: 'cat aes-key-wrapped.bin key-material-wrapped.bin > EncryptedKeyMaterial.bin',
  secret: 'openssl rand -out PlaintextKeyMaterial.bin 32',
  wrapSecret: (hash: string) => `openssl pkeyutl \\
      -encrypt \\
      -in PlaintextKeyMaterial.bin \\
      -inkey WrappingPublicKey.bin \\
      -keyform DER \\
      -pubin \\
      -out EncryptedKeyMaterial.bin \\
      -pkeyopt rsa_padding_mode:oaep \\
      -pkeyopt rsa_oaep_md:${hash} \\
      -pkeyopt rsa_mgf1_md:${hash}`,
};

describe('importing as the AWS guide tells it, with openssl', () => {
  let at: Service;
  let client: KMS;
  let folder: string;
  const shell = (command: string) => execFileSync('sh', ['-ec', command], { cwd: folder, stdio: 'pipe' });
  const file = (name: string) => join(folder, name);
  before(async function () {
    this.timeout(60_000);
    at = await service();
    client = at.client();
    await newExternalKey(client);
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'coffer-openssl-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const bring = (KeyId: string, ImportToken: Uint8Array) =>
    client.importKeyMaterial({
      KeyId,
      ImportToken,
      EncryptedKeyMaterial: readFileSync(file('EncryptedKeyMaterial.bin')),
      ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
    });
  /** What the trail tells beside request and answer of the imports into a key. */
  const told = async (KeyId: string) => {
    const found: unknown[] = [];
    for await (const { bytes } of readStream(at.trailFolder, 'primary')) {
      const { eventName, requestParameters, additionalEventData } = JSON.parse(bytes.toString('utf8'));
      if (eventName === 'ImportKeyMaterial' && requestParameters.keyId === KeyId) {
        expect(requestParameters).to.not.have.any.keys('importToken', 'encryptedKeyMaterial');
        found.push(additionalEventData);
      }
    }
    return found;
  };

  for (const [WrappingAlgorithm, hash, unwrappedIn] of [
    ['RSA_AES_KEY_WRAP_SHA_256', 'sha256', 'host'],
    ['RSA_AES_KEY_WRAP_SHA_1', 'sha1', 'token'],
  ] as const) {
    it(`an RSA key by ${WrappingAlgorithm} decrypts what openssl encrypted offline`, async function () {
      this.timeout(20_000);
      const { id: KeyId } = await newExternalKey(client, {
        KeySpec: 'RSA_2048',
        KeyUsage: 'ENCRYPT_DECRYPT',
      });
      shell(commands.rsaKey);
      // Offline: nobody has imported anything yet.
      writeFileSync(file('message'), 'for the owner of the key');
      shell(`openssl pkey -in PrivateKey.der -inform DER -pubout -out PublicKey.pem
        openssl pkeyutl -encrypt -in message -out encrypted -inkey PublicKey.pem -pubin \\
          -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256`);

      const { token, publicKey } = await parametersFor(client, KeyId, WrappingAlgorithm, 'RSA_4096');
      writeFileSync(file('WrappingPublicKey.bin'), publicKey);
      for (const step of [commands.aesKey, commands.wrapMaterial, commands.wrapKey(hash), commands.join]) {
        shell(step);
      }
      await bring(KeyId, token);
      const { Plaintext } = await client.decrypt({
        KeyId,
        CiphertextBlob: readFileSync(file('encrypted')),
        EncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
      });
      expect(Buffer.from(Plaintext ?? []).toString()).to.equal('for the owner of the key');
      expect(await told(KeyId)).to.deep.equal([{ unwrappedIn }]);
    });
  }

  for (const [WrappingAlgorithm, hash, unwrappedIn] of [
    ['RSAES_OAEP_SHA_256', 'sha256', 'host'],
    ['RSAES_OAEP_SHA_1', 'sha1', 'token'],
  ] as const) {
    it(`a symmetric key by ${WrappingAlgorithm}, and again after it was deleted`, async () => {
      const { id: KeyId } = await newExternalKey(client);
      const { token, publicKey } = await parametersFor(client, KeyId, WrappingAlgorithm, 'RSA_3072');
      writeFileSync(file('WrappingPublicKey.bin'), publicKey);
      shell(commands.secret);
      shell(commands.wrapSecret(hash));
      const { KeyMaterialId } = await bring(KeyId, token);
      const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext: Buffer.from('x') });
      await client.deleteImportedKeyMaterial({ KeyId });
      await refused(client.decrypt({ CiphertextBlob }), 'KMSInvalidStateException');
      shell(commands.wrapSecret(hash));
      expect(await bring(KeyId, token)).to.include({ KeyMaterialId });
      await client.decrypt({ CiphertextBlob });
      expect(await told(KeyId)).to.deep.equal([{ unwrappedIn }, { unwrappedIn }]);
    });
  }

  it('the whole of it from a shell: the AWS CLI and openssl', async function () {
    this.timeout(60_000);
    const command = await findCli();
    if (command === undefined) this.skip();
    const kms = (...args: string[]) => cli(command, at, { folder }).run('kms', ...args);
    const { KeyMetadata } = await kms('create-key', '--origin', 'EXTERNAL');
    const { KeyId } = KeyMetadata;
    expect(KeyMetadata).to.include({ KeyState: 'PendingImport' });
    const algorithm = ['--wrapping-algorithm', 'RSAES_OAEP_SHA_256', '--wrapping-key-spec', 'RSA_2048'];
    const { PublicKey, ImportToken } = await kms(
      'get-parameters-for-import',
      '--key-id',
      KeyId,
      ...algorithm,
    );
    writeFileSync(file('WrappingPublicKey.bin'), Buffer.from(PublicKey, 'base64'));
    writeFileSync(file('ImportToken.bin'), Buffer.from(ImportToken, 'base64'));
    shell(commands.secret);
    shell(commands.wrapSecret('sha256'));
    const validTo = new Date(Math.ceil(Date.now() / 1000) * 1000 + 86_400_000).toISOString();
    await kms(
      ...['import-key-material', '--key-id', KeyId],
      ...['--encrypted-key-material', 'fileb://EncryptedKeyMaterial.bin'],
      ...['--import-token', 'fileb://ImportToken.bin'],
      ...['--expiration-model', 'KEY_MATERIAL_EXPIRES', '--valid-to', validTo],
    );
    const described = await kms('describe-key', '--key-id', KeyId);
    expect(described.KeyMetadata).to.include({
      KeyState: 'Enabled',
      ExpirationModel: 'KEY_MATERIAL_EXPIRES',
    });
    expect(Date.parse(described.KeyMetadata.ValidTo)).to.equal(Date.parse(validTo));
    await kms('encrypt', '--key-id', KeyId, '--plaintext', 'fileb://PlaintextKeyMaterial.bin');
    await kms('delete-imported-key-material', '--key-id', KeyId);
    expect((await kms('describe-key', '--key-id', KeyId)).KeyMetadata.KeyState).to.equal('PendingImport');
  });
});
