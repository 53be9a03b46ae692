import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import { type Assembly, assemble } from '../jobs/assembly.ts';

interface Answer {
  readonly KeyId: string;
  readonly KeyLastUsage: {
    readonly Operation?: string;
    readonly Timestamp?: number;
    readonly CloudTrailEventId?: string;
    readonly KmsRequestId?: string;
  };
  readonly TrackingStartDate: number;
  readonly KeyCreationDate: number;
}

describe('the last usage of a key', function () {
  this.timeout(20_000);
  let here: Assembly;
  before(async () => {
    here = await assemble();
  });
  after(() => here.close());

  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const lastOf = (KeyId: string) => here.call<Answer>('GetKeyLastUsage', { KeyId });
  const create = async (KeySpec: string, KeyUsage: string) => {
    const input = { KeySpec, KeyUsage };
    return (await here.call<{ KeyMetadata: { KeyId: string } }>('CreateKey', input)).KeyMetadata.KeyId;
  };

  it('is nothing until it is used, and looking at it is no use', async () => {
    const KeyId = await create('ECC_NIST_P256', 'SIGN_VERIFY');
    for (const operation of ['DescribeKey', 'GetPublicKey', 'GetKeyPolicy', 'GetKeyLastUsage']) {
      await here.call(operation, { KeyId });
    }
    const signing = { KeyId, SigningAlgorithm: 'ECDSA_SHA_256', Message: base64('x') };
    for (const [operation, input] of [
      ['Sign', { ...signing, DryRun: true }],
      ['Sign', { ...signing, SigningAlgorithm: 'ECDSA_SHA_384' }],
      ['Verify', { ...signing, Signature: base64('none') }],
    ] as const) {
      const failed = await here.call(operation, input).then(
        () => false,
        () => true,
      );
      expect(failed, operation).to.equal(true);
    }
    const answer = await lastOf(KeyId);
    expect(answer.KeyId).to.match(new RegExp(`:key/${KeyId}$`));
    expect(answer.KeyLastUsage).to.deep.equal({});
    expect(answer.TrackingStartDate).to.be.at.least(answer.KeyCreationDate);
  });

  it('tells operation, time, and the record of the trail', async () => {
    const KeyId = await here.createKey();
    await here.call('Encrypt', { KeyId, Plaintext: base64('x') });
    here.clock.pass(5_000);
    await here.call('GenerateDataKey', { KeyId, KeySpec: 'AES_256' });
    const { KeyLastUsage } = await lastOf(KeyId);
    const record = (await here.records()).findLast(({ eventName }) => eventName === 'GenerateDataKey');
    expect(KeyLastUsage).to.deep.equal({
      Operation: 'GenerateDataKey',
      Timestamp: here.clock.now() / 1000,
      CloudTrailEventId: record?.eventID,
      KmsRequestId: record?.requestID,
    });
  });

  it('is kept of every operation that AWS keeps it of, and of both keys of ReEncrypt', async () => {
    const symmetric = await here.createKey();
    const other = await here.createKey();
    const signing = {
      KeyId: await create('ECC_NIST_P256', 'SIGN_VERIFY'),
      SigningAlgorithm: 'ECDSA_SHA_256',
    };
    const mac = { KeyId: await create('HMAC_256', 'GENERATE_VERIFY_MAC'), MacAlgorithm: 'HMAC_SHA_256' };
    const agreeing = await create('ECC_NIST_P256', 'KEY_AGREEMENT');
    const Message = base64('message');
    const used = async (operation: string, input: Record<string, unknown>, ...keys: string[]) => {
      const answer = await here.call(operation, input);
      for (const key of keys)
        expect((await lastOf(key)).KeyLastUsage.Operation, operation).to.equal(operation);
      return answer;
    };
    const { CiphertextBlob } = await used('Encrypt', { KeyId: symmetric, Plaintext: Message }, symmetric);
    await used('Decrypt', { CiphertextBlob }, symmetric);
    await used('ReEncrypt', { CiphertextBlob, DestinationKeyId: other }, symmetric, other);
    for (const operation of ['GenerateDataKey', 'GenerateDataKeyWithoutPlaintext']) {
      await used(operation, { KeyId: symmetric, KeySpec: 'AES_128' }, symmetric);
    }
    for (const operation of ['GenerateDataKeyPair', 'GenerateDataKeyPairWithoutPlaintext']) {
      await used(operation, { KeyId: symmetric, KeyPairSpec: 'ECC_NIST_P256' }, symmetric);
    }
    const { Signature } = await used('Sign', { ...signing, Message }, signing.KeyId);
    await used('Verify', { ...signing, Message, Signature }, signing.KeyId);
    const { Mac } = await used('GenerateMac', { ...mac, Message }, mac.KeyId);
    await used('VerifyMac', { ...mac, Message, Mac }, mac.KeyId);
    const peer = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).publicKey;
    const PublicKey = peer.export({ format: 'der', type: 'spki' }).toString('base64');
    await used('DeriveSharedSecret', { KeyId: agreeing, KeyAgreementAlgorithm: 'ECDH', PublicKey }, agreeing);
  });
});
