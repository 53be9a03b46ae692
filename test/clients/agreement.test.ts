import { createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import type { KMS } from '@aws-sdk/client-kms';
import { Crypto } from '@peculiar/webcrypto';
import { expect } from 'chai';
import { keySpecs } from '../../src/keys/spec/key-spec.ts';
import { newKey, refused, service } from './shared.ts';

const { subtle } = new Crypto();
const bytes = (data: Uint8Array | undefined) => Buffer.from(data ?? []);
const specs = ['ECC_NIST_P256', 'ECC_NIST_P384', 'ECC_NIST_P521'] as const;
const ecdh = { KeyAgreementAlgorithm: 'ECDH' } as const;

describe('key agreement, through the AWS SDK', () => {
  let client: KMS;

  before(async function () {
    this.timeout(60_000);
    client = (await service()).client();
  });

  const agreeing = async (KeySpec: (typeof specs)[number]) => {
    const key = await newKey(client, { KeySpec, KeyUsage: 'KEY_AGREEMENT' });
    return { ...key, spki: bytes((await client.getPublicKey({ KeyId: key.id })).PublicKey) };
  };

  for (const keySpec of specs) {
    const { curve, jwkCurve, fieldBytes } = keySpecs[keySpec];

    it(`${keySpec} agrees with Node, WebCrypto and another key on one secret`, async () => {
      const key = await agreeing(keySpec);
      const peer = generateKeyPairSync('ec', { namedCurve: curve });
      const PublicKey = peer.publicKey.export({ format: 'der', type: 'spki' });
      const answer = await client.deriveSharedSecret({ KeyId: key.id, ...ecdh, PublicKey });
      expect(answer).to.include({ KeyId: key.arn, KeyAgreementAlgorithm: 'ECDH', KeyOrigin: 'AWS_KMS' });
      const publicKey = createPublicKey({ key: key.spki, format: 'der', type: 'spki' });
      expect(bytes(answer.SharedSecret)).to.deep.equal(
        diffieHellman({ privateKey: peer.privateKey, publicKey }),
      );

      const parameters = { name: 'ECDH', namedCurve: jwkCurve };
      const theirs = await subtle.generateKey(parameters, true, ['deriveBits']);
      const ours = await subtle.importKey('spki', new Uint8Array(key.spki), parameters, false, []);
      const bits = await subtle.deriveBits(
        { ...parameters, public: ours },
        theirs.privateKey,
        8 * fieldBytes,
      );
      const given = { PublicKey: Buffer.from(await subtle.exportKey('spki', theirs.publicKey)) };
      const again = await client.deriveSharedSecret({ KeyId: key.id, ...ecdh, ...given });
      expect(bytes(again.SharedSecret)).to.deep.equal(Buffer.from(bits));

      const other = await agreeing(keySpec);
      const secrets = await Promise.all([
        client.deriveSharedSecret({ KeyId: key.id, ...ecdh, PublicKey: other.spki }),
        client.deriveSharedSecret({ KeyId: other.id, ...ecdh, PublicKey: key.spki }),
      ]);
      expect(secrets[0].SharedSecret).to.deep.equal(secrets[1].SharedSecret);
      expect(secrets[0].SharedSecret).to.have.length(fieldBytes);
    });
  }

  it('what is no public key on the key’s curve is refused, and no secret is made of it', async () => {
    const key = await agreeing('ECC_NIST_P256');
    const foreign = generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).publicKey;
    const koblitz = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey;
    const wrong: Record<string, Buffer> = {
      nonsense: Buffer.from('nonsense'),
      'another curve’s': foreign.export({ format: 'der', type: 'spki' }),
      'another curve’s of the same length': koblitz.export({ format: 'der', type: 'spki' }),
      'not on the curve': Buffer.concat([key.spki.subarray(0, -1), Buffer.of((key.spki.at(-1) ?? 0) ^ 1)]),
    };
    for (const [what, PublicKey] of Object.entries(wrong)) {
      const asked = { KeyId: key.id, ...ecdh, PublicKey };
      for (const DryRun of [false, true]) {
        await refused(
          client.deriveSharedSecret({ ...asked, DryRun }),
          'ValidationException',
          'The public key is not a valid DER-encoded X.509 public key on the curve of key spec ECC_NIST_P256.',
        ).catch((cause) => expect.fail(`${what}: ${cause}`));
      }
    }
    const asked = { KeyId: key.id, ...ecdh, PublicKey: key.spki, DryRun: true };
    await refused(client.deriveSharedSecret(asked), 'DryRunOperationException');
  });

  it('a key for something else agrees with nobody', async () => {
    const { id, arn } = await newKey(client, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    const { PublicKey } = await client.getPublicKey({ KeyId: id });
    await refused(
      client.deriveSharedSecret({ KeyId: id, ...ecdh, PublicKey }),
      'InvalidKeyUsageException',
      `${arn} key usage is SIGN_VERIFY which is not valid for DeriveSharedSecret.`,
    );
  });
});
