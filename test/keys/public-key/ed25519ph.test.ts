import { createPublicKey, type KeyObject } from 'node:crypto';
import { ed25519ph } from '@noble/curves/ed25519.js';
import { expect } from 'chai';
import fc from 'fast-check';
import { verifyEd25519ph } from '../../../src/keys/public-key/ed25519ph.ts';

function keyOf(bytes: Uint8Array): KeyObject {
  const x = Buffer.from(bytes).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

describe('Ed25519ph', () => {
  it('takes the signature of RFC 8032 §7.3', () => {
    const key = keyOf(Buffer.from('ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf', 'hex'));
    const signature = Buffer.from(
      '98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae41' +
        '31f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406',
      'hex',
    );
    expect(verifyEd25519ph(key, Buffer.from('abc'), signature)).to.equal(true);
    expect(verifyEd25519ph(key, Buffer.from('abd'), signature)).to.equal(false);
    // S is one number and no other that is the same modulo the order (§5.1.7).
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order;
    const other = Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse();
    const malleable = Buffer.concat([signature.subarray(0, 32), other]);
    for (const wrong of [malleable, signature.subarray(1), Buffer.alloc(0), Buffer.alloc(64, 0xff)]) {
      expect(verifyEd25519ph(key, Buffer.from('abc'), wrong)).to.equal(false);
    }
  });

  it('takes what another implementation signs, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.nat(511),
        (secret, message, bit) => {
          const key = keyOf(ed25519ph.getPublicKey(secret));
          const signature = Buffer.from(ed25519ph.sign(message, secret));
          expect(verifyEd25519ph(key, Buffer.from(message), signature)).to.equal(true);
          const bent = Buffer.from(signature);
          bent[bit >> 3] = (bent[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          expect(verifyEd25519ph(key, Buffer.from(message), bent)).to.equal(false);
          const other = Buffer.from(message);
          other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          expect(verifyEd25519ph(key, other, signature)).to.equal(false);
        },
      ),
      { numRuns: 20 },
    );
  });
});
