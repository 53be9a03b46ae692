import { expect } from 'chai';
import fc from 'fast-check';
import { KmsError } from '../../src/errors.ts';
import { parseBody } from '../../src/wire/json.ts';

/** JSON as written: an object may hold a member twice. */
type Written =
  | { readonly type: 'scalar'; readonly value: string | number | boolean | null }
  | { readonly type: 'array'; readonly items: readonly Written[] }
  | { readonly type: 'object'; readonly members: readonly (readonly [string, Written])[] };

const names = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'KeyId',
    '',
    ':',
    '"',
    '\\',
    '\\"',
    '__proto__',
    'constructor',
    '1',
    'é',
    '\ud800',
    '{":"}',
  ),
  fc.string({ maxLength: 6 }),
);
const strings = fc.oneof(names, fc.string({ unit: 'binary', maxLength: 12 }));

const { written } = fc.letrec<{ written: Written; object: Written }>((tie) => ({
  object: fc.record({
    type: fc.constant('object'),
    members: fc.array(fc.tuple(names, tie('written')), { maxLength: 4 }),
  }),
  written: fc.oneof(
    { maxDepth: 4 },
    fc.record({
      type: fc.constant('scalar'),
      value: fc.oneof(
        strings,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constant(null),
      ),
    }),
    fc.record({ type: fc.constant('array'), items: fc.array(tie('written'), { maxLength: 4 }) }),
    tie('object'),
  ),
}));

/** Escapes in one way or another, as different writers do. */
function writeString(text: string, escaped: boolean): string {
  if (!escaped) return JSON.stringify(text);
  const units = Array.from({ length: text.length }, (_, i) =>
    text.charCodeAt(i).toString(16).padStart(4, '0'),
  );
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`;
}

function write(json: Written, space: string, escaped: boolean): string {
  switch (json.type) {
    case 'scalar':
      return typeof json.value === 'string' ? writeString(json.value, escaped) : JSON.stringify(json.value);
    case 'array':
      return `[${space}${json.items.map((item) => write(item, space, escaped)).join(`,${space}`)}]`;
    case 'object':
      return `{${json.members
        .map(
          ([name, value]) => `${space}${writeString(name, escaped)}${space}:${write(value, space, escaped)}`,
        )
        .join(',')}${space}}`;
  }
}

/** What parseBody has to return. */
function build(json: Written): unknown {
  switch (json.type) {
    case 'scalar':
      return typeof json.value === 'number' ? json.value + 0 : json.value;
    case 'array':
      return json.items.map(build);
    case 'object':
      return Object.fromEntries(json.members.map(([name, value]) => [name, build(value)]));
  }
}

/** What parseBody has to refuse, said in the plainest way. */
function isAllowed(json: Written): boolean {
  switch (json.type) {
    case 'scalar':
      return typeof json.value !== 'string' || json.value.isWellFormed();
    case 'array':
      return json.items.every(isAllowed);
    case 'object':
      return (
        new Set(json.members.map(([name]) => name)).size === json.members.length &&
        json.members.every(([name, value]) => name !== '__proto__' && name.isWellFormed() && isAllowed(value))
      );
  }
}

function refuse(body: Buffer | string): void {
  expect(() => parseBody(Buffer.from(body)))
    .to.throw(KmsError)
    .with.property('code', 'SerializationException');
}

describe('strict JSON', () => {
  it('reads every object that repeats nothing as it was written, and refuses every other', () => {
    let allowed = 0;
    fc.assert(
      fc.property(written, fc.constantFrom('', ' ', '\n\t'), fc.boolean(), (json, space, escaped) => {
        const text = write(json, space, escaped);
        if (json.type === 'object' && isAllowed(json)) {
          allowed++;
          expect(parseBody(Buffer.from(text))).to.deep.equal(build(json));
        } else refuse(text);
      }),
      { numRuns: 2000 },
    );
    expect(allowed, 'a property that is never met proves nothing').to.be.greaterThan(100);
  });

  it('never throws anything but a SerializationException, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0a1 ') }),
        ),
        (bytes) => {
          try {
            parseBody(Buffer.from(bytes));
          } catch (error) {
            expect(error).to.be.instanceOf(KmsError).with.property('code', 'SerializationException');
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  for (const [what, text] of [
    ['a member twice, one of them escaped', '{"a":1,"\\u0061":1}'],
    ['a member twice, deep inside', '{"a":[{"b":{"c":1,"d":2,"c":1}}]}'],
    ['a member twice, numbers as names', '{"1":1,"1":1}'],
    ['an escaped __proto__', '{"\\u005f_proto__":1}'],
    ['__proto__ in an array', '{"a":[{"__proto__":null}]}'],
    ["a lone surrogate at a string's end", '{"a":"x\\udbff"}'],
    ['surrogates the wrong way round', '{"a":"\\udc00\\ud800"}'],
    ['a surrogate as UTF-8', Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x7d])],
    ['overlong UTF-8', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d])],
    ['33 levels', `${'{"a":'.repeat(33)}1${'}'.repeat(33)}`],
    ['something after the object', '{}{}'],
    ['a NUL after the object', '{}\0'],
    ['a comment', '{/**/}'],
    ['a trailing comma', '{"a":1,}'],
    ['single quotes', "{'a':1}"],
    ['NaN', '{"a":NaN}'],
  ] as const) {
    it(`refuses ${what}`, () => refuse(text));
  }

  it('reads an escaped name as what it is, also after an object that had a backslash for a name', () => {
    // nodejs/node#63785: JSON.parse then takes the one for the other.
    const before = parseBody(Buffer.from('{"a":1,"\\\\":1}'));
    expect(Object.keys(before)).to.deep.equal(['a', '\\']);
    expect(parseBody(Buffer.from('{"a":1,"\\u0062":2}'))).to.deep.equal({ a: 1, b: 2 });
    expect(parseBody(Buffer.from('{"a":1,"\\n":2}'))).to.deep.equal({ a: 1, '\n': 2 });
    refuse('{"a":1,"\\u0061":2}');
  });

  it('reads 32 levels, pairs of surrogates, colons and braces in strings', () => {
    for (const text of [
      `${'{"a":'.repeat(32)}1${'}'.repeat(32)}`,
      '{"a":"\\ud83d\\ude00","b":"😀"}',
      '{"a:b":"c:{\\"d\\":1}","\\\\":"\\\\\\"","e":{"a:b":":"}}',
      '{"constructor":1,"toString":2,"hasOwnProperty":3}',
    ]) {
      expect(parseBody(Buffer.from(text))).to.deep.equal(JSON.parse(text));
    }
  });
});
