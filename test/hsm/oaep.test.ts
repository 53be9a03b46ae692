import {
  constants,
  hash as digest,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';
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

/** EME-OAEP encoding (RFC 8017 §7.1.1, step 2) of any data block. */
function encode(first: number, block: Buffer, hash: string, hashBytes: number): Buffer {
  const seed = randomBytes(hashBytes);
  const maskedBlock = xor(block, mgf1(seed, block.length, hash));
  const maskedSeed = xor(seed, mgf1(maskedBlock, hashBytes, hash));
  return Buffer.concat([Buffer.of(first), maskedSeed, maskedBlock]);
}

function mgf1(seed: Buffer, length: number, hash: string): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 20) }, (_, counter) =>
    digest(hash, Buffer.concat([seed, Buffer.of(0, 0, 0, counter)]), 'buffer'),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
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

    it(`${algorithm}: is nothing but the label’s hash, zeros, a one, and the message`, () => {
      const { hash, hashBytes } = encryptionAlgorithms[algorithm];
      const label = digest(hash, '', 'buffer');
      const size = 256 - 1 - hashBytes;
      const block = (rest: readonly number[]) =>
        Buffer.concat([label, Buffer.alloc(size - hashBytes - rest.length), Buffer.from(rest)]);
      expect(unpad(encode(0, block([1, 7, 8]), hash, hashBytes), algorithm)?.toJSON().data).to.deep.equal([
        7, 8,
      ]);
      expect(unpad(encode(0, block([1]), hash, hashBytes), algorithm)).to.have.length(0);
      expect(unpad(encode(0, block([1, 1]), hash, hashBytes), algorithm)?.toJSON().data).to.deep.equal([1]);
      for (const [what, first, rest] of [
        ['another first byte', 1, [1, 7]],
        ['another separator', 0, [2, 1, 7]],
        ['the highest bit for a separator', 0, [0x80, 1, 7]],
        ['no separator', 0, [0]],
      ] as const) {
        expect(unpad(encode(first, block(rest), hash, hashBytes), algorithm), what).to.equal(undefined);
      }
      const other = block([1, 7]);
      other[hashBytes - 1] = (other[hashBytes - 1] ?? 0) ^ 1;
      expect(unpad(encode(0, other, hash, hashBytes), algorithm), 'another label').to.equal(undefined);
    });

    it(`${algorithm}: leaves nothing of what was decrypted`, () => {
      const buffer = encoded(encrypt(Buffer.from('plaintext'), algorithm));
      unpad(buffer, algorithm);
      expect(buffer.every((byte) => byte === 0)).to.equal(true);
    });
  }
});
