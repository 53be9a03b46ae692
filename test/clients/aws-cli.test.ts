import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import type { Service } from '../service.ts';
import { cli, findCli } from './cli.ts';
import { service } from './shared.ts';

const run = promisify(execFile);

/** A user's session: each step uses what the steps before have made, as its calls are slow. */
describe('the AWS CLI', function () {
  this.timeout(60_000);
  let command = '';
  let at: Service;
  let folder = '';

  before(async function () {
    const found = await findCli();
    if (found === undefined) {
      console.error('      the AWS CLI is missing: `apt-get install awscli` brings it');
      this.skip();
    }
    command = found;
    at = await service();
    folder = mkdtempSync(join(tmpdir(), 'coffer-cli-'));
  });

  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true, force: true });
  });

  const kms = (...args: string[]) => cli(command, at, { folder }).run('kms', ...args);
  const mistake = (...args: string[]) => cli(command, at, { folder }).mistake('kms', ...args);

  const file = (name: string) => `fileb://${join(folder, name)}`;
  let KeyId = '';
  let arn = '';
  let other = '';

  it('creates a key with a description and tags, describes it and lists it', async () => {
    const tags = 'TagKey=team,TagValue=payments';
    const { KeyMetadata } = await kms('create-key', '--description', 'from the shell', '--tags', tags);
    KeyId = KeyMetadata.KeyId;
    arn = KeyMetadata.Arn;
    expect(KeyMetadata).to.include({ KeyState: 'Enabled', Description: 'from the shell' });
    const described = await kms('describe-key', '--key-id', KeyId);
    expect(described.KeyMetadata).to.deep.equal(KeyMetadata);
    const { Keys } = await kms('list-keys');
    expect(Keys).to.deep.include({ KeyId, KeyArn: arn });
    other = (await kms('create-key')).KeyMetadata.KeyId;
  });

  it('signs, verifies and makes MACs, and openssl takes what was signed', async () => {
    const create = async (spec: string, usage: string) =>
      (await kms('create-key', '--key-spec', spec, '--key-usage', usage)).KeyMetadata.KeyId;
    writeFileSync(join(folder, 'message'), 'signed from the shell');
    const pair = await create('ECC_NIST_P256', 'SIGN_VERIFY');
    const asked = ['--key-id', pair, '--message', file('message'), '--signing-algorithm', 'ECDSA_SHA_256'];
    const { Signature } = await kms('sign', ...asked);
    writeFileSync(join(folder, 'signature'), Buffer.from(Signature, 'base64'));
    const verified = await kms('verify', ...asked, '--signature', file('signature'));
    expect(verified).to.include({ SignatureValid: true, SigningAlgorithm: 'ECDSA_SHA_256' });

    const { PublicKey } = await kms('get-public-key', '--key-id', pair);
    writeFileSync(join(folder, 'public.der'), Buffer.from(PublicKey, 'base64'));
    const dgst = [
      'dgst',
      '-sha256',
      '-keyform',
      'DER',
      '-verify',
      'public.der',
      '-signature',
      'signature',
      'message',
    ];
    expect((await run('openssl', dgst, { cwd: folder })).stdout).to.equal('Verified OK\n');
    writeFileSync(join(folder, 'message'), 'signed by nobody');
    expect(await mistake('verify', ...asked, '--signature', file('signature'))).to.match(
      /^An error occurred \(KMSInvalidSignatureException\) when calling the Verify operation/,
    );

    const mac = ['--key-id', await create('HMAC_256', 'GENERATE_VERIFY_MAC'), '--message', file('message')];
    const made = await kms('generate-mac', ...mac, '--mac-algorithm', 'HMAC_SHA_256');
    writeFileSync(join(folder, 'mac'), Buffer.from(made.Mac, 'base64'));
    const right = await kms('verify-mac', ...mac, '--mac-algorithm', 'HMAC_SHA_256', '--mac', file('mac'));
    expect(right).to.include({ MacValid: true });
  });

  it('decrypts what openssl encrypted under a public key, and opens a data key pair', async () => {
    const created = await kms('create-key', '--key-spec', 'RSA_2048', '--key-usage', 'ENCRYPT_DECRYPT');
    const rsa: string = created.KeyMetadata.KeyId;
    const { PublicKey } = await kms('get-public-key', '--key-id', rsa);
    writeFileSync(join(folder, 'rsa.der'), Buffer.from(PublicKey, 'base64'));
    writeFileSync(join(folder, 'secret'), 'from openssl');
    const oaep = ['rsa_padding_mode:oaep', 'rsa_oaep_md:sha256', 'rsa_mgf1_md:sha256'];
    const options = oaep.flatMap((option) => ['-pkeyopt', option]);
    const files = ['-in', 'secret', '-out', 'sealed'];
    const key = ['-pubin', '-keyform', 'DER', '-inkey', 'rsa.der'];
    await run('openssl', ['pkeyutl', '-encrypt', ...key, ...options, ...files], { cwd: folder });
    const asked = ['--ciphertext-blob', file('sealed'), '--encryption-algorithm', 'RSAES_OAEP_SHA_256'];
    const { Plaintext } = await kms('decrypt', '--key-id', rsa, ...asked);
    expect(Buffer.from(Plaintext, 'base64').toString()).to.equal('from openssl');

    const pair = await kms('generate-data-key-pair', '--key-id', KeyId, '--key-pair-spec', 'ECC_NIST_P384');
    writeFileSync(join(folder, 'pair'), Buffer.from(pair.PrivateKeyCiphertextBlob, 'base64'));
    const opened = await kms('decrypt', '--ciphertext-blob', file('pair'));
    expect(opened.Plaintext).to.equal(pair.PrivateKeyPlaintext);
  });

  it('encrypts a file, decrypts it and encrypts it anew, with an encryption context', async () => {
    const plaintext = Buffer.from('from a file\0\xff', 'latin1');
    writeFileSync(join(folder, 'plain'), plaintext);
    const encrypt = [
      '--key-id',
      KeyId,
      '--plaintext',
      file('plain'),
      '--encryption-context',
      'purpose=cli,a=b',
    ];
    const encrypted = await kms('encrypt', ...encrypt);
    expect(encrypted.KeyId).to.equal(arn);
    writeFileSync(join(folder, 'cipher'), Buffer.from(encrypted.CiphertextBlob, 'base64'));

    const decrypt = ['--ciphertext-blob', file('cipher'), '--encryption-context', 'a=b,purpose=cli'];
    const decrypted = await kms('decrypt', ...decrypt);
    expect(Buffer.from(decrypted.Plaintext, 'base64')).to.deep.equal(plaintext);

    const wrong = await mistake(
      'decrypt',
      '--ciphertext-blob',
      file('cipher'),
      '--encryption-context',
      'a=c',
    );
    expect(wrong).to.match(
      /An error occurred \(InvalidCiphertextException\) when calling the Decrypt operation/,
    );

    const moved = await kms(
      're-encrypt',
      ...['--ciphertext-blob', file('cipher'), '--source-encryption-context', 'a=b,purpose=cli'],
      ...['--destination-key-id', other, '--destination-encryption-context', 'moved=yes'],
    );
    expect(moved.SourceKeyId).to.equal(arn);
    writeFileSync(join(folder, 'moved'), Buffer.from(moved.CiphertextBlob, 'base64'));
    const opened = [
      '--ciphertext-blob',
      file('moved'),
      '--key-id',
      other,
      '--encryption-context',
      'moved=yes',
    ];
    expect(Buffer.from((await kms('decrypt', ...opened)).Plaintext, 'base64')).to.deep.equal(plaintext);
  });

  it('names, moves and forgets a key by an alias', async () => {
    await kms('create-alias', '--alias-name', 'alias/cli', '--target-key-id', KeyId);
    await kms('update-alias', '--alias-name', 'alias/cli', '--target-key-id', other);
    const { Aliases } = await kms('list-aliases', '--key-id', other);
    expect(Aliases).to.have.length(1);
    expect(Aliases[0]).to.include({ AliasName: 'alias/cli', TargetKeyId: other });
    const key = await kms('generate-data-key', '--key-id', 'alias/cli', '--key-spec', 'AES_256');
    expect(Buffer.from(key.Plaintext, 'base64')).to.have.length(32);
    await kms('delete-alias', '--alias-name', 'alias/cli');
    expect(await mistake('describe-key', '--key-id', 'alias/cli')).to.match(
      /^An error occurred \(NotFoundException\) when calling the DescribeKey operation: Alias arn:aws:kms:us-east-1:\d{12}:alias\/cli is not found\.$/,
    );
  });

  it('makes data keys without plaintext and random bytes', async () => {
    const without = await kms(
      'generate-data-key-without-plaintext',
      ...['--key-id', KeyId, '--number-of-bytes', '64'],
    );
    expect(without).to.have.keys(
      'CiphertextBlob',
      'KeyId',
      ...('KeyMaterialId' in without ? ['KeyMaterialId'] : []),
    );
    const random = await kms('generate-random', '--number-of-bytes', '24');
    expect(Buffer.from(random.Plaintext, 'base64')).to.have.length(24);
  });

  it('tags, untags and lists tags, and describes anew', async () => {
    await kms('tag-resource', '--key-id', KeyId, '--tags', 'TagKey=a,TagValue=1', 'TagKey=b,TagValue=2');
    await kms('untag-resource', '--key-id', KeyId, '--tag-keys', 'a');
    const { Tags } = await kms('list-resource-tags', '--key-id', KeyId);
    expect(Tags).to.have.deep.members([
      { TagKey: 'b', TagValue: '2' },
      { TagKey: 'team', TagValue: 'payments' },
    ]);
    await kms('update-key-description', '--key-id', KeyId, '--description', 'told anew');
    expect((await kms('describe-key', '--key-id', KeyId)).KeyMetadata.Description).to.equal('told anew');
  });

  it('shows the default policy', async () => {
    const { PolicyNames } = await kms('list-key-policies', '--key-id', KeyId);
    expect(PolicyNames).to.deep.equal(['default']);
    const { Policy } = await kms('get-key-policy', '--key-id', KeyId, '--policy-name', 'default');
    expect(JSON.parse(Policy).Statement).to.have.length(1);
  });

  it('disables a key and enables it, and says what a disabled key is', async () => {
    await kms('disable-key', '--key-id', KeyId);
    expect(await mistake('encrypt', '--key-id', KeyId, '--plaintext', file('plain'))).to.equal(
      `An error occurred (DisabledException) when calling the Encrypt operation: ${arn} is disabled.`,
    );
    await kms('enable-key', '--key-id', KeyId);
  });

  it('schedules a deletion and takes it back', async () => {
    const scheduled = await kms('schedule-key-deletion', '--key-id', other, '--pending-window-in-days', '7');
    expect(scheduled).to.include({ KeyState: 'PendingDeletion', PendingWindowInDays: 7 });
    await kms('cancel-key-deletion', '--key-id', other);
    expect((await kms('describe-key', '--key-id', other)).KeyMetadata.KeyState).to.equal('Disabled');
  });

  it('reads, on typical mistakes, what it would read from AWS', async () => {
    expect(await mistake('describe-key', '--key-id', 'nonsense')).to.equal(
      "An error occurred (NotFoundException) when calling the DescribeKey operation: Invalid keyId 'nonsense'",
    );
    expect(await mistake('create-key', '--key-spec', 'SM2', '--key-usage', 'SIGN_VERIFY')).to.match(
      /^An error occurred \(UnsupportedOperationException\) when calling the CreateKey operation: .*KeySpec/,
    );
    const credentials = join(folder, 'wrong');
    const right = readFileSync(at.credentialsFile, 'utf8');
    writeFileSync(credentials, right.replace(/(aws_secret_access_key\s*=\s*)\S+/, `$1${'x'.repeat(40)}`));
    const environment = {
      AWS_SHARED_CREDENTIALS_FILE: credentials,
      AWS_CONFIG_FILE: join(dirname(at.credentialsFile), 'config'),
      AWS_PROFILE: 'coffer',
    };
    expect(await cli(command, at, { environment }).mistake('kms', 'list-keys')).to.match(
      /^An error occurred \(InvalidSignatureException\) when calling the ListKeys operation: The request signature we calculated does not match the signature you provided\./,
    );
  });
});
