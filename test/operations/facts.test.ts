import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import { type Assembly, assemble } from '../jobs/assembly.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const peer = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  .publicKey.export({ format: 'der', type: 'spki' })
  .toString('base64');
const Message = base64('message');
const digest = Buffer.alloc(32).toString('base64');

/** What conditions of key policies see of a request: a policy that denies one value refuses it, and no other. */
describe('the facts of operations with pairs and MACs', function () {
  this.timeout(60_000);
  let here: Assembly;
  before(async () => {
    here = await assemble();
  });
  after(() => here.close());

  const signing = { SigningAlgorithm: 'RSASSA_PSS_SHA_256', Message };
  const rows: {
    condition: string;
    value: string;
    kind: [keySpec: string, keyUsage: string];
    operation: string;
    denied: Record<string, unknown>;
    allowed: Record<string, unknown>;
  }[] = [
    {
      condition: 'kms:SigningAlgorithm',
      value: 'RSASSA_PSS_SHA_256',
      kind: ['RSA_2048', 'SIGN_VERIFY'],
      operation: 'Sign',
      denied: signing,
      allowed: { ...signing, SigningAlgorithm: 'RSASSA_PSS_SHA_384' },
    },
    {
      condition: 'kms:MessageType',
      value: 'RAW',
      kind: ['ECC_NIST_P256', 'SIGN_VERIFY'],
      operation: 'Sign',
      denied: { SigningAlgorithm: 'ECDSA_SHA_256', Message },
      allowed: { SigningAlgorithm: 'ECDSA_SHA_256', Message: digest, MessageType: 'DIGEST' },
    },
    {
      condition: 'kms:MessageType',
      value: 'DIGEST',
      kind: ['ECC_NIST_P256', 'SIGN_VERIFY'],
      operation: 'Sign',
      denied: { SigningAlgorithm: 'ECDSA_SHA_256', Message: digest, MessageType: 'DIGEST' },
      allowed: { SigningAlgorithm: 'ECDSA_SHA_256', Message },
    },
    {
      condition: 'kms:EncryptionAlgorithm',
      value: 'RSAES_OAEP_SHA_1',
      kind: ['RSA_2048', 'ENCRYPT_DECRYPT'],
      operation: 'Encrypt',
      denied: { Plaintext: Message, EncryptionAlgorithm: 'RSAES_OAEP_SHA_1' },
      allowed: { Plaintext: Message, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' },
    },
    {
      condition: 'kms:DataKeyPairSpec',
      value: 'ECC_NIST_P256',
      kind: ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT'],
      operation: 'GenerateDataKeyPair',
      denied: { KeyPairSpec: 'ECC_NIST_P256' },
      allowed: { KeyPairSpec: 'ECC_NIST_P384' },
    },
    {
      condition: 'kms:DataKeyPairSpec',
      value: 'ECC_NIST_P256',
      kind: ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT'],
      operation: 'GenerateDataKeyPairWithoutPlaintext',
      denied: { KeyPairSpec: 'ECC_NIST_P256' },
      allowed: { KeyPairSpec: 'ECC_NIST_P384' },
    },
  ];

  async function keyWith(kind: [string, string], operation: string, condition: string, value: string) {
    const Statement = [
      { Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: 'kms:*', Resource: '*' },
      {
        Effect: 'Deny',
        Principal: '*',
        Action: `kms:${operation}`,
        Resource: '*',
        Condition: { StringEquals: { [condition]: value } },
      },
    ];
    const [KeySpec, KeyUsage] = kind;
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    const input = { KeySpec, KeyUsage, Policy };
    const { KeyMetadata } = await here.call<{ KeyMetadata: { KeyId: string } }>('CreateKey', input);
    return KeyMetadata.KeyId;
  }

  async function outcome(operation: string, input: Record<string, unknown>): Promise<string> {
    try {
      await here.call(operation, input);
      return 'done';
    } catch (error) {
      if (error instanceof KmsError) return error.code;
      throw error;
    }
  }

  for (const { condition, value, kind, operation, denied, allowed } of rows) {
    it(`${operation}: ${condition} is ${value} where the request says so`, async () => {
      const KeyId = await keyWith(kind, operation, condition, value);
      expect(await outcome(operation, { KeyId, ...denied })).to.equal('AccessDeniedException');
      expect(await outcome(operation, { KeyId, ...allowed })).to.equal('done');
    });
  }

  for (const [condition, value, kind, operation, input] of [
    ['kms:MacAlgorithm', 'HMAC_SHA_256', ['HMAC_256', 'GENERATE_VERIFY_MAC'], 'GenerateMac', { Message }],
    [
      'kms:MacAlgorithm',
      'HMAC_SHA_256',
      ['HMAC_256', 'GENERATE_VERIFY_MAC'],
      'VerifyMac',
      { Message, Mac: Message },
    ],
    [
      'kms:KeyAgreementAlgorithm',
      'ECDH',
      ['ECC_NIST_P256', 'KEY_AGREEMENT'],
      'DeriveSharedSecret',
      { PublicKey: peer },
    ],
    [
      'kms:EncryptionAlgorithm',
      'SYMMETRIC_DEFAULT',
      ['SYMMETRIC_DEFAULT', 'ENCRYPT_DECRYPT'],
      'GenerateDataKey',
      { NumberOfBytes: 9 },
    ],
    ['kms:KeySpec', 'ECC_NIST_P256', ['ECC_NIST_P256', 'SIGN_VERIFY'], 'GetPublicKey', {}],
    ['kms:KeyUsage', 'SIGN_VERIFY', ['ECC_NIST_P256', 'SIGN_VERIFY'], 'GetPublicKey', {}],
  ] as const) {
    it(`${operation}: ${condition} is ${value}`, async () => {
      const named = { [`${condition.slice(4)}`]: value };
      const given = 'Message' in input || 'PublicKey' in input ? { ...input, ...named } : input;
      const refused = await keyWith([...kind], operation, condition, value);
      expect(await outcome(operation, { KeyId: refused, ...given })).to.equal('AccessDeniedException');
      const other = await keyWith([...kind], operation, condition, 'another');
      expect(await outcome(operation, { KeyId: other, ...given })).to.not.equal('AccessDeniedException');
    });
  }
});
