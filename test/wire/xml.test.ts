import { expect } from 'chai';
import fc from 'fast-check';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { element, escapeXml } from '../../src/wire/xml.ts';

const parser = new XMLParser({ parseTagValue: false, trimValues: false, htmlEntities: true });

/** What XML 1.0 can hold (§2.2, Char). */
function isCharacter(text: string): boolean {
  return /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u.test(text);
}

describe('XML', () => {
  it('holds structures, lists, maps and scalars as AWS Query has them', () => {
    const value = {
      User: { UserName: 'ada', CreateDate: new Date('2026-01-31T12:00:00.789Z'), Path: undefined },
      IsTruncated: false,
      MaxItems: 3,
      Tags: [{ Key: 'a', Value: '' }, { Key: 'b' }],
      None: [],
      Details: new Map([['policy', 'allowed']]),
      Blob: Buffer.from('hi'),
    };
    expect(element('R', value)).to.equal(
      '<R><User><UserName>ada</UserName><CreateDate>2026-01-31T12:00:00Z</CreateDate></User>' +
        '<IsTruncated>false</IsTruncated><MaxItems>3</MaxItems>' +
        '<Tags><member><Key>a</Key><Value></Value></member><member><Key>b</Key></member></Tags><None></None>' +
        '<Details><entry><key>policy</key><value>allowed</value></entry></Details><Blob>aGk=</Blob></R>',
    );
  });

  it('escapes what would end or change a text', () => {
    expect(escapeXml(`<a href="x">&'\t\n\r\u0085]]>`)).to.equal(
      '&lt;a href=&quot;x&quot;&gt;&amp;&apos;&#x9;&#xA;&#xD;&#x85;]]&gt;',
    );
  });

  it('has a replacement for what it can’t write', () => {
    expect(escapeXml('a\u0000b\u001bc\ud800d\uffffe\ufffe')).to.equal('a\ufffdb\ufffdc\ufffdd\ufffde\ufffd');
    expect(escapeXml('😀 é ключ')).to.equal('😀 é ключ');
  });

  it('gives back to a parser every text that XML can hold, and is well-formed with every other', () => {
    const unit = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 1 }),
      fc.constantFrom('<', '&', '>', '"', "'", ']]>', '&amp;', '\r\n', '\u0000', '\ud800', '\u2028', '<!--'),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 12 }), (units) => {
        const text = units.join('');
        const document = element('R', { T: text });
        expect(XMLValidator.validate(document)).to.equal(true);
        expect(isCharacter(document)).to.equal(true);
        if (isCharacter(text)) expect(parser.parse(document).R.T).to.equal(text);
      }),
      { numRuns: 2_000 },
    );
  });

  it('holds nothing that it has no form for', () => {
    for (const value of [null, 1n, Symbol('s'), () => 1, { A: null }]) {
      expect(() => element('R', value)).to.throw(TypeError);
    }
  });
});
