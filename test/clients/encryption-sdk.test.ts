import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  buildClient,
  CommitmentPolicy,
  getLocalCryptographicMaterialsCache,
  KmsKeyringNode,
  NodeCachingMaterialsManager,
} from '@aws-crypto/client-node';
import type { KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { type NewKey, newKey, refusal, service } from './shared.ts';

const { encrypt, decrypt, encryptStream, decryptStream } = buildClient(
  CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
);

const megabyte = 1024 * 1024;

describe('the AWS Encryption SDK', () => {
  let client: KMS;
  let key: NewKey;
  /** Operations that this test's client has sent. */
  const sent: string[] = [];

  before(async function () {
    this.timeout(60_000);
    client = (await service()).client();
    client.middlewareStack.add(
      (next, { commandName }) =>
        (args) => {
          sent.push(commandName ?? '');
          return next(args);
        },
      { step: 'initialize' },
    );
    key = await newKey(client);
  });

  beforeEach(() => sent.splice(0));

  const keyring = () =>
    new KmsKeyringNode({
      generatorKeyId: key.arn,
      clientProvider: (region) => (region === 'us-east-1' ? client : false),
    });

  /** A materials manager with a cache of data keys. */
  const caching = () =>
    new NodeCachingMaterialsManager({
      backingMaterials: keyring(),
      cache: getLocalCryptographicMaterialsCache(100),
      maxAge: 60_000,
    });

  it('encrypts and decrypts a message under a data key of Coffer', async () => {
    const plaintext = Buffer.from('a message for whoever holds the key');
    const { result } = await encrypt(keyring(), plaintext, { encryptionContext: { stage: 'test' } });
    const opened = await decrypt(keyring(), result);
    expect(opened.plaintext).to.deep.equal(plaintext);
    expect(opened.messageHeader.encryptionContext).to.include({ stage: 'test' });
    expect(sent).to.deep.equal(['GenerateDataKeyCommand', 'DecryptCommand']);
  });

  it('wraps the data key under a second key, either of which opens it', async () => {
    const second = await newKey(client);
    const both = new KmsKeyringNode({
      generatorKeyId: key.arn,
      keyIds: [second.arn],
      clientProvider: () => client,
    });
    const { result } = await encrypt(both, Buffer.from('for two'));
    const other = new KmsKeyringNode({ keyIds: [second.arn], clientProvider: () => client });
    await client.disableKey({ KeyId: key.id });
    try {
      expect((await decrypt(other, result)).plaintext.toString()).to.equal('for two');
    } finally {
      await client.enableKey({ KeyId: key.id });
    }
    expect(sent).to.include.members(['GenerateDataKeyCommand', 'EncryptCommand', 'DecryptCommand']);
  });

  it('its data-key cache asks once for many messages, and once to open them', async () => {
    const manager = caching();
    const encryptionContext = { cached: 'yes' };
    const messages = Array.from({ length: 20 }, (_, i) => Buffer.from(`message ${i}`));
    const sealed: Buffer[] = [];
    for (const message of messages) {
      const { result } = await encrypt(manager, message, {
        encryptionContext,
        plaintextLength: message.length,
      });
      sealed.push(result);
    }
    expect(sent).to.deep.equal(['GenerateDataKeyCommand']);
    const opening = caching();
    for (const [i, message] of messages.entries()) {
      const { plaintext } = await decrypt(opening, sealed[i] ?? '');
      expect(plaintext).to.deep.equal(message);
    }
    expect(sent).to.deep.equal(['GenerateDataKeyCommand', 'DecryptCommand']);
  });

  it('encrypts and decrypts a stream of several megabytes with the cache', async function () {
    this.timeout(30_000);
    const manager = caching();
    // As long as a frame: the SDK counts twice what straddles two, and then refuses its own plaintextLength.
    const chunks = Array.from({ length: 1_024 }, () => randomBytes(4_096));
    const length = 4 * megabyte;
    const sealed: Buffer[] = [];
    await pipeline(
      Readable.from(chunks),
      encryptStream(manager, { encryptionContext: { kind: 'stream' }, plaintextLength: length }),
      async (source) => {
        for await (const chunk of source) sealed.push(chunk);
      },
    );
    const digest = createHash('sha256');
    let opened = 0;
    await pipeline(Readable.from(sealed), decryptStream(manager), async (source) => {
      for await (const chunk of source) {
        digest.update(chunk);
        opened += chunk.length;
      }
    });
    const expected = createHash('sha256');
    for (const chunk of chunks) expected.update(chunk);
    expect(opened).to.equal(length);
    expect(digest.digest('hex')).to.equal(expected.digest('hex'));
    expect(sent).to.deep.equal(['GenerateDataKeyCommand', 'DecryptCommand']);
  });

  it('refuses a message whose encryption context was changed', async () => {
    const { result } = await encrypt(keyring(), Buffer.from('bound'), {
      encryptionContext: { tenant: 'alpha' },
    });
    const altered = Buffer.from(result);
    const at = altered.indexOf('alpha');
    expect(at).to.be.above(0);
    altered.write('omega', at);
    await refusal(decrypt(keyring(), altered));
    expect(sent.at(-1), 'it was Coffer that refused').to.equal('DecryptCommand');
    expect((await decrypt(keyring(), result)).plaintext.toString()).to.equal('bound');
  });

  it('opens nothing with a keyring of another key', async () => {
    const { result } = await encrypt(keyring(), Buffer.from('mine'));
    const other = await newKey(client);
    await refusal(decrypt(new KmsKeyringNode({ keyIds: [other.arn], clientProvider: () => client }), result));
  });
});
