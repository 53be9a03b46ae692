import * as sdk from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { type Answer, call, newKey, refused, service, unique } from './shared.ts';

const supported = new Set([
  'CancelKeyDeletion',
  'CreateAlias',
  'CreateGrant',
  'CreateKey',
  'Decrypt',
  'DeleteAlias',
  'DeleteImportedKeyMaterial',
  'DeriveSharedSecret',
  'DescribeKey',
  'DisableKey',
  'DisableKeyRotation',
  'EnableKey',
  'EnableKeyRotation',
  'Encrypt',
  'GenerateDataKey',
  'GenerateDataKeyPair',
  'GenerateDataKeyPairWithoutPlaintext',
  'GenerateDataKeyWithoutPlaintext',
  'GenerateMac',
  'GenerateRandom',
  'GetKeyLastUsage',
  'GetKeyPolicy',
  'GetKeyRotationStatus',
  'GetParametersForImport',
  'GetPublicKey',
  'ImportKeyMaterial',
  'ListAliases',
  'ListGrants',
  'ListKeyPolicies',
  'ListKeyRotations',
  'ListKeys',
  'ListResourceTags',
  'PutKeyPolicy',
  'ListRetirableGrants',
  'ReEncrypt',
  'RetireGrant',
  'RevokeGrant',
  'RotateKeyOnDemand',
  'ScheduleKeyDeletion',
  'Sign',
  'TagResource',
  'UntagResource',
  'UpdateAlias',
  'UpdateKeyDescription',
  'Verify',
  'VerifyMac',
]);

const blob = Buffer.from('blob').toString('base64');
/** Something good for each member that an unsupported operation requires. */
const samples: Record<string, unknown> = {
  CustomKeyStoreId: 'cks-1234567890abcdef0',
  CustomKeyStoreName: 'store',
  EncapsulationAlgorithm: 'ML_KEM',
  EncryptedKeyMaterial: blob,
  GrantId: 'a'.repeat(64),
  ImportToken: blob,
  KeyAgreementAlgorithm: 'ECDH',
  KeyPairSpec: 'ECC_NIST_P256',
  Mac: blob,
  MacAlgorithm: 'HMAC_SHA_256',
  Message: blob,
  Operations: ['Encrypt'],
  PrimaryRegion: 'eu-west-1',
  PublicKey: blob,
  ReplicaRegion: 'eu-west-1',
  SharedSecretCiphertextBlob: blob,
  Signature: blob,
  SigningAlgorithm: 'ECDSA_SHA_256',
  WrappingAlgorithm: 'RSAES_OAEP_SHA_256',
  WrappingKeySpec: 'RSA_4096',
};

/** The operations of the SDK with the members that each requires, from the schemas it is generated from. */
function operations(): { name: string; required: string[] }[] {
  const exported: Record<string, unknown> = { ...sdk };
  return Object.keys(exported)
    .filter((name) => /^\w+Command$/.test(name))
    .map((command) => {
      const name = command.replace(/Command$/, '');
      const schema = exported[`${name}Request$`];
      if (!Array.isArray(schema)) throw new Error(`the SDK has no schema of ${name}`);
      const [, , , , members, , required = 0] = schema;
      return { name, required: members.slice(0, required) };
    });
}

function unsupported(answer: Answer, what: string): void {
  expect(answer.status, answer.text).to.equal(400);
  expect(answer.body?.__type, answer.text).to.equal('UnsupportedOperationException');
  expect(answer.body?.message).to.be.a('string').that.includes(what);
  expect(answer.headers['x-amzn-requestid']).to.match(/^[0-9a-f-]{36}$/);
}

describe('what Coffer does not do yet, it says', () => {
  before(async function () {
    this.timeout(60_000);
    await service();
  });

  it('every other operation of the SDK is unsupported, by name', async () => {
    const at = await service();
    const { id: KeyId } = await newKey(at.client());
    const all = operations();
    expect(all.map(({ name }) => name)).to.include.members([...supported]);
    const others = all.filter(({ name }) => !supported.has(name));
    expect(others).to.have.length(56 - supported.size);
    for (const { name, required } of others) {
      const input = Object.fromEntries(
        required.map((member) => {
          const sample = member === 'KeyId' ? KeyId : samples[member];
          if (sample === undefined) throw new Error(`no sample for ${member} of ${name}`);
          return [member, sample];
        }),
      );
      unsupported(await call(at, name, input), name);
    }
  });

  it('an operation that AWS does not have is unknown', async () => {
    const at = await service();
    for (const operation of ['Launch', 'encrypt', '', '__proto__', 'constructor', 'toString']) {
      const answer = await call(at, operation, {});
      expect(answer.body?.__type, operation).to.equal('UnknownOperationException');
      expect(answer.status).to.equal(400);
    }
  });

  it('every unsupported member is refused by name, and nothing is made', async () => {
    const at = await service();
    const client = at.client();
    const { id: KeyId } = await newKey(client);
    const { CiphertextBlob } = await client.encrypt({ KeyId, Plaintext: Buffer.from('x') });
    const ciphertext = Buffer.from(CiphertextBlob ?? []).toString('base64');
    const Description = unique('never made');
    const Recipient = { KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256', AttestationDocument: blob };
    const keys = async () => {
      const { Keys, NextMarker } = await client.listKeys({ Limit: 1_000 });
      expect(NextMarker).to.equal(undefined);
      return (Keys ?? []).length;
    };
    const before = await keys();
    const cases: [operation: string, input: Record<string, unknown>, member: string][] = [
      ['Decrypt', { CiphertextBlob: ciphertext, Recipient }, 'Recipient'],
      ['GenerateDataKey', { KeyId, KeySpec: 'AES_256', Recipient }, 'Recipient'],
      ['GenerateDataKeyPair', { KeyId, KeyPairSpec: 'RSA_2048', Recipient }, 'Recipient'],
      ...['SM2', 'ML_KEM_512', 'ML_KEM_768', 'ML_KEM_1024'].map(
        (KeyPairSpec): [string, Record<string, unknown>, string] => [
          'GenerateDataKeyPair',
          { KeyId, KeyPairSpec },
          `KeyPairSpec ${KeyPairSpec}`,
        ],
      ),
      ['GenerateRandom', { NumberOfBytes: 8, Recipient }, 'Recipient'],
      [
        'DeriveSharedSecret',
        { KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey: blob, Recipient },
        'Recipient',
      ],
      ['GenerateRandom', { NumberOfBytes: 8, CustomKeyStoreId: 'cks-1234567890abcdef0' }, 'CustomKeyStoreId'],
      ['CreateKey', { Description, MultiRegion: true }, 'MultiRegion'],
      ['CreateKey', { Description, CustomKeyStoreId: 'cks-1234567890abcdef0' }, 'CustomKeyStoreId'],
      ['CreateKey', { Description, XksKeyId: 'x' }, 'XksKeyId'],
      ['CreateKey', { Description, Origin: 'AWS_CLOUDHSM' }, 'Origin'],
      ['CreateKey', { Description, KeySpec: 'SM2', KeyUsage: 'SIGN_VERIFY' }, 'KeySpec SM2'],
      ['CreateKey', { Description, CustomerMasterKeySpec: 'SM2' }, 'CustomerMasterKeySpec SM2'],
      ...['ML_KEM_512', 'ML_KEM_768', 'ML_KEM_1024'].map(
        (KeySpec): [string, Record<string, unknown>, string] => [
          'CreateKey',
          { Description, KeySpec, KeyUsage: 'ENCAPSULATE_DECAPSULATE' },
          `KeySpec ${KeySpec}`,
        ],
      ),
      ...['ML_DSA_44', 'ML_DSA_65', 'ML_DSA_87'].map((KeySpec): [string, Record<string, unknown>, string] => [
        'CreateKey',
        { Description, KeySpec, KeyUsage: 'SIGN_VERIFY' },
        `The token of this key store lacks what KeySpec ${KeySpec}`,
      ]),
    ];
    for (const [operation, input, member] of cases) unsupported(await call(at, operation, input), member);
    expect(await keys()).to.equal(before);
  });

  it('a value that AWS does not have is a validation error', async () => {
    const client = (await service()).client();
    const wrong: Record<string, string> = { KeySpec: 'AES_512', KeyUsage: 'ANY', Origin: 'ELSEWHERE' };
    const at = await service();
    for (const [member, value] of Object.entries(wrong)) {
      const { status, body } = await call(at, 'CreateKey', { [member]: value });
      expect(status).to.equal(400);
      expect(body?.__type).to.equal('ValidationException');
      const named = `${member[0]?.toLowerCase()}${member.slice(1)}`;
      expect(body?.message).to.match(
        new RegExp(
          `^1 validation error detected: Value '${value}' at '${named}' failed to satisfy constraint: Member must satisfy enum value set: \\[.+\\]$`,
        ),
      );
    }
    await refused(
      client.describeKey({ KeyId: '' }),
      'ValidationException',
      /'keyId' failed to satisfy constraint/,
    );
    const { body } = await call(at, 'CreateAlias', {});
    expect(body?.__type).to.equal('ValidationException');
    expect(body?.message).to.match(/^2 validation errors detected: .*Member must not be null/);
  });
});
