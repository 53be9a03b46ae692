import { expect } from 'chai';
import fc from 'fast-check';
import { Chain } from '../../src/audit/chain.ts';
import { groupMacInput, hashLine, origin, parseLine, renderMark } from '../../src/audit/line.ts';

const stream = '0123456789abcdef';

describe('the lines of a trail', () => {
  it('hold any record, whatever its strings, on one line that reads back as it was', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        '\u2028',
        '\u2029',
        '\0',
        '\ud800',
        '"trail":{"stream":"',
        '\n',
        '\u007f\u0080',
        '\u{10ffff}',
      ),
      fc.string().map((part) => part.repeat(100)),
    );
    const record = fc.record({
      eventID: fc.uuid(),
      requestParameters: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.constant(null))),
      userAgent: text,
    });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), (records) => {
        const chain = new Chain(stream, origin);
        for (const each of records) chain.addRecord(JSON.stringify(each));
        const lines = chain.bytes.toString('latin1').split('\n');
        expect(lines.pop()).to.equal('');
        expect(lines).to.have.length(records.length);
        let previous = origin.hash;
        for (const [index, line] of lines.entries()) {
          const bytes = Buffer.from(line, 'latin1');
          const expected = { type: 'record', stream, sequence: index + 1, previous, record: records[index] };
          expect(JSON.stringify(parseLine(bytes))).to.equal(
            JSON.stringify({
              stream,
              sequence: index + 1,
              previous,
              type: 'record',
              record: expected.record,
            }),
          );
          previous = hashLine(bytes);
        }
        expect(chain.head).to.deep.equal({ sequence: records.length, hash: previous });
      }),
      { numRuns: 50 },
    );
  });

  it('survive a group that outgrows the buffer', () => {
    const chain = new Chain(stream, origin);
    const json = JSON.stringify({ eventID: 'x', text: '\u20ac'.repeat(100_000) });
    for (let index = 0; index < 5; index += 1) chain.addRecord(json);
    const lines = chain.bytes.toString('utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).text === JSON.parse(json).text)).to.deep.equal(
      Array(5).fill(true),
    );
  });

  it('are refused in any bytes but the writer’s own', () => {
    const link = { stream, sequence: 7, previous: 'a'.repeat(64) };
    const mark = renderMark(link, { type: 'group', mac: 'b'.repeat(64) });
    expect(parseLine(Buffer.from(mark))).to.deep.equal({ ...link, type: 'group', mac: 'b'.repeat(64) });
    const trail = `"trail":{"stream":"${stream}","sequence":7,"previous":"${link.previous}"}`;
    const record = `{"eventID":"1",${trail}}`;
    expect(parseLine(Buffer.from(record))).to.include({ type: 'record', sequence: 7 });
    for (const foreign of [
      `${mark} `,
      mark.replace('"type"', '"extra":1,"type"'),
      mark.replace('"sequence":7', '"sequence":7.0'),
      mark.replace('b"', 'B"'),
      mark.replace('"group"', '"other"'),
      `{${trail},"eventID":"1"}`,
      `{"trail":{"stream":"${stream}","sequence":6,"previous":"${link.previous}"},"eventID":"1",${trail} }`,
      `{${trail}}`,
      record.replace(':7', ':0'),
      record.replace(stream, 'x'),
      '[]',
      'null',
      '1',
      '{}',
    ]) {
      expect(parseLine(Buffer.from(foreign)), foreign).to.equal('foreign');
    }
    for (const torn of ['', record.slice(0, -1), '\0\0\0', `${record}x`]) {
      expect(parseLine(Buffer.from(torn)), torn).to.equal('not-json');
    }
  });

  it('have a MAC input of 70 bytes: domain, stream, sequence, previous hash', () => {
    const input = groupMacInput({ stream, sequence: 2 ** 40 + 1, previous: 'cd'.repeat(32) });
    expect(input.toString('hex')).to.equal(
      `${Buffer.from('coffer trail group v1').toString('hex')}00${stream}0000010000000001${'cd'.repeat(32)}`,
    );
  });
});
