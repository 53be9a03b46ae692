import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import type { AuditRecord } from '../../src/audit/record.ts';
import { type Assembly, assemble } from '../jobs/assembly.ts';

const base64 = (bytes: Buffer) => bytes.toString('base64');

describe('the records of operations with pairs and MACs', function () {
  this.timeout(60_000);
  let here: Assembly;
  /** All that was given or answered as bytes. */
  const blobs: string[] = [];
  let records: AuditRecord[] = [];
  const ids: Record<string, string> = {};

  before(async () => {
    here = await assemble();
    const create = async (KeySpec: string, KeyUsage: string) => {
      const { KeyMetadata } = await here.call<{ KeyMetadata: { KeyId: string } }>('CreateKey', {
        KeySpec,
        KeyUsage,
      });
      return KeyMetadata.KeyId;
    };
    const call = async (
      operation: string,
      input: Record<string, unknown>,
      given: Record<string, Buffer> = {},
    ) => {
      const encoded = Object.fromEntries(Object.entries(given).map(([name, bytes]) => [name, base64(bytes)]));
      const answer = await here.call(operation, { ...input, ...encoded });
      for (const bytes of Object.values(given))
        blobs.push(base64(bytes), bytes.toString('hex'), bytes.toString('latin1'));
      for (const [name, value] of Object.entries(answer)) {
        if (!/^(Signature|Mac|SharedSecret|Plaintext|CiphertextBlob|P\w+Key\w*)$/.test(name)) continue;
        const bytes = Buffer.from(String(value), 'base64');
        blobs.push(String(value), bytes.toString('hex'));
      }
      return answer;
    };
    const blob = (value: unknown) => Buffer.from(String(value), 'base64');

    const message = randomBytes(40);
    const digest = createHash('sha256').update(message).digest();
    ids.ec = await create('ECC_NIST_P256', 'SIGN_VERIFY');
    const signing = { KeyId: ids.ec, SigningAlgorithm: 'ECDSA_SHA_256' };
    const { Signature } = await call('Sign', signing, { Message: message });
    await call('Sign', { ...signing, MessageType: 'DIGEST' }, { Message: digest });
    await call('Verify', signing, { Message: message, Signature: blob(Signature) });
    await call('GetPublicKey', { KeyId: ids.ec });

    ids.hmac = await create('HMAC_512', 'GENERATE_VERIFY_MAC');
    const mac = { KeyId: ids.hmac, MacAlgorithm: 'HMAC_SHA_512' };
    const { Mac } = await call('GenerateMac', mac, { Message: message });
    await call('VerifyMac', mac, { Message: message, Mac: blob(Mac) });
    await call('VerifyMac', mac, { Message: message, Mac: randomBytes(64) }).catch(() => undefined);

    ids.rsa = await create('RSA_2048', 'ENCRYPT_DECRYPT');
    const cipher = { KeyId: ids.rsa, EncryptionAlgorithm: 'RSAES_OAEP_SHA_256' };
    const { CiphertextBlob } = await call('Encrypt', cipher, { Plaintext: message });
    await call('Decrypt', cipher, { CiphertextBlob: blob(CiphertextBlob) });

    ids.agreeing = await create('ECC_NIST_P256', 'KEY_AGREEMENT');
    const peer = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey;
    const agreement = { KeyId: ids.agreeing, KeyAgreementAlgorithm: 'ECDH' };
    await call('DeriveSharedSecret', agreement, { PublicKey: peer.export({ format: 'der', type: 'spki' }) });

    ids.symmetric = await here.createKey();
    const pair = {
      KeyId: ids.symmetric,
      KeyPairSpec: 'ECC_NIST_P384',
      EncryptionContext: { Project: 'Alpha' },
    };
    await call('GenerateDataKeyPair', pair);
    await call('GenerateDataKeyPairWithoutPlaintext', pair);
    records = await here.records();
  });
  after(() => here.close());

  const of = (name: string) => records.filter(({ eventName }) => eventName === name);

  it('hold nothing of a message, digest, signature, MAC, ciphertext, public key, plaintext or secret', () => {
    const text = JSON.stringify(records);
    expect(blobs.length).to.be.above(40);
    for (const blob of blobs) expect(text.includes(blob), blob).to.equal(false);
  });

  it('say what CloudTrail says, and only read', () => {
    const expected: Record<string, object> = {
      Sign: { keyId: ids.ec, signingAlgorithm: 'ECDSA_SHA_256' },
      Verify: { keyId: ids.ec, signingAlgorithm: 'ECDSA_SHA_256' },
      GetPublicKey: { keyId: ids.ec },
      GenerateMac: { keyId: ids.hmac, macAlgorithm: 'HMAC_SHA_512' },
      VerifyMac: { keyId: ids.hmac, macAlgorithm: 'HMAC_SHA_512' },
      Encrypt: { keyId: ids.rsa, encryptionAlgorithm: 'RSAES_OAEP_SHA_256' },
      Decrypt: { keyId: ids.rsa, encryptionAlgorithm: 'RSAES_OAEP_SHA_256' },
      DeriveSharedSecret: { keyId: ids.agreeing, keyAgreementAlgorithm: 'ECDH' },
      GenerateDataKeyPair: {
        keyId: ids.symmetric,
        keyPairSpec: 'ECC_NIST_P384',
        encryptionContext: { Project: 'Alpha' },
      },
    };
    for (const [name, parameters] of Object.entries(expected)) {
      const [record] = of(name);
      expect(record?.requestParameters, name).to.deep.equal(parameters);
      expect(record, name).to.include({ responseElements: null, readOnly: true });
      expect(record?.resources.map(({ ARN }) => ARN.split('/').at(-1))).to.deep.equal([
        'keyId' in parameters ? parameters.keyId : '',
      ]);
    }
    expect(of('Sign')[1]?.requestParameters).to.have.property('messageType', 'DIGEST');
    expect(of('VerifyMac')[1]).to.include({ errorCode: 'KMSInvalidMacException' });
  });

  it('name the key material under which a data key pair was encrypted', async () => {
    const { KeyMetadata } = await here.call<{ KeyMetadata: { CurrentKeyMaterialId: string } }>(
      'DescribeKey',
      {
        KeyId: ids.symmetric,
      },
    );
    for (const name of ['GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext']) {
      expect(of(name)[0]?.additionalEventData).to.deep.equal({
        keyMaterialId: KeyMetadata.CurrentKeyMaterialId,
      });
    }
  });

  it('tell of a created pair its kind, without its public half', () => {
    const kinds = of('CreateKey').map(({ requestParameters: parameters }) => parameters);
    expect(kinds).to.deep.include({ keySpec: 'ECC_NIST_P256', keyUsage: 'SIGN_VERIFY' });
  });
});
