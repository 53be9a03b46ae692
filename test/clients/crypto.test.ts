import {
  DryRunOperationException,
  IncorrectKeyException,
  InvalidCiphertextException,
  type KMS,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { call, newKey, refusal, refused, service } from './shared.ts';

const bytes = (data: Uint8Array | undefined) => Buffer.from(data ?? []);

describe('cryptography, through the AWS SDK', () => {
  let client: KMS;

  before(async function () {
    this.timeout(60_000);
    client = (await service()).client();
  });

  it('what was encrypted is decrypted, from 1 to 4,096 bytes', async () => {
    const { id: KeyId, arn } = await newKey(client);
    for (const length of [1, 2, 16, 4_096]) {
      const Plaintext = Buffer.alloc(length, 0xa5);
      const encrypted = await client.encrypt({ KeyId, Plaintext });
      expect(encrypted).to.include({ KeyId: arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
      const decrypted = await client.decrypt({ CiphertextBlob: encrypted.CiphertextBlob });
      expect(bytes(decrypted.Plaintext)).to.deep.equal(Plaintext);
      expect(decrypted).to.include({ KeyId: arn, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' });
    }
    const text =
      /'plaintext' failed to satisfy constraint: Member must have length (less|greater) than or equal to/;
    for (const length of [0, 4_097]) {
      await refused(client.encrypt({ KeyId, Plaintext: Buffer.alloc(length) }), 'ValidationException', text);
    }
  });

  it('the same plaintext never gives the same ciphertext', async () => {
    const { id: KeyId } = await newKey(client);
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext: Buffer.from('same') });
      seen.add(bytes(CiphertextBlob).toString('hex'));
    }
    expect(seen.size).to.equal(20);
  });

  it('the encryption context must be the same, in whatever order', async () => {
    const { id: KeyId } = await newKey(client);
    const Plaintext = Buffer.from('bound');
    const EncryptionContext = { b: '2', a: '1', ümlaut: 'ß', empty: '' };
    const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext, EncryptionContext });
    const again = { empty: '', a: '1', ümlaut: 'ß', b: '2' };
    const decrypted = await client.decrypt({ CiphertextBlob, EncryptionContext: again });
    expect(bytes(decrypted.Plaintext)).to.deep.equal(Plaintext);
    const wrong: (Record<string, string> | undefined)[] = [
      undefined,
      {},
      { ...again, a: '2' },
      { ...again, A: '1' },
      { b: '2', a: '1', ümlaut: 'ß' },
      { ...again, more: '' },
      { ...again, a: '2', b: '1' },
    ];
    for (const context of wrong) {
      const error = await refusal(client.decrypt({ CiphertextBlob, EncryptionContext: context }));
      expect(error).to.be.instanceOf(InvalidCiphertextException);
    }
    const at = await service();
    const answer = await call(at, 'Decrypt', { CiphertextBlob: bytes(CiphertextBlob).toString('base64') });
    expect(answer.status).to.equal(400);
    expect(answer.body).to.deep.equal({ __type: 'InvalidCiphertextException' });
  });

  it('a context of 8 KiB is taken, a longer one is not', async () => {
    const { id: KeyId } = await newKey(client);
    const Plaintext = Buffer.from('x');
    const EncryptionContext = { k: 'v'.repeat(8_000) };
    const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext, EncryptionContext });
    await client.decrypt({ CiphertextBlob, EncryptionContext });
    await refused(
      client.encrypt({ KeyId, Plaintext, EncryptionContext: { k: 'v'.repeat(8_193) } }),
      'ValidationException',
    );
  });

  it('a ciphertext that was touched is refused, and says no more', async () => {
    const { id: KeyId } = await newKey(client);
    const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext: Buffer.from('untouched') });
    const good = bytes(CiphertextBlob);
    // A byte of every part but the key id, whose change names another key.
    const places = [0, 17, 32, 33, 34, 45, 46, good.length - 17, good.length - 16, good.length - 1];
    const bad = places.map((place) => {
      const copy = Buffer.from(good);
      copy[place] = (copy[place] ?? 0) ^ 1;
      return copy;
    });
    bad.push(good.subarray(0, -1), Buffer.concat([good, Buffer.alloc(1)]), good.subarray(0, 40));
    bad.push(Buffer.from('nothing of ours'), Buffer.alloc(6_144, 1));
    for (const blob of bad) {
      const error = await refusal(client.decrypt({ CiphertextBlob: blob }));
      expect(error, blob.toString('hex')).to.be.instanceOf(InvalidCiphertextException);
    }
    await refused(client.decrypt({ CiphertextBlob: Buffer.alloc(6_145) }), 'ValidationException');
    await client.decrypt({ CiphertextBlob: good });
  });

  it("a ciphertext of a key that isn't there is out of reach, not invalid", async () => {
    const { id: KeyId } = await newKey(client);
    const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext: Buffer.from('x') });
    const blob = bytes(CiphertextBlob);
    blob[5] = (blob[5] ?? 0) ^ 1;
    await refused(
      client.decrypt({ CiphertextBlob: blob }),
      'AccessDeniedException',
      'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.',
    );
  });

  it('a key that did not encrypt it is the incorrect one', async () => {
    const { id: KeyId } = await newKey(client);
    const other = await newKey(client);
    const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext: Buffer.from('x') });
    const asked = [
      () => client.decrypt({ CiphertextBlob, KeyId: other.id }),
      () => client.reEncrypt({ CiphertextBlob, SourceKeyId: other.arn, DestinationKeyId: other.id }),
    ];
    for (const ask of asked) {
      expect(await refusal(ask()), String(ask)).to.be.instanceOf(IncorrectKeyException);
    }
    await client.decrypt({ CiphertextBlob, KeyId });
  });

  it('ReEncrypt moves a ciphertext to another key and context', async () => {
    const source = await newKey(client);
    const destination = await newKey(client);
    const Plaintext = Buffer.from('moved');
    const { CiphertextBlob } = await client.encrypt({
      KeyId: source.id,
      Plaintext,
      EncryptionContext: { from: 'here' },
    });
    const moved = await client.reEncrypt({
      CiphertextBlob,
      SourceEncryptionContext: { from: 'here' },
      SourceKeyId: source.arn,
      DestinationKeyId: destination.id,
      DestinationEncryptionContext: { to: 'there' },
    });
    expect(moved).to.include({
      SourceKeyId: source.arn,
      KeyId: destination.arn,
      SourceEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      DestinationEncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
    });
    const decrypted = await client.decrypt({
      CiphertextBlob: moved.CiphertextBlob,
      EncryptionContext: { to: 'there' },
    });
    expect(bytes(decrypted.Plaintext)).to.deep.equal(Plaintext);
    expect(decrypted.KeyId).to.equal(destination.arn);
    const wrong = client.reEncrypt({ CiphertextBlob, DestinationKeyId: destination.id });
    expect(await refusal(wrong)).to.be.instanceOf(InvalidCiphertextException);
  });

  it('data keys have the length asked for and come back from their ciphertext', async () => {
    const { id: KeyId, arn } = await newKey(client);
    const EncryptionContext = { for: 'data' };
    const asked = [
      { ask: { KeySpec: 'AES_256' }, length: 32 },
      { ask: { KeySpec: 'AES_128' }, length: 16 },
      { ask: { NumberOfBytes: 1 }, length: 1 },
      { ask: { NumberOfBytes: 1_024 }, length: 1_024 },
    ] as const;
    for (const { ask, length } of asked) {
      const made = await client.generateDataKey({ KeyId, EncryptionContext, ...ask });
      expect(made.KeyId).to.equal(arn);
      expect(bytes(made.Plaintext)).to.have.length(length);
      const back = await client.decrypt({ CiphertextBlob: made.CiphertextBlob, EncryptionContext });
      expect(bytes(back.Plaintext)).to.deep.equal(bytes(made.Plaintext));

      const without = await client.generateDataKeyWithoutPlaintext({ KeyId, EncryptionContext, ...ask });
      expect(without).not.to.have.property('Plaintext');
      const opened = await client.decrypt({ CiphertextBlob: without.CiphertextBlob, EncryptionContext });
      expect(bytes(opened.Plaintext)).to.have.length(length);
    }
    const bad = [
      {},
      { KeySpec: 'AES_256', NumberOfBytes: 32 },
      { NumberOfBytes: 0 },
      { NumberOfBytes: 1_025 },
    ];
    for (const ask of bad) {
      const input = { KeyId, ...ask } as { KeyId: string; NumberOfBytes?: number };
      await refused(client.generateDataKey(input), 'ValidationException');
      await refused(client.generateDataKeyWithoutPlaintext(input), 'ValidationException');
    }
  });

  it('GenerateRandom gives 1 to 1,024 bytes, new ones each time', async () => {
    for (const NumberOfBytes of [1, 32, 1_024]) {
      const { Plaintext } = await client.generateRandom({ NumberOfBytes });
      expect(bytes(Plaintext)).to.have.length(NumberOfBytes);
    }
    const first = await client.generateRandom({ NumberOfBytes: 32 });
    const second = await client.generateRandom({ NumberOfBytes: 32 });
    expect(bytes(first.Plaintext)).not.to.deep.equal(bytes(second.Plaintext));
    for (const NumberOfBytes of [0, 1_025]) {
      await refused(client.generateRandom({ NumberOfBytes }), 'ValidationException');
    }
  });

  it('a dry run says that it would have succeeded, or why it would not', async () => {
    const { id: KeyId } = await newKey(client);
    const Plaintext = Buffer.from('x');
    const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext });
    const asked = [
      () => client.encrypt({ KeyId, Plaintext, DryRun: true }),
      () => client.decrypt({ CiphertextBlob, DryRun: true }),
      () => client.reEncrypt({ CiphertextBlob, DestinationKeyId: KeyId, DryRun: true }),
      () => client.generateDataKey({ KeyId, KeySpec: 'AES_256', DryRun: true }),
      () => client.generateDataKeyWithoutPlaintext({ KeyId, KeySpec: 'AES_256', DryRun: true }),
    ];
    for (const ask of asked) {
      const error = await refusal(ask());
      expect(error, String(ask)).to.be.instanceOf(DryRunOperationException);
      expect(error.message).to.equal('The request would have succeeded, but the DryRun option is set.');
    }
    await refused(client.encrypt({ KeyId, Plaintext: Buffer.alloc(0), DryRun: true }), 'ValidationException');
    await client.encrypt({ KeyId, Plaintext, DryRun: false });
  });
});
