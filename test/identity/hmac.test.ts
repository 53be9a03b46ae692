import { createHmac } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { Hmac } from '../../src/identity/sigv4/hmac.ts';

describe('Hmac', () => {
  it('is the HMAC-SHA-256 of node:crypto, for every key of up to a block and text of any length', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        fc.array(
          fc.string({
            unit: fc.integer({ min: 0, max: 127 }).map((c) => String.fromCharCode(c)),
            maxLength: 1200,
          }),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        (key, texts) => {
          const hmac = new Hmac(Buffer.from(key));
          for (const text of texts) {
            expect(hmac.hex(text)).to.equal(createHmac('sha256', key).update(text).digest('hex'));
          }
        },
      ),
    );
  });

  it('refuses a key longer than a block', () => {
    expect(() => new Hmac(Buffer.alloc(65))).to.throw(RangeError);
  });
});
