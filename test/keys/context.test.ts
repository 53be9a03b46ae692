import { expect } from 'chai';
import fc from 'fast-check';
import { canonicalContext } from '../../src/keys/context.ts';

const context = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), { maxKeys: 12 });

/** Reads the canonical form back. */
function strings(bytes: Buffer): string[] {
  const read: string[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const end = offset + 4 + bytes.readUInt32BE(offset);
    read.push(bytes.toString('utf8', offset + 4, end));
    offset = end;
  }
  return read;
}

describe('the canonical encryption context', () => {
  it('holds every pair, by the bytes of the names', () => {
    fc.assert(
      fc.property(context, (pairs) => {
        const expected = Object.entries(pairs)
          .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
          .flat();
        expect(strings(canonicalContext(pairs))).to.deep.equal(expected);
      }),
    );
  });

  it('is the same in whatever order the pairs come', () => {
    fc.assert(
      fc.property(context, (pairs) => {
        const reversed = Object.fromEntries(Object.entries(pairs).reverse());
        expect(canonicalContext(reversed).equals(canonicalContext(pairs))).to.equal(true);
      }),
    );
  });

  it('differs for contexts that differ', () => {
    fc.assert(
      fc.property(context, context, (a, b) => {
        const same = JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
        expect(canonicalContext(a).equals(canonicalContext(b))).to.equal(same);
      }),
    );
    expect(canonicalContext({ a: 'bc' }).equals(canonicalContext({ ab: 'c' }))).to.equal(false);
  });

  it('of none and of an empty one is empty', () => {
    expect(canonicalContext(undefined)).to.have.length(0);
    expect(canonicalContext({})).to.have.length(0);
  });

  it('refuses a lone surrogate, which would become another string', () => {
    expect(() => canonicalContext({ a: '\ud800' })).to.throw(TypeError);
    expect(() => canonicalContext({ '\udfff': 'a' })).to.throw(TypeError);
  });
});
