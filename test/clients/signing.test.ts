import { execFileSync } from 'node:child_process';
import {
  constants,
  createPublicKey,
  hash,
  type KeyObject,
  verify as nodeVerify,
  randomBytes,
} from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type KMS,
  KMSInvalidSignatureException,
  type MessageType,
  type VerifyCommandInput,
} from '@aws-sdk/client-kms';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { Crypto } from '@peculiar/webcrypto';
import { expect } from 'chai';
import { exportJWK, jwtVerify } from 'jose';
import { decodeEcdsa } from '../../src/der.ts';
import {
  type SigningAlgorithm,
  type SigningFacts,
  signingAlgorithms,
} from '../../src/keys/spec/algorithm.ts';
import { factsOf, type KeySpec } from '../../src/keys/spec/key-spec.ts';
import { call, type NewKey, newKey, refusal, refused, service } from './shared.ts';

const { subtle } = new Crypto();
const bytes = (data: Uint8Array | undefined) => Buffer.from(data ?? []);
const algorithmsOf = (keySpec: KeySpec): readonly SigningAlgorithm[] =>
  (factsOf(keySpec).usages.SIGN_VERIFY ?? []).filter((name) => name !== 'ED25519_PH_SHA_512');

const specs = [
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'ECC_NIST_P256',
  'ECC_NIST_P384',
  'ECC_NIST_P521',
  'ECC_SECG_P256K1',
  'ECC_NIST_EDWARDS25519',
] as const satisfies readonly KeySpec[];

describe('signatures, through the AWS SDK', function () {
  this.timeout(60_000);
  let client: KMS;
  const made = new Map<KeySpec, Promise<NewKey & { publicKey: KeyObject; spki: Buffer }>>();

  before(async () => {
    client = (await service()).client();
  });

  /** One of each spec for all tests: RSA takes its time. */
  function keyOf(keySpec: KeySpec) {
    const known = made.get(keySpec) ?? make(keySpec);
    made.set(keySpec, known);
    return known;
  }

  async function make(keySpec: KeySpec) {
    const key = await newKey(client, { KeySpec: keySpec, KeyUsage: 'SIGN_VERIFY' });
    const { PublicKey } = await client.getPublicKey({ KeyId: key.id });
    const spki = bytes(PublicKey);
    return { ...key, spki, publicKey: createPublicKey({ key: spki, format: 'der', type: 'spki' }) };
  }

  async function sign(
    key: NewKey,
    algorithm: SigningAlgorithm,
    message: Buffer,
    type?: MessageType,
  ): Promise<Buffer> {
    const { Signature, ...rest } = await client.sign({
      KeyId: key.id,
      Message: message,
      SigningAlgorithm: algorithm,
      ...(type && { MessageType: type }),
    });
    expect(rest).to.include({ KeyId: key.arn, SigningAlgorithm: algorithm });
    return bytes(Signature);
  }

  for (const keySpec of specs) {
    for (const algorithm of algorithmsOf(keySpec)) {
      it(`${keySpec} signs with ${algorithm} what Node and Verify take, of message and digest`, async () => {
        const key = await keyOf(keySpec);
        const { hash: name, scheme, saltBytes = 0 }: SigningFacts = signingAlgorithms[algorithm];
        const message = randomBytes(300);
        const digest = name && hash(name, message, 'buffer');
        const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltBytes };
        const verifier = scheme === 'RSASSA-PSS' ? { key: key.publicKey, ...pss } : key.publicKey;
        const signatures = [await sign(key, algorithm, message), await sign(key, algorithm, message, 'RAW')];
        if (digest) signatures.push(await sign(key, algorithm, digest, 'DIGEST'));
        for (const Signature of signatures) {
          expect(nodeVerify(name ?? null, message, verifier, Signature)).to.equal(true);
          const asked = { KeyId: key.id, SigningAlgorithm: algorithm, Signature };
          const answers = [await client.verify({ ...asked, Message: message })];
          if (digest) answers.push(await client.verify({ ...asked, Message: digest, MessageType: 'DIGEST' }));
          for (const answer of answers) {
            expect(answer).to.include({ KeyId: key.arn, SignatureValid: true, SigningAlgorithm: algorithm });
          }
          const other = Buffer.from(message);
          other[0] = (other[0] ?? 0) ^ 1;
          const invalid = await refusal(client.verify({ ...asked, Message: other }));
          expect(invalid).to.be.instanceOf(KMSInvalidSignatureException);
          if (name === undefined) continue;
          const Message = hash(name, other, 'buffer');
          const again = await refusal(client.verify({ ...asked, Message, MessageType: 'DIGEST' }));
          expect(again).to.be.instanceOf(KMSInvalidSignatureException);
        }
      });
    }
  }

  it('WebCrypto takes what is signed', async () => {
    const message = Buffer.from('a message');
    const rows = [
      ['RSA_2048', 'RSASSA_PSS_SHA_256', { name: 'RSA-PSS', hash: 'SHA-256', saltLength: 32 }],
      ['RSA_2048', 'RSASSA_PSS_SHA_512', { name: 'RSA-PSS', hash: 'SHA-512', saltLength: 64 }],
      ['RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_384', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' }],
      ['ECC_NIST_P256', 'ECDSA_SHA_256', { name: 'ECDSA', hash: 'SHA-256', namedCurve: 'P-256' }],
      ['ECC_NIST_P384', 'ECDSA_SHA_384', { name: 'ECDSA', hash: 'SHA-384', namedCurve: 'P-384' }],
      ['ECC_NIST_P521', 'ECDSA_SHA_512', { name: 'ECDSA', hash: 'SHA-512', namedCurve: 'P-521' }],
    ] as const;
    for (const [keySpec, algorithm, parameters] of rows) {
      const key = await keyOf(keySpec);
      const signature = await sign(key, algorithm, message);
      const facts = factsOf(keySpec);
      const raw = facts.family === 'ec' ? rawSignature(signature, facts.fieldBytes) : signature;
      const verifier = await subtle.importKey('spki', new Uint8Array(key.spki), parameters, false, [
        'verify',
      ]);
      expect(await subtle.verify(parameters, verifier, new Uint8Array(raw), message), algorithm).to.equal(
        true,
      );
    }
  });

  it('a signature of another key, of another algorithm, or of nobody is invalid, and no more is said', async () => {
    const key = await keyOf('ECC_NIST_P256');
    const other = await newKey(client, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    const Message = Buffer.from('message');
    const Signature = await sign(key, 'ECDSA_SHA_256', Message);
    const asked = { Message, Signature, SigningAlgorithm: 'ECDSA_SHA_256' } as const;
    await client.verify({ ...asked, KeyId: key.id });
    const rsa = await keyOf('RSA_2048');
    const pss = await sign(rsa, 'RSASSA_PSS_SHA_256', Message);
    const requests: VerifyCommandInput[] = [
      { ...asked, KeyId: other.id },
      { ...asked, KeyId: key.id, Signature: Buffer.from('nonsense') },
      { ...asked, KeyId: key.id, Signature: Buffer.concat([Signature, Buffer.of(0)]) },
      { ...asked, KeyId: rsa.id, SigningAlgorithm: 'RSASSA_PSS_SHA_256' },
      {
        Message,
        Signature: pss,
        KeyId: rsa.id,
        SigningAlgorithm: 'RSASSA_PKCS1_V1_5_SHA_256',
      },
      { Message, Signature: pss, KeyId: rsa.id, SigningAlgorithm: 'RSASSA_PSS_SHA_384' },
    ];
    for (const request of requests) {
      expect(await refusal(client.verify(request))).to.be.instanceOf(KMSInvalidSignatureException);
    }
    const answer = await call(await service(), 'Verify', {
      KeyId: key.id,
      Message: Message.toString('base64'),
      Signature: 'AAAA',
      SigningAlgorithm: 'ECDSA_SHA_256',
    });
    expect(answer.status).to.equal(400);
    expect(answer.body).to.deep.equal({ __type: 'KMSInvalidSignatureException' });
  });

  it('an algorithm, usage, length or message type that isn’t the key’s is refused in AWS’s words', async () => {
    const p256 = await keyOf('ECC_NIST_P256');
    const edwards = await keyOf('ECC_NIST_EDWARDS25519');
    const rsa = await keyOf('RSA_2048');
    const agreeing = await newKey(client, { KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' });
    const symmetric = await newKey(client);
    const rows: [NewKey, SigningAlgorithm, MessageType, number, string, string | RegExp][] = [
      [
        p256,
        'ECDSA_SHA_384',
        'RAW',
        9,
        'InvalidKeyUsageException',
        'Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.',
      ],
      [
        rsa,
        'ECDSA_SHA_256',
        'RAW',
        9,
        'InvalidKeyUsageException',
        'Algorithm ECDSA_SHA_256 is incompatible with key spec RSA_2048.',
      ],
      [
        p256,
        'ECDSA_SHA_256',
        'DIGEST',
        31,
        'ValidationException',
        'Digest is invalid length for algorithm ECDSA_SHA_256.',
      ],
      [
        rsa,
        'RSASSA_PSS_SHA_384',
        'DIGEST',
        32,
        'ValidationException',
        'Digest is invalid length for algorithm RSASSA_PSS_SHA_384.',
      ],
      [
        edwards,
        'ED25519_SHA_512',
        'DIGEST',
        64,
        'ValidationException',
        'Message type DIGEST is incompatible with algorithm ED25519_SHA_512.',
      ],
      [
        rsa,
        'RSASSA_PSS_SHA_256',
        'EXTERNAL_MU',
        64,
        'ValidationException',
        'Message type EXTERNAL_MU is incompatible with key spec RSA_2048.',
      ],
      [
        edwards,
        'ED25519_PH_SHA_512',
        'DIGEST',
        64,
        'UnsupportedOperationException',
        'The token of this key store does not support ED25519_PH_SHA_512.',
      ],
      [
        agreeing,
        'ECDSA_SHA_256',
        'RAW',
        9,
        'InvalidKeyUsageException',
        /key usage is KEY_AGREEMENT which is not valid for (Sign|Verify)\.$/,
      ],
      [
        symmetric,
        'ECDSA_SHA_256',
        'RAW',
        9,
        'InvalidKeyUsageException',
        /key usage is ENCRYPT_DECRYPT which is not valid for (Sign|Verify)\.$/,
      ],
      [
        p256,
        'ECDSA_SHA_256',
        'RAW',
        4097,
        'ValidationException',
        /'message' failed to satisfy constraint: Member must have length less than or equal to 4096/,
      ],
      [
        p256,
        'ECDSA_SHA_256',
        'RAW',
        0,
        'ValidationException',
        /Member must have length greater than or equal to 1/,
      ],
    ];
    for (const [key, SigningAlgorithm, MessageType, length, name, message] of rows) {
      const asked = { KeyId: key.id, SigningAlgorithm, MessageType, Message: Buffer.alloc(length) };
      await refused(client.sign(asked), name, message);
      await refused(client.verify({ ...asked, Signature: Buffer.alloc(70) }), name, message);
    }
    const unknown = { KeyId: rsa.id, Message: 'AAAA', SigningAlgorithm: 'SM2DSA' };
    const { body } = await call(await service(), 'Sign', unknown);
    expect(body?.message).to.equal('Algorithm SM2DSA is incompatible with key spec RSA_2048.');
  });

  it('a dry run signs and verifies nothing', async () => {
    const key = await keyOf('ECC_NIST_P256');
    const asked = {
      KeyId: key.id,
      SigningAlgorithm: 'ECDSA_SHA_256',
      Message: Buffer.from('x'),
      DryRun: true,
    } as const;
    await refused(client.sign(asked), 'DryRunOperationException');
    await refused(client.verify({ ...asked, Signature: Buffer.from('none') }), 'DryRunOperationException');
    const wrong = { ...asked, SigningAlgorithm: 'ECDSA_SHA_384' } as const;
    await refused(client.sign(wrong), 'InvalidKeyUsageException');
  });

  describe('are what others expect', () => {
    for (const [keySpec, algorithm, alg] of [
      ['ECC_NIST_P256', 'ECDSA_SHA_256', 'ES256'],
      ['ECC_NIST_P384', 'ECDSA_SHA_384', 'ES384'],
      ['RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_256', 'RS256'],
      ['RSA_2048', 'RSASSA_PSS_SHA_256', 'PS256'],
      ['ECC_NIST_EDWARDS25519', 'ED25519_SHA_512', 'EdDSA'],
    ] as const) {
      it(`jose takes a JWT with ${alg}, signed by a ${keySpec} key`, async () => {
        const key = await keyOf(keySpec);
        const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
        const input = `${encode({ alg, kid: key.arn })}.${encode({ sub: 'alice', iss: 'coffer' })}`;
        const signature = await sign(key, algorithm, Buffer.from(input));
        const facts = factsOf(keySpec);
        // RFC 7518 §3.4: r ‖ s.
        const raw = facts.family === 'ec' ? rawSignature(signature, facts.fieldBytes) : signature;
        const jwk = await exportJWK(key.publicKey);
        const { payload } = await jwtVerify(`${input}.${raw.toString('base64url')}`, jwk, {
          issuer: 'coffer',
        });
        expect(payload.sub).to.equal('alice');
        const other = `${input.slice(0, -2)}AA.${raw.toString('base64url')}`;
        expect((await refusal(jwtVerify(other, jwk))).name).to.equal('JWSSignatureVerificationFailed');
      });
    }

    it('a signature of secp256k1 recovers its Ethereum address', async () => {
      const key = await keyOf('ECC_SECG_P256K1');
      const { x = '', y = '' } = key.publicKey.export({ format: 'jwk' });
      const addressOf = (point: Uint8Array) => Buffer.from(keccak_256(point)).toString('hex', 12);
      const address = addressOf(Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]));
      const digest = Buffer.from(keccak_256(Buffer.from('\x19Ethereum Signed Message:\n5hello')));
      const der = await sign(key, 'ECDSA_SHA_256', digest, 'DIGEST');
      const order = secp256k1.Point.Fn.ORDER;
      const raw = rawSignature(der, 32);
      // As wallets do it: the lower s (EIP-2), and of two recovery ids the one that gives the key.
      const s = BigInt(`0x${raw.toString('hex', 32)}`);
      const low = s > order / 2n ? order - s : s;
      const signature = new secp256k1.Signature(BigInt(`0x${raw.toString('hex', 0, 32)}`), low);
      const found = [0, 1].map((bit) =>
        addressOf(signature.addRecoveryBit(bit).recoverPublicKey(digest).toBytes(false).subarray(1)),
      );
      expect(found).to.include(address);
    });

    it('openssl takes what is signed', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'coffer-openssl-'));
      const file = (name: string, data: Buffer | string) => {
        writeFileSync(join(folder, name), data);
        return join(folder, name);
      };
      try {
        const message = Buffer.from('signed by Coffer, verified by openssl');
        for (const [keySpec, algorithm] of [
          ['RSA_2048', 'RSASSA_PKCS1_V1_5_SHA_256'],
          ['RSA_3072', 'RSASSA_PSS_SHA_512'],
          ['ECC_NIST_P256', 'ECDSA_SHA_256'],
          ['ECC_NIST_P384', 'ECDSA_SHA_384'],
          ['ECC_NIST_P521', 'ECDSA_SHA_512'],
          ['ECC_SECG_P256K1', 'ECDSA_SHA_256'],
        ] as const) {
          const key = await keyOf(keySpec);
          const { hash: name, scheme, saltBytes }: SigningFacts = signingAlgorithms[algorithm];
          const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', `rsa_pss_saltlen:${saltBytes}`];
          const answer = execFileSync('openssl', [
            'dgst',
            `-${name}`,
            '-verify',
            file('key.pem', key.publicKey.export({ format: 'pem', type: 'spki' })),
            ...(scheme === 'RSASSA-PSS' ? pss : []),
            '-signature',
            file('signature', await sign(key, algorithm, message)),
            file('message', message),
          ]);
          expect(answer.toString(), `${keySpec} ${algorithm}`).to.equal('Verified OK\n');
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
});

/** r ‖ s of a signature in DER, each as long as the field. */
function rawSignature(der: Buffer, fieldBytes: number): Buffer {
  const parsed = decodeEcdsa(der);
  if (parsed === undefined) throw new Error('no signature');
  return Buffer.concat(
    [parsed.r, parsed.s].map((part) => Buffer.concat([Buffer.alloc(fieldBytes - part.length), part])),
  );
}
