import { expect } from 'chai';
import fc from 'fast-check';
import { KmsError } from '../../src/errors.ts';
import { parseQueryBody } from '../../src/wire/aws-query.ts';

type Value = string | Value[] | { [name: string]: Value };

/** As AWS's clients write it (Smithy, "AWS query protocol"). */
function write(prefix: string, value: Value): [string, string][] {
  if (typeof value === 'string') return [[prefix, value]];
  if (Array.isArray(value)) {
    if (value.length === 0) return [[prefix, '']];
    return value.flatMap((item, index) => write(`${prefix}.member.${index + 1}`, item));
  }
  return Object.entries(value).flatMap(([name, member]) => write(`${prefix}.${name}`, member));
}

function form(pairs: readonly (readonly [string, string])[]): Buffer {
  return Buffer.from(new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString());
}

const parse = (text: string) => parseQueryBody(Buffer.from(text, 'latin1'));

function refused(text: string): void {
  expect(() => parse(text), text.slice(0, 80))
    .to.throw(KmsError)
    .with.property('code', 'SerializationException');
}

const name = fc.constantFrom('A', 'Key', 'Value', 'PolicyArns', 'constructor', 'toString', 'member1');
const text = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((value) => value.isWellFormed());
const { value: tree } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.array(tie('value'), { minLength: 1, maxLength: 3 }),
    fc.dictionary(name, tie('value'), { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
  ),
}));

describe('a body of AWS Query', () => {
  it('names action and version beside its input', () => {
    expect(parse('Action=CreateUser&UserName=ada&Version=2010-05-08&Path=%2Fteam%2F')).to.deep.equal({
      action: 'CreateUser',
      version: '2010-05-08',
      input: { UserName: 'ada', Path: '/team/' },
    });
    expect(parse('')).to.deep.equal({ action: undefined, version: undefined, input: {} });
  });

  it('holds lists, structures and maps to any depth that makes sense', () => {
    const body =
      'Tags.member.1.Key=a&Tags.member.1.Value=&Tags.member.2.Key=b&Tags.member.2.Value=c+d' +
      '&M.entry.1.key=x&M.entry.1.value=1&M.entry.2.key=y&M.entry.2.value.A=2&Empty=&Flag';
    expect(parse(body).input).to.deep.equal({
      Tags: [
        { Key: 'a', Value: '' },
        { Key: 'b', Value: 'c d' },
      ],
      M: { x: '1', y: { A: '2' } },
      Empty: '',
      Flag: '',
    });
  });

  it('is read as AWS’s clients write it', () => {
    fc.assert(
      fc.property(fc.dictionary(name, tree, { noNullPrototype: true }), (input) => {
        const pairs = Object.entries(input).flatMap(([key, value]) => write(key, value));
        fc.pre(pairs.every(([path]) => path.split('.').length <= 12));
        expect(parseQueryBody(form(pairs)).input).to.deep.equal(input);
      }),
    );
  });

  it('means the same in whatever order its parameters come', () => {
    const pair = fc.dictionary(name, tree, { minKeys: 1, noNullPrototype: true }).chain((input) => {
      const pairs = Object.entries(input).flatMap(([key, value]) => write(key, value));
      return fc.tuple(
        fc.constant(pairs),
        fc.shuffledSubarray(pairs, { minLength: pairs.length, maxLength: pairs.length }),
      );
    });
    fc.assert(
      fc.property(pair, ([one, other]) => {
        fc.pre(one.every(([path]) => path.split('.').length <= 12));
        expect(parseQueryBody(form(other))).to.deep.equal(parseQueryBody(form(one)));
      }),
    );
  });

  it('of any bytes is read or refused, and never makes a prototype', () => {
    const piece = fc.constantFrom(
      'A',
      '.',
      'member',
      'entry',
      '1',
      '2',
      '=',
      '&',
      '%41',
      '%',
      '+',
      '__proto__',
    );
    const bytes = fc.oneof(
      fc.array(piece, { maxLength: 30 }).map((pieces) => Buffer.from(pieces.join(''))),
      fc.uint8Array({ maxLength: 40 }).map((some) => Buffer.from(some)),
    );
    fc.assert(
      fc.property(bytes, (body) => {
        try {
          const { input } = parseQueryBody(body);
          expect(Object.getPrototypeOf(input)).to.equal(Object.prototype);
        } catch (error) {
          expect(error).to.be.instanceOf(KmsError).with.property('code', 'SerializationException');
        }
      }),
      { numRuns: 2_000 },
    );
    expect('polluted' in {}).to.equal(false);
  });

  for (const [what, body] of [
    ['a broken percent-encoding', 'A=%4'],
    ['an encoding of what is no UTF-8', 'A=%ff'],
    ['an overlong form', 'A=%c0%af'],
    ['an encoded surrogate', 'A=%ed%a0%80'],
    ['bytes that are no UTF-8', 'A=\xff'],
    ['half of a character encoded', 'A=%c3\xa9'],
    ['a parameter twice', 'A=1&A=1'],
    ['a parameter twice, encoded in two ways', 'A=1&%41=2'],
    ['a value that is also a structure', 'A=1&A.B=2'],
    ['a structure that is also a value', 'A.B=2&A=1'],
    ['a list that begins with 2', 'A.member.2=x'],
    ['a list with a gap', 'A.member.1=x&A.member.3=y'],
    ['an item 0', 'A.member.0=x'],
    ['an item with a leading zero', 'A.member.01=x'],
    ['an item without end', 'A.member.99999999=x'],
    ['an item that is no number', 'A.member.x=1&A.member.1=2'],
    ['a number for a name', '1=x'],
    ['a number for a member', 'A.1=x'],
    ['an empty name', '=x'],
    ['an empty part of a name', 'A..B=x'],
    ['__proto__', '__proto__=x'],
    ['__proto__ further down', 'A.__proto__.B=x'],
    ['__proto__ for a map’s key', 'A.entry.1.key=__proto__&A.entry.1.value=x'],
    ['a map’s key twice', 'A.entry.1.key=a&A.entry.1.value=x&A.entry.2.key=a&A.entry.2.value=y'],
    ['a map’s key without a value', 'A.entry.1.key=a'],
    ['a structure for an action', 'Action.A=x'],
    ['names without end', `${'A.'.repeat(100_000)}B=1`],
    ['2,001 parameters', Array.from({ length: 2_001 }, (_, n) => `A.member.${n + 1}=`).join('&')],
  ] as const) {
    it(`with ${what} is refused`, () => refused(body));
  }
});
