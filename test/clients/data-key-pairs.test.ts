import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { InvalidCiphertextException, type KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { namesOf, type SigningFacts, signingAlgorithms } from '../../src/keys/spec/algorithm.ts';
import { factsOf, isDataKeyPairSpec, keySpecs } from '../../src/keys/spec/key-spec.ts';
import { newKey, refusal, refused, service } from './shared.ts';

const bytes = (data: Uint8Array | undefined) => Buffer.from(data ?? []);
const specs = namesOf(keySpecs).filter(isDataKeyPairSpec);

describe('data key pairs, through the AWS SDK', function () {
  this.timeout(60_000);
  let client: KMS;

  before(async () => {
    client = (await service()).client();
  });

  for (const KeyPairSpec of specs) {
    it(`${KeyPairSpec}: the halves belong together, and the private one comes back from its ciphertext`, async () => {
      const { id: KeyId, arn } = await newKey(client);
      const { KeyMetadata } = await client.describeKey({ KeyId });
      const EncryptionContext = { for: 'pairs' };
      const asked = { KeyId, KeyPairSpec, EncryptionContext };
      const told = { KeyId: arn, KeyPairSpec, KeyMaterialId: KeyMetadata?.CurrentKeyMaterialId };

      const plain = await client.generateDataKeyPair(asked);
      expect(plain).to.include(told);
      const privateKey = createPrivateKey({
        key: bytes(plain.PrivateKeyPlaintext),
        format: 'der',
        type: 'pkcs8',
      });
      const publicKey = createPublicKey({ key: bytes(plain.PublicKey), format: 'der', type: 'spki' });
      const [algorithm = 'ECDSA_SHA_256'] = factsOf(KeyPairSpec).usages.SIGN_VERIFY ?? [];
      const { hash }: SigningFacts = signingAlgorithms[algorithm];
      const message = Buffer.from('message');
      expect(verify(hash ?? null, message, publicKey, sign(hash ?? null, message, privateKey))).to.equal(
        true,
      );
      const opened = await client.decrypt({
        CiphertextBlob: plain.PrivateKeyCiphertextBlob,
        EncryptionContext,
      });
      expect(opened.Plaintext).to.deep.equal(plain.PrivateKeyPlaintext);
      const unbound = client.decrypt({ CiphertextBlob: plain.PrivateKeyCiphertextBlob });
      expect(await refusal(unbound)).to.be.instanceOf(InvalidCiphertextException);

      const sealed = await client.generateDataKeyPairWithoutPlaintext(asked);
      expect(sealed).to.include(told);
      expect('PrivateKeyPlaintext' in sealed).to.equal(false);
      const { Plaintext } = await client.decrypt({
        CiphertextBlob: sealed.PrivateKeyCiphertextBlob,
        EncryptionContext,
      });
      const later = createPrivateKey({ key: bytes(Plaintext), format: 'der', type: 'pkcs8' });
      const half = createPublicKey(later).export({ format: 'der', type: 'spki' });
      expect(half.equals(bytes(sealed.PublicKey))).to.equal(true);
      expect(half.equals(bytes(plain.PublicKey))).to.equal(false);
    });
  }

  it('are made under symmetric keys alone, and not by a dry run', async () => {
    const rsa = await newKey(client, { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' });
    const hmac = await newKey(client, { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' });
    const { id: KeyId } = await newKey(client);
    for (const name of ['generateDataKeyPair', 'generateDataKeyPairWithoutPlaintext'] as const) {
      await refused(
        client[name]({ KeyId: rsa.id, KeyPairSpec: 'ECC_NIST_P256' }),
        'InvalidKeyUsageException',
        'Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.',
      );
      await refused(
        client[name]({ KeyId: hmac.id, KeyPairSpec: 'ECC_NIST_P256' }),
        'InvalidKeyUsageException',
        /key usage is GENERATE_VERIFY_MAC which is not valid for GenerateDataKeyPair/,
      );
      const dry = { KeyId, KeyPairSpec: 'ECC_NIST_P256', DryRun: true } as const;
      await refused(client[name](dry), 'DryRunOperationException');
    }
  });
});
