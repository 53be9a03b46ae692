import { createPublicKey } from 'node:crypto';
import type { CreateKeyCommandInput, KeyMetadata, KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { namesOf } from '../../src/keys/spec/algorithm.ts';
import {
  algorithmsOf,
  factsOf,
  isPairSpec,
  type KeySpec,
  type KeyUsage,
  keySpecs,
  usagesOf,
} from '../../src/keys/spec/key-spec.ts';
import { newKey, refused, service } from './shared.ts';

/** What SoftHSM makes. */
const kinds = namesOf(keySpecs)
  .filter((keySpec) => factsOf(keySpec).family !== 'ml-dsa')
  .flatMap((keySpec) => usagesOf(keySpec).map((keyUsage) => ({ keySpec, keyUsage })));

const lists = [
  'EncryptionAlgorithms',
  'SigningAlgorithms',
  'MacAlgorithms',
  'KeyAgreementAlgorithms',
] as const;
const listOf: Record<KeyUsage, (typeof lists)[number]> = {
  ENCRYPT_DECRYPT: 'EncryptionAlgorithms',
  SIGN_VERIFY: 'SigningAlgorithms',
  GENERATE_VERIFY_MAC: 'MacAlgorithms',
  KEY_AGREEMENT: 'KeyAgreementAlgorithms',
};

/** What of an answer lists algorithms. */
function listed(answer: object): object {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => name.endsWith('Algorithms')));
}

describe('keys of every spec, through the AWS SDK', function () {
  this.timeout(60_000);
  let client: KMS;

  before(async () => {
    client = (await service()).client();
  });

  for (const { keySpec, keyUsage } of kinds) {
    it(`${keySpec} for ${keyUsage} is made and described as AWS does it, with its public half`, async () => {
      const { KeyMetadata: made } = await client.createKey({ KeySpec: keySpec, KeyUsage: keyUsage });
      expect(made).to.include({ KeySpec: keySpec, CustomerMasterKeySpec: keySpec, KeyUsage: keyUsage });
      expect(made).to.include({ KeyState: 'Enabled', Enabled: true, Origin: 'AWS_KMS' });
      // SoftHSM signs what it is given with Ed25519ph as if it were Ed25519.
      const algorithms = algorithmsOf(keySpec, keyUsage).filter((name) => name !== 'ED25519_PH_SHA_512');
      expect(listed(made ?? {})).to.deep.equal({ [listOf[keyUsage]]: algorithms });
      expect('CurrentKeyMaterialId' in (made ?? {})).to.equal(keySpec === 'SYMMETRIC_DEFAULT');
      const { KeyMetadata: described } = await client.describeKey({ KeyId: made?.KeyId });
      expect(described).to.deep.equal(made);
      if (isPairSpec(keySpec)) await checkPublicKey(client, keySpec, keyUsage, made);
      else {
        await refused(
          client.getPublicKey({ KeyId: made?.KeyId }),
          'UnsupportedOperationException',
          `${made?.Arn} key spec is ${keySpec} which is not valid for GetPublicKey.`,
        );
      }
    });
  }

  it('the deprecated name of KeySpec makes the same keys, and not both may be given', async () => {
    const given = { CustomerMasterKeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' } as const;
    const { KeyMetadata } = await client.createKey(given);
    expect(KeyMetadata).to.include({ KeySpec: 'ECC_NIST_P256' });
    await refused(
      client.createKey({ ...given, KeySpec: 'ECC_NIST_P256' }),
      'ValidationException',
      /^You cannot specify KeySpec and CustomerMasterKeySpec in the same request\./,
    );
  });

  it('a usage must be named and must be one of the spec', async () => {
    for (const KeySpec of ['RSA_2048', 'ECC_NIST_P256', 'HMAC_256', 'ML_DSA_44'] as const) {
      await refused(
        client.createKey({ KeySpec }),
        'ValidationException',
        'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
      );
    }
    const wrong: readonly CreateKeyCommandInput[] = [
      { KeySpec: 'SYMMETRIC_DEFAULT', KeyUsage: 'SIGN_VERIFY' },
      { KeySpec: 'RSA_2048', KeyUsage: 'GENERATE_VERIFY_MAC' },
      { KeySpec: 'RSA_2048', KeyUsage: 'KEY_AGREEMENT' },
      { KeySpec: 'RSA_2048', KeyUsage: 'ENCAPSULATE_DECAPSULATE' },
      { KeySpec: 'ECC_NIST_P256', KeyUsage: 'ENCRYPT_DECRYPT' },
      { KeySpec: 'ECC_SECG_P256K1', KeyUsage: 'KEY_AGREEMENT' },
      { KeySpec: 'ECC_NIST_EDWARDS25519', KeyUsage: 'KEY_AGREEMENT' },
      { KeySpec: 'HMAC_256', KeyUsage: 'SIGN_VERIFY' },
    ];
    for (const { KeySpec, KeyUsage } of wrong) {
      await refused(
        client.createKey({ KeySpec, KeyUsage }),
        'ValidationException',
        `KeyUsage ${KeyUsage} is not compatible with KeySpec ${KeySpec}`,
      );
    }
    await refused(client.createKey({ KeyUsage: 'SIGN_VERIFY' }), 'ValidationException');
  });

  it('a public key is told while its key is enabled, by any of its names', async () => {
    const key = await newKey(client, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    const AliasName = 'alias/public-key';
    await client.createAlias({ AliasName, TargetKeyId: key.id });
    const answers = await Promise.all(
      [key.id, key.arn, AliasName, `arn:aws:kms:us-east-1:${key.account}:${AliasName}`].map((KeyId) =>
        client.getPublicKey({ KeyId }),
      ),
    );
    for (const { PublicKey } of answers) expect(PublicKey).to.deep.equal(answers[0]?.PublicKey);
    await client.disableKey({ KeyId: key.id });
    await refused(client.getPublicKey({ KeyId: key.id }), 'DisabledException', `${key.arn} is disabled.`);
    await client.scheduleKeyDeletion({ KeyId: key.id });
    await refused(client.getPublicKey({ KeyId: key.id }), 'KMSInvalidStateException');
  });
});

async function checkPublicKey(
  client: KMS,
  keySpec: KeySpec,
  keyUsage: KeyUsage,
  made: KeyMetadata | undefined,
): Promise<void> {
  const answer = await client.getPublicKey({ KeyId: made?.KeyId });
  expect(answer).to.include({
    KeyId: made?.Arn,
    KeySpec: keySpec,
    CustomerMasterKeySpec: keySpec,
    KeyUsage: keyUsage,
  });
  expect(listed(answer)).to.deep.equal(listed(made ?? {}));
  const key = createPublicKey({ key: Buffer.from(answer.PublicKey ?? []), format: 'der', type: 'spki' });
  const facts = factsOf(keySpec);
  switch (facts.family) {
    case 'rsa':
      expect(key.asymmetricKeyDetails).to.deep.equal({
        modulusLength: facts.modulusBits,
        publicExponent: 65537n,
      });
      break;
    case 'ec':
      expect(key.asymmetricKeyDetails).to.deep.equal({ namedCurve: facts.curve });
      break;
    default:
      expect(key.asymmetricKeyType).to.equal('ed25519');
  }
  // Exactly the DER that others write for it.
  expect(key.export({ format: 'der', type: 'spki' }).equals(Buffer.from(answer.PublicKey ?? []))).to.equal(
    true,
  );
}
