import { constants, createPublicKey, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto';
import { InvalidCiphertextException, type KMS } from '@aws-sdk/client-kms';
import { Crypto } from '@peculiar/webcrypto';
import { expect } from 'chai';
import { encryptionAlgorithms, oaepLimit } from '../../src/keys/spec/algorithm.ts';
import { type NewKey, newKey, refusal, refused, service } from './shared.ts';

const { subtle } = new Crypto();
const bytes = (data: Uint8Array | undefined) => Buffer.from(data ?? []);
const algorithms = ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const;
const sizes = { RSA_2048: 256, RSA_3072: 384, RSA_4096: 512 } as const;
type RsaSpec = keyof typeof sizes;

interface RsaKey extends NewKey {
  readonly spki: Buffer;
  readonly publicKey: KeyObject;
}

describe('RSA encryption, through the AWS SDK', function () {
  this.timeout(60_000);
  let client: KMS;
  const made = new Map<RsaSpec, Promise<RsaKey>>();

  before(async () => {
    client = (await service()).client();
  });

  function keyOf(keySpec: RsaSpec): Promise<RsaKey> {
    const known = made.get(keySpec) ?? make(keySpec);
    made.set(keySpec, known);
    return known;
  }

  async function make(keySpec: RsaSpec): Promise<RsaKey> {
    const key = await newKey(client, { KeySpec: keySpec, KeyUsage: 'ENCRYPT_DECRYPT' });
    const spki = bytes((await client.getPublicKey({ KeyId: key.id })).PublicKey);
    return { ...key, spki, publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }) };
  }

  async function decrypted(
    key: NewKey,
    EncryptionAlgorithm: (typeof algorithms)[number],
    CiphertextBlob: Buffer,
  ) {
    const answer = await client.decrypt({ KeyId: key.id, CiphertextBlob, EncryptionAlgorithm });
    expect(answer).to.include({ KeyId: key.arn, EncryptionAlgorithm });
    expect('KeyMaterialId' in answer).to.equal(false);
    return bytes(answer.Plaintext);
  }

  for (const [keySpec, size] of Object.entries(sizes) as [RsaSpec, number][]) {
    for (const EncryptionAlgorithm of algorithms) {
      it(`${keySpec} decrypts with ${EncryptionAlgorithm} what Encrypt, Node and WebCrypto encrypted`, async () => {
        const key = await keyOf(keySpec);
        const { hash } = encryptionAlgorithms[EncryptionAlgorithm];
        const limit = oaepLimit(size, EncryptionAlgorithm);
        const parameters = { name: 'RSA-OAEP', hash: hash === 'sha1' ? 'SHA-1' : 'SHA-256' };
        const padding = constants.RSA_PKCS1_OAEP_PADDING;
        const theirs = await subtle.importKey('spki', new Uint8Array(key.spki), parameters, false, [
          'encrypt',
        ]);
        for (const length of [1, 32, limit]) {
          const Plaintext = randomBytes(length);
          const answer = await client.encrypt({ KeyId: key.id, Plaintext, EncryptionAlgorithm });
          expect(answer).to.include({ KeyId: key.arn, EncryptionAlgorithm });
          const ciphertexts = [
            // What the service answers is bare: as long as the modulus, with nothing before it.
            bytes(answer.CiphertextBlob),
            publicEncrypt({ key: key.publicKey, padding, oaepHash: hash }, Plaintext),
            Buffer.from(await subtle.encrypt(parameters, theirs, new Uint8Array(Plaintext))),
          ];
          for (const ciphertext of ciphertexts) {
            expect(ciphertext).to.have.length(size);
            expect(await decrypted(key, EncryptionAlgorithm, ciphertext)).to.deep.equal(Plaintext);
          }
        }
        await refused(
          client.encrypt({ KeyId: key.id, Plaintext: randomBytes(limit + 1), EncryptionAlgorithm }),
          'ValidationException',
          `Algorithm ${EncryptionAlgorithm} and key spec ${keySpec} cannot encrypt data larger than ${limit} bytes.`,
        );
      });
    }
  }

  it('nothing that was encrypted elsewhere is decrypted as something', async () => {
    const key = await keyOf('RSA_2048');
    const nothing = publicEncrypt(
      { key: key.publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' },
      Buffer.alloc(0),
    );
    expect(await decrypted(key, 'RSAES_OAEP_SHA_256', nothing)).to.have.length(0);
    const { id } = await newKey(client);
    await refused(
      client.reEncrypt({
        CiphertextBlob: nothing,
        SourceKeyId: key.id,
        SourceEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
        DestinationKeyId: id,
      }),
      'ValidationException',
    );
  });

  it('a ciphertext that isn’t the key’s is invalid, and no more is said', async () => {
    const key = await keyOf('RSA_2048');
    const other = await newKey(client, { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    const Plaintext = Buffer.from('secret');
    const of = async (KeyId: string, EncryptionAlgorithm: (typeof algorithms)[number]) =>
      bytes((await client.encrypt({ KeyId, Plaintext, EncryptionAlgorithm })).CiphertextBlob);
    const good = await of(key.id, 'RSAES_OAEP_SHA_256');
    const bent = Buffer.from(good);
    bent[100] = (bent[100] ?? 0) ^ 1;
    const symmetric = await newKey(client);
    const wrong: Record<string, Buffer> = {
      'another algorithm’s': await of(key.id, 'RSAES_OAEP_SHA_1'),
      'another key’s': await of(other.id, 'RSAES_OAEP_SHA_256'),
      'a bit changed': bent,
      'a byte short': good.subarray(1),
      'a byte long': Buffer.concat([Buffer.alloc(1), good]),
      'all bits set': Buffer.alloc(256, 0xff),
      'a symmetric key’s': bytes((await client.encrypt({ KeyId: symmetric.id, Plaintext })).CiphertextBlob),
    };
    for (const [what, CiphertextBlob] of Object.entries(wrong)) {
      const asked = { KeyId: key.id, CiphertextBlob, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' } as const;
      expect(await refusal(client.decrypt(asked)), what).to.be.instanceOf(InvalidCiphertextException);
    }
    expect(await decrypted(key, 'RSAES_OAEP_SHA_256', good)).to.deep.equal(Plaintext);
  });

  it('the algorithm must be named and be the key’s, the key must be named, and no context is bound', async () => {
    const key = await keyOf('RSA_2048');
    const symmetric = await newKey(client);
    const signing = await newKey(client, { KeySpec: 'RSA_2048', KeyUsage: 'SIGN_VERIFY' });
    const Plaintext = Buffer.from('x');
    const EncryptionAlgorithm = 'RSAES_OAEP_SHA_256';
    const asked = { KeyId: key.id, Plaintext };
    const { CiphertextBlob } = await client.encrypt({ ...asked, EncryptionAlgorithm });
    const incompatible = 'Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.';
    await refused(client.encrypt(asked), 'InvalidKeyUsageException', incompatible);
    await refused(
      client.decrypt({ KeyId: key.id, CiphertextBlob }),
      'InvalidKeyUsageException',
      incompatible,
    );
    await refused(
      client.generateDataKey({ KeyId: key.id, KeySpec: 'AES_256' }),
      'InvalidKeyUsageException',
      incompatible,
    );
    await refused(
      client.encrypt({ KeyId: symmetric.id, Plaintext, EncryptionAlgorithm }),
      'InvalidKeyUsageException',
      'Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.',
    );
    await refused(
      client.encrypt({ KeyId: signing.id, Plaintext, EncryptionAlgorithm }),
      'InvalidKeyUsageException',
      `${signing.arn} key usage is SIGN_VERIFY which is not valid for Encrypt.`,
    );
    await refused(
      client.decrypt({ CiphertextBlob, EncryptionAlgorithm }),
      'ValidationException',
      "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null",
    );
    const context = { EncryptionContext: { a: 'b' } };
    const message = 'EncryptionContext is not supported when encrypting/decrypting with asymmetric CMKs.';
    await refused(
      client.encrypt({ ...asked, EncryptionAlgorithm, ...context }),
      'ValidationException',
      message,
    );
    await refused(
      client.decrypt({ KeyId: key.id, CiphertextBlob, EncryptionAlgorithm, ...context }),
      'ValidationException',
      message,
    );
    await client.encrypt({ ...asked, EncryptionAlgorithm, EncryptionContext: {} });
    const dry = { ...asked, EncryptionAlgorithm, DryRun: true } as const;
    await refused(client.encrypt(dry), 'DryRunOperationException');
    await refused(client.encrypt({ ...dry, Plaintext: randomBytes(191) }), 'ValidationException');
  });

  it('ReEncrypt goes from every kind of key to every other', async () => {
    const rsa = await keyOf('RSA_2048');
    const larger = await keyOf('RSA_3072');
    const symmetric = await newKey(client);
    const Plaintext = Buffer.from('moved about');
    const sides = [
      { key: rsa, algorithm: 'RSAES_OAEP_SHA_1', context: undefined },
      { key: larger, algorithm: 'RSAES_OAEP_SHA_256', context: undefined },
      { key: symmetric, algorithm: 'SYMMETRIC_DEFAULT', context: { at: 'home' } },
    ] as const;
    for (const from of sides) {
      const { CiphertextBlob } = await client.encrypt({
        KeyId: from.key.id,
        Plaintext,
        EncryptionAlgorithm: from.algorithm,
        EncryptionContext: from.context,
      });
      for (const to of sides) {
        const moved = await client.reEncrypt({
          CiphertextBlob,
          SourceKeyId: from.key.id,
          SourceEncryptionAlgorithm: from.algorithm,
          SourceEncryptionContext: from.context,
          DestinationKeyId: to.key.id,
          DestinationEncryptionAlgorithm: to.algorithm,
          DestinationEncryptionContext: to.context,
        });
        expect(moved).to.include({
          SourceKeyId: from.key.arn,
          KeyId: to.key.arn,
          SourceEncryptionAlgorithm: from.algorithm,
          DestinationEncryptionAlgorithm: to.algorithm,
        });
        expect('SourceKeyMaterialId' in moved).to.equal(from.key === symmetric);
        expect('DestinationKeyMaterialId' in moved).to.equal(to.key === symmetric);
        const back = await client.decrypt({
          CiphertextBlob: moved.CiphertextBlob,
          KeyId: to.key.id,
          EncryptionAlgorithm: to.algorithm,
          EncryptionContext: to.context,
        });
        expect(bytes(back.Plaintext)).to.deep.equal(Plaintext);
      }
    }
    const large = await client.encrypt({ KeyId: symmetric.id, Plaintext: randomBytes(300) });
    await refused(
      client.reEncrypt({
        CiphertextBlob: large.CiphertextBlob,
        DestinationKeyId: rsa.id,
        DestinationEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
      }),
      'ValidationException',
      'Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes.',
    );
    await refused(
      client.reEncrypt({ CiphertextBlob: large.CiphertextBlob, DestinationKeyId: rsa.id }),
      'InvalidKeyUsageException',
    );
  });
});
