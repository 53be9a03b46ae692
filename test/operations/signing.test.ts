import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { expect } from 'chai';
import { KmsError } from '../../src/errors.ts';
import type { Key } from '../../src/keys/key.ts';
import { newKey } from '../contract/store/fixture.ts';
import { type Assembly, assemble } from '../jobs/assembly.ts';

/** What no token at hand signs with, but the service verifies, or refuses in AWS's words. */
describe('signatures of ML-DSA', function () {
  this.timeout(20_000);
  let here: Assembly;
  before(async () => {
    here = await assemble();
  });
  after(() => here.close());

  const { publicKey, privateKey } = generateKeyPairSync('ml-dsa-44');
  const Message = Buffer.from('a message').toString('base64');

  /** A key as the store has it, made elsewhere. */
  async function key(over: Partial<Key> = {}): Promise<string> {
    const scope = { region: 'us-east-1', account: '111122223333' };
    const made = newKey({ ...over, keyId: randomUUID(), keySpec: 'ML_DSA_44', keyUsage: 'SIGN_VERIFY' });
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    for (const change of [
      { ...scope, type: 'key-creating', key: made },
      { ...scope, type: 'key-created', keyId: made.keyId, publicKey: spki },
    ] as const) {
      expect((await here.changes.apply(change, undefined)).type).to.equal('done');
    }
    return made.keyId;
  }

  async function outcome(operation: string, input: Record<string, unknown>): Promise<string> {
    try {
      return JSON.stringify(await here.call(operation, input));
    } catch (error) {
      if (error instanceof KmsError) return `${error.code}: ${error.message}`;
      throw error;
    }
  }

  it('are verified with the public half', async () => {
    const KeyId = await key();
    const Signature = sign(null, Buffer.from('a message'), privateKey).toString('base64');
    const asked = { KeyId, SigningAlgorithm: 'ML_DSA_SHAKE_256', Signature };
    expect(await outcome('Verify', { ...asked, Message })).to.include('"SignatureValid":true');
    const other = Buffer.from('another').toString('base64');
    expect(await outcome('Verify', { ...asked, Message: other })).to.equal('KMSInvalidSignatureException: ');
  });

  it('take no digest, and of μ exactly 64 bytes', async () => {
    const KeyId = await key();
    const mu = (length: number) => ({
      KeyId,
      SigningAlgorithm: 'ML_DSA_SHAKE_256',
      MessageType: 'EXTERNAL_MU',
      Message: Buffer.alloc(length).toString('base64'),
    });
    expect(await outcome('Sign', { ...mu(64), MessageType: 'DIGEST' })).to.equal(
      'ValidationException: Message type DIGEST is incompatible with key spec ML_DSA_44.',
    );
    expect(await outcome('Sign', mu(63))).to.equal(
      'ValidationException: External Mu is invalid length for algorithm ML_DSA_SHAKE_256.',
    );
    expect(await outcome('Sign', mu(64))).to.match(/^UnsupportedOperationException: .*EXTERNAL_MU/);
  });

  it('are refused where the key’s token lacks the algorithm', async () => {
    const KeyId = await key({ lacking: ['ML_DSA_SHAKE_256'] });
    expect(await outcome('Sign', { KeyId, SigningAlgorithm: 'ML_DSA_SHAKE_256', Message })).to.equal(
      'UnsupportedOperationException: The token of this key store does not support ML_DSA_SHAKE_256.',
    );
  });
});
