import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  publicEncrypt,
  sign,
  verify,
} from 'node:crypto';
import type { KeyUsageType, KMS, WrappingKeySpec } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import type { KeySpec } from '../../src/keys/spec/key-spec.ts';
import type { WrappingAlgorithm } from '../../src/keys/spec/wrapping.ts';
import { newMaterialOf } from '../contract/hsm/wrap.ts';
import { importInto, newExternalKey, parametersFor } from './importing.ts';
import { refused, service } from './shared.ts';

describe('imported key material of every kind proves to be what its owner has', () => {
  let client: KMS;
  before(async function () {
    this.timeout(60_000);
    client = (await service()).client();
    await newExternalKey(client);
  });
  const stateOf = async (KeyId: string) => (await client.describeKey({ KeyId })).KeyMetadata;

  const sample = Buffer.from('a message');
  const kinds: readonly (readonly [
    KeySpec,
    KeyUsageType,
    (KeyId: string, material: Buffer) => Promise<void>,
  ])[] = [
    ...(['HMAC_224', 'HMAC_256', 'HMAC_384', 'HMAC_512'] as const).map(
      (spec) =>
        [
          spec,
          'GENERATE_VERIFY_MAC',
          async (KeyId: string, material: Buffer) => {
            const MacAlgorithm = `HMAC_SHA_${spec.slice(5)}` as 'HMAC_SHA_256';
            const { Mac } = await client.generateMac({ KeyId, Message: sample, MacAlgorithm });
            const own = createHmac(`sha${spec.slice(5)}`, material)
              .update(sample)
              .digest();
            expect(Buffer.from(Mac ?? [])).to.deep.equal(own);
          },
        ] as const,
    ),
    [
      'RSA_2048',
      'ENCRYPT_DECRYPT',
      async (KeyId, material) => {
        const key = createPublicKey(createPrivateKey({ key: material, format: 'der', type: 'pkcs8' }));
        const padding = constants.RSA_PKCS1_OAEP_PADDING;
        const CiphertextBlob = publicEncrypt({ key, padding, oaepHash: 'sha256' }, sample);
        const EncryptionAlgorithm = 'RSAES_OAEP_SHA_256';
        const { Plaintext } = await client.decrypt({ KeyId, CiphertextBlob, EncryptionAlgorithm });
        expect(Buffer.from(Plaintext ?? [])).to.deep.equal(sample);
      },
    ],
    ...(
      [
        ['RSA_3072', 'RSASSA_PKCS1_V1_5_SHA_256', 'sha256'],
        ['ECC_NIST_P256', 'ECDSA_SHA_256', 'sha256'],
        ['ECC_NIST_P384', 'ECDSA_SHA_384', 'sha384'],
        ['ECC_NIST_P521', 'ECDSA_SHA_512', 'sha512'],
        ['ECC_SECG_P256K1', 'ECDSA_SHA_256', 'sha256'],
      ] as const
    ).map(
      ([spec, SigningAlgorithm, hash]) =>
        [
          spec,
          'SIGN_VERIFY',
          async (KeyId: string, material: Buffer) => {
            const own = createPrivateKey({ key: material, format: 'der', type: 'pkcs8' });
            const { Signature } = await client.sign({ KeyId, Message: sample, SigningAlgorithm });
            expect(verify(hash, sample, createPublicKey(own), Buffer.from(Signature ?? []))).to.equal(true);
            const Theirs = sign(hash, sample, own);
            const { SignatureValid } = await client.verify({
              KeyId,
              Message: sample,
              SigningAlgorithm,
              Signature: Theirs,
            });
            expect(SignatureValid).to.equal(true);
            const { PublicKey } = await client.getPublicKey({ KeyId });
            const spki = createPublicKey(own).export({ format: 'der', type: 'spki' });
            expect(Buffer.from(PublicKey ?? [])).to.deep.equal(spki);
          },
        ] as const,
    ),
    [
      'ECC_NIST_EDWARDS25519',
      'SIGN_VERIFY',
      async (KeyId, material) => {
        const own = createPrivateKey({ key: material, format: 'der', type: 'pkcs8' });
        const SigningAlgorithm = 'ED25519_SHA_512';
        const { Signature } = await client.sign({ KeyId, Message: sample, SigningAlgorithm });
        expect(Buffer.from(Signature ?? [])).to.deep.equal(sign(null, sample, own));
      },
    ],
    [
      'ECC_NIST_P256',
      'KEY_AGREEMENT',
      async (KeyId) => {
        expect((await client.getPublicKey({ KeyId })).KeyAgreementAlgorithms).to.deep.equal(['ECDH']);
      },
    ],
  ];
  for (const [KeySpec, KeyUsage, prove] of kinds) {
    it(`${KeySpec} for ${KeyUsage}`, async function () {
      this.timeout(60_000);
      const { id: KeyId, arn } = await newExternalKey(client, { KeySpec, KeyUsage });
      const material = newMaterialOf(KeySpec);
      if (KeyUsage !== 'GENERATE_VERIFY_MAC') {
        await refused(
          client.getPublicKey({ KeyId }),
          'KMSInvalidStateException',
          `${arn} is pending import.`,
        );
      }
      const secret = KeyUsage === 'GENERATE_VERIFY_MAC';
      const ways: [WrappingAlgorithm, WrappingKeySpec][] = secret
        ? [
            ['RSAES_OAEP_SHA_1', 'RSA_2048'],
            ['RSAES_OAEP_SHA_256', 'RSA_2048'],
          ]
        : KeySpec.startsWith('RSA')
          ? [
              ['RSA_AES_KEY_WRAP_SHA_1', 'RSA_2048'],
              ['RSA_AES_KEY_WRAP_SHA_256', 'RSA_2048'],
            ]
          : [
              ['RSA_AES_KEY_WRAP_SHA_1', 'RSA_2048'],
              ['RSA_AES_KEY_WRAP_SHA_256', 'RSA_2048'],
              ['RSAES_OAEP_SHA_1', 'RSA_3072'],
              ['RSAES_OAEP_SHA_256', 'RSA_3072'],
            ];
      const names = new Set<string>();
      for (const [algorithm, spec] of ways) {
        const parameters = await parametersFor(client, KeyId, algorithm, spec);
        names.add(await importInto(client, KeyId, material, {}, parameters));
        await prove(KeyId, material);
        await refused(
          importInto(client, KeyId, newMaterialOf(KeySpec), {}, parameters),
          'IncorrectKeyMaterialException',
        );
        await client.deleteImportedKeyMaterial({ KeyId });
        expect(await stateOf(KeyId)).to.include({ KeyState: 'PendingImport' });
      }
      expect(names.size).to.equal(1);
      expect(await stateOf(KeyId)).to.not.have.property('CurrentKeyMaterialId');
      const parameters = await parametersFor(client, KeyId, ...(ways[0] ?? expect.fail()));
      for (const given of [
        { ImportType: 'NEW_KEY_MATERIAL' },
        { KeyMaterialId: 'a'.repeat(64) },
        { KeyMaterialDescription: 'x' },
      ] as const) {
        await refused(
          importInto(client, KeyId, material, given, parameters),
          'UnsupportedOperationException',
        );
      }
    });
  }
});
