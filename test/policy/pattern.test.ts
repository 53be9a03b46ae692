import { expect } from 'chai';
import fc from 'fast-check';
import { compilePattern } from '../../src/policy/pattern.ts';
import { tokenize, withoutVariables } from '../../src/policy/template.ts';

const compile = (pattern: string) =>
  compilePattern(withoutVariables(tokenize(pattern, { wildcards: true, variables: false })) ?? []);

/** By definition, place by place: slow and plain. */
function matches(pattern: string, text: string): boolean {
  let row = [true, ...Array<boolean>(text.length).fill(false)];
  for (const character of pattern.split('')) {
    const next: boolean[] = [character === '*' && row[0] === true];
    for (let at = 1; at <= text.length; at++) {
      next[at] =
        character === '*'
          ? next[at - 1] === true || row[at] === true
          : row[at - 1] === true && (character === '?' || character === text.charAt(at - 1));
    }
    row = next;
  }
  return row[text.length] === true;
}

describe('wildcards', () => {
  const letters = fc.constantFrom('a', 'a', 'b');
  const text = fc.array(letters, { maxLength: 80 }).map((all) => all.join(''));
  const short = fc
    .array(fc.oneof(letters, fc.constantFrom('*', '?')), { maxLength: 12 })
    .map((all) => all.join(''));
  // runs between two * of more than 32 characters are sought in other ways
  const long = fc
    .tuple(text, fc.nat({ max: 20 }), fc.array(fc.nat({ max: 60 }), { maxLength: 3 }))
    .map(([run, length, holes]) => {
      const characters = run.padEnd(33 + length, 'ab').split('');
      for (const hole of holes) characters[hole] = '?';
      return `*${characters.join('')}*`;
    });

  it('match what they match by definition', () => {
    fc.assert(
      fc.property(short, text, (pattern, subject) => {
        expect(compile(pattern)(subject), `${pattern} ~ ${subject}`).to.equal(matches(pattern, subject));
      }),
      { numRuns: 3_000 },
    );
  });

  it('match long runs too, found or not', () => {
    fc.assert(
      fc.property(long, text, text, fc.boolean(), (pattern, before, after, hit) => {
        const run = pattern.slice(1, -1).replaceAll('?', 'b');
        const subject = before + (hit ? run : run.slice(1)) + after;
        expect(compile(pattern)(subject), `${pattern} ~ ${subject}`).to.equal(matches(pattern, subject));
      }),
      { numRuns: 3_000 },
    );
  });

  it('take any character, of which a pair of surrogates is two', () => {
    expect(compile('a?b')('a\nb')).to.equal(true);
    expect(compile('a??b')('a😀b')).to.equal(true);
    expect(compile('*')('')).to.equal(true);
    expect(compile('')('')).to.equal(true);
    expect(compile('')('a')).to.equal(false);
  });

  const run = 'a'.repeat(40_000);
  const subject = 'a'.repeat(80_000);
  for (const [what, pattern] of [
    ['stars', `${'*a'.repeat(40_000)}*b*`],
    ['question marks', `*${'?'.repeat(20_000)}b*`],
    ['long runs', `*${run}b*`],
    ['long runs that begin wrong', `*b${run}*`],
    ['long runs with holes', `*${`${'a'.repeat(40)}?`.repeat(500)}b*`],
    ['stars and question marks in turn', `${'*?a'.repeat(20_000)}*b*`],
  ] as const) {
    it(`take no more than their length to match: ${what}`, () => {
      const test = compile(pattern);
      const before = process.cpuUsage();
      expect(test(subject)).to.equal(false);
      const { user } = process.cpuUsage(before);
      // comparing at each place takes seconds, a regular expression longer than anybody waits
      expect(user / 1_000).to.be.below(600);
    });
  }
});
