import { expect } from 'chai';
import { destroyDueKeys } from '../../src/jobs/destroy.ts';
import { DueTime } from '../../src/jobs/due.ts';
import { type KeySpec, type KeyUsage, keySpecs, usagesOf } from '../../src/keys/spec/key-spec.ts';
import { type Assembly, assemble } from './assembly.ts';

const Message = Buffer.from('a message').toString('base64');
const Plaintext = Message;

/** What a key of a usage is for, done once and undone or checked again. */
async function use(coffer: Assembly, KeyId: string, keySpec: KeySpec, keyUsage: KeyUsage): Promise<void> {
  const { KeyMetadata } = await coffer.call<{ KeyMetadata: Record<string, string[]> }>('DescribeKey', {
    KeyId,
  });
  switch (keyUsage) {
    case 'ENCRYPT_DECRYPT':
      for (const EncryptionAlgorithm of KeyMetadata.EncryptionAlgorithms ?? []) {
        const { CiphertextBlob } = await coffer.call('Encrypt', { KeyId, Plaintext, EncryptionAlgorithm });
        const opened = await coffer.call('Decrypt', { KeyId, CiphertextBlob, EncryptionAlgorithm });
        expect(opened.Plaintext, `${keySpec} ${EncryptionAlgorithm}`).to.equal(Plaintext);
      }
      return;
    case 'SIGN_VERIFY':
      for (const SigningAlgorithm of KeyMetadata.SigningAlgorithms ?? []) {
        const { Signature } = await coffer.call('Sign', { KeyId, Message, SigningAlgorithm });
        const verified = await coffer.call('Verify', { KeyId, Message, Signature, SigningAlgorithm });
        expect(verified.SignatureValid, `${keySpec} ${SigningAlgorithm}`).to.equal(true);
      }
      return;
    case 'GENERATE_VERIFY_MAC':
      for (const MacAlgorithm of KeyMetadata.MacAlgorithms ?? []) {
        const { Mac } = await coffer.call('GenerateMac', { KeyId, Message, MacAlgorithm });
        expect((await coffer.call('VerifyMac', { KeyId, Message, Mac, MacAlgorithm })).MacValid).to.equal(
          true,
        );
      }
      return;
    case 'KEY_AGREEMENT': {
      const { PublicKey } = await coffer.call('GetPublicKey', { KeyId });
      const agreed = await coffer.call('DeriveSharedSecret', {
        KeyId,
        KeyAgreementAlgorithm: 'ECDH',
        PublicKey,
      });
      expect(agreed.SharedSecret).to.be.a('string');
    }
  }
}

describe('a key of every kind, from its making to its end', function () {
  this.timeout(60_000);
  let coffer: Assembly;
  before(async () => {
    coffer = await assemble();
  });
  after(() => coffer.close());

  for (const keySpec of Object.keys(keySpecs) as KeySpec[]) {
    for (const keyUsage of usagesOf(keySpec)) {
      it(`${keySpec} for ${keyUsage} is made and used, rotates or says that it doesn't, and leaves nothing`, async () => {
        const { keys } = await coffer.hsm.capabilities();
        const found = keys.find((one) => one.keySpec === keySpec && one.keyUsage === keyUsage);
        const input = { KeySpec: keySpec, KeyUsage: keyUsage };
        if (keySpec !== 'SYMMETRIC_DEFAULT' && (found?.algorithms.length ?? 0) === 0) {
          const refused = await coffer.call('CreateKey', input).catch((error: unknown) => error);
          expect(refused).to.include({ code: 'UnsupportedOperationException' });
          expect(String(refused)).to.match(/token/);
          return;
        }
        const { KeyMetadata } = await coffer.call<{ KeyMetadata: { KeyId: string } }>('CreateKey', input);
        const { KeyId } = KeyMetadata;
        await use(coffer, KeyId, keySpec, keyUsage);
        const rotated = await coffer.call('RotateKeyOnDemand', { KeyId }).then(
          () => 'rotated',
          (error: { code: string }) => error.code,
        );
        expect(rotated).to.equal(
          keySpec === 'SYMMETRIC_DEFAULT' ? 'rotated' : 'UnsupportedOperationException',
        );
        await use(coffer, KeyId, keySpec, keyUsage);

        await coffer.call('ScheduleKeyDeletion', { KeyId, PendingWindowInDays: 7 });
        const due = new DueTime(coffer.clock);
        coffer.clock.pass(8 * 86_400_000);
        expect(await destroyDueKeys({ ...coffer, due })).to.include({ destroyed: 1 });
        expect((await coffer.hsm.listObjects()).filter(({ keyId }) => keyId === KeyId)).to.deep.equal([]);
        const gone = await coffer.call('DescribeKey', { KeyId }).catch((error: unknown) => error);
        expect(gone).to.include({ code: 'NotFoundException' });
      });
    }
  }
});
