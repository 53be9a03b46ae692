import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { unpad } from '../../src/hsm/host/oaep.ts';
import { encryptionAlgorithms, oaepLimit } from '../../src/keys/spec/algorithm.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const algorithms = ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'] as const;

/** What RSA without padding makes of a ciphertext. */
function encoded(ciphertext: Buffer): Buffer {
  return privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, ciphertext);
}

function encrypt(plaintext: Buffer, algorithm: (typeof algorithms)[number]): Buffer {
  const { hash } = encryptionAlgorithms[algorithm];
  return publicEncrypt(
    { key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: hash },
    plaintext,
  );
}

describe('OAEP that the host takes off', () => {
  for (const algorithm of algorithms) {
    it(`${algorithm}: is what OpenSSL put on, of every length that fits`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: oaepLimit(256, algorithm) }), (bytes) => {
          const plaintext = Buffer.from(bytes);
          expect(unpad(encoded(encrypt(plaintext, algorithm)), algorithm)?.equals(plaintext)).to.equal(true);
        }),
        { numRuns: 60 },
      );
    });

    it(`${algorithm}: is nothing where any one byte of it was changed`, () => {
      const whole = encoded(encrypt(Buffer.from('plaintext'), algorithm));
      for (let at = 0; at < whole.length; at++) {
        const changed = Buffer.from(whole);
        changed[at] = (changed[at] ?? 0) ^ 0x11;
        const result = unpad(changed, algorithm);
        // The message itself isn't what the padding protects: a change there shows as another message, if at all.
        expect(result === undefined || !result.equals(Buffer.from('plaintext')), `byte ${at}`).to.equal(true);
        if (at === 0) expect(result).to.equal(undefined);
      }
      expect(unpad(Buffer.alloc(256), algorithm)).to.equal(undefined);
      expect(unpad(randomBytes(256), algorithm)).to.equal(undefined);
    });

    it(`${algorithm}: leaves nothing of what was decrypted`, () => {
      const buffer = encoded(encrypt(Buffer.from('plaintext'), algorithm));
      unpad(buffer, algorithm);
      expect(buffer.every((byte) => byte === 0)).to.equal(true);
    });
  }
});
