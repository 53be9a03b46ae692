import { randomBytes } from 'node:crypto';
import { type KMS, KMSInvalidMacException } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { macAlgorithms, namesOf } from '../../src/keys/spec/algorithm.ts';
import { call, newKey, refusal, refused, service } from './shared.ts';

const bytes = (data: Uint8Array | undefined) => Buffer.from(data ?? []);
const keySpecOf = {
  HMAC_SHA_224: 'HMAC_224',
  HMAC_SHA_256: 'HMAC_256',
  HMAC_SHA_384: 'HMAC_384',
  HMAC_SHA_512: 'HMAC_512',
} as const;

describe('MACs, through the AWS SDK', () => {
  let client: KMS;

  before(async function () {
    this.timeout(60_000);
    client = (await service()).client();
  });

  for (const MacAlgorithm of namesOf(macAlgorithms)) {
    it(`${MacAlgorithm} is made the same by every process, and verified`, async () => {
      const key = await newKey(client, { KeySpec: keySpecOf[MacAlgorithm], KeyUsage: 'GENERATE_VERIFY_MAC' });
      const { macBytes } = macAlgorithms[MacAlgorithm];
      for (const length of [1, 64, 4096]) {
        const Message = randomBytes(length);
        const asked = { KeyId: key.id, Message, MacAlgorithm };
        const answers = await Promise.all(Array.from({ length: 4 }, () => client.generateMac(asked)));
        for (const answer of answers) {
          expect(answer).to.include({ KeyId: key.arn, MacAlgorithm });
          expect(bytes(answer.Mac)).to.have.length(macBytes);
          expect(answer.Mac).to.deep.equal(answers[0]?.Mac);
        }
        const Mac = bytes(answers[0]?.Mac);
        const verified = await client.verifyMac({ ...asked, Mac });
        expect(verified).to.include({ KeyId: key.arn, MacAlgorithm, MacValid: true });
        const bent = Buffer.from(Mac);
        bent[macBytes - 1] = (bent[macBytes - 1] ?? 0) ^ 1;
        for (const wrong of [
          bent,
          Mac.subarray(1),
          Mac.subarray(0, -1),
          Buffer.concat([Mac, Buffer.of(0)]),
        ]) {
          const error = await refusal(client.verifyMac({ ...asked, Mac: wrong }));
          expect(error).to.be.instanceOf(KMSInvalidMacException);
        }
        const other = Buffer.concat([Message.subarray(1), Buffer.of((Message.at(-1) ?? 0) ^ 1)]);
        const error = await refusal(client.verifyMac({ ...asked, Message: other, Mac }));
        expect(error).to.be.instanceOf(KMSInvalidMacException);
      }
    });
  }

  it('a MAC of another key is invalid, and no more is said', async () => {
    const given = { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' } as const;
    const [one, other] = [await newKey(client, given), await newKey(client, given)];
    const asked = { Message: Buffer.from('message'), MacAlgorithm: 'HMAC_SHA_256' } as const;
    const { Mac } = await client.generateMac({ ...asked, KeyId: one.id });
    const { status, body } = await call(await service(), 'VerifyMac', {
      ...asked,
      KeyId: other.id,
      Message: asked.Message.toString('base64'),
      Mac: bytes(Mac).toString('base64'),
    });
    expect(status).to.equal(400);
    expect(body).to.deep.equal({ __type: 'KMSInvalidMacException' });
  });

  it('an algorithm, usage or length that isn’t the key’s is refused in AWS’s words', async () => {
    const key = await newKey(client, { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' });
    const symmetric = await newKey(client);
    const Mac = Buffer.alloc(32);
    const Message = Buffer.from('x');
    for (const ask of [
      (given: {
        KeyId: string;
        MacAlgorithm: 'HMAC_SHA_256' | 'HMAC_SHA_512';
        Message?: Buffer;
        DryRun?: boolean;
      }) => client.generateMac({ Message, ...given }),
      (given: {
        KeyId: string;
        MacAlgorithm: 'HMAC_SHA_256' | 'HMAC_SHA_512';
        Message?: Buffer;
        DryRun?: boolean;
      }) => client.verifyMac({ Message, Mac, ...given }),
    ]) {
      await refused(
        ask({ KeyId: key.id, MacAlgorithm: 'HMAC_SHA_512' }),
        'InvalidKeyUsageException',
        'Algorithm HMAC_SHA_512 is incompatible with key spec HMAC_256.',
      );
      await refused(
        ask({ KeyId: symmetric.id, MacAlgorithm: 'HMAC_SHA_256' }),
        'InvalidKeyUsageException',
        /key usage is ENCRYPT_DECRYPT which is not valid for (GenerateMac|VerifyMac)\.$/,
      );
      for (const length of [0, 4097]) {
        const given = { KeyId: key.id, MacAlgorithm: 'HMAC_SHA_256', Message: Buffer.alloc(length) } as const;
        await refused(ask(given), 'ValidationException', /'message' failed to satisfy constraint/);
      }
      await refused(
        ask({ KeyId: key.id, MacAlgorithm: 'HMAC_SHA_256', DryRun: true }),
        'DryRunOperationException',
      );
    }
    await refused(
      client.encrypt({ KeyId: key.id, Plaintext: Message }),
      'InvalidKeyUsageException',
      `${key.arn} key usage is GENERATE_VERIFY_MAC which is not valid for Encrypt.`,
    );
  });
});
