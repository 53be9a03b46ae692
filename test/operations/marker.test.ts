import { expect } from 'chai';
import fc from 'fast-check';
import { KmsError } from '../../src/errors.ts';
import { readMarker, writeMarker } from '../../src/operations/marker.ts';

describe('list markers', () => {
  it('bring back what was written', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (after) => {
        expect(readMarker('ListKeys', 'a', writeMarker('ListKeys', 'a', after))).to.equal(
          after.toWellFormed(),
        );
      }),
    );
  });

  it('are bound to their operation, to what was listed, and to themselves', () => {
    const marker = writeMarker('ListAliases', 'us-east-1/111122223333/', 'alias/b');
    for (const read of [
      () => readMarker('ListKeys', 'us-east-1/111122223333/', marker),
      () => readMarker('ListAliases', 'us-east-1/111122223333/key', marker),
      () => readMarker('ListAliases', 'us-east-1/111122223333/', `${marker}A`),
      () => readMarker('ListAliases', 'us-east-1/111122223333/', 'nonsense'),
    ]) {
      expect(read).to.throw(KmsError).with.property('code', 'InvalidMarkerException');
    }
  });
});
