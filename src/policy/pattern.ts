import { Run } from './run.ts';
import type { FixedToken } from './template.ts';

export type TextTest = (text: string) => boolean;

/**
 * Compiles wildcards into a test of whole texts, case-sensitive. No backtracking, so no pattern makes it slow: it
 * takes time linear in text and pattern; where a long run between two `*` has a `?`, a 32nd of their product.
 */
export function compilePattern(tokens: readonly FixedToken[]): TextTest {
  const runs = split(tokens);
  const [first, last] = [runs[0], runs.at(-1)];
  if (first === undefined || last === undefined) return (text) => text === '';
  if (runs.length === 1) {
    if (first.plain !== undefined) {
      const { plain } = first;
      return (text) => text === plain;
    }
    return (text) => text.length === first.length && first.at(text, 0);
  }
  const middle = runs.slice(1, -1);
  if (middle.length === 0 && last.length === 0 && first.plain !== undefined) {
    const { plain } = first;
    return plain === '' ? () => true : (text) => text.startsWith(plain);
  }
  const shortest = first.length + last.length;
  return (text) => {
    const end = text.length - last.length;
    if (text.length < shortest || !first.at(text, 0) || !last.at(text, end)) return false;
    let from = first.length;
    for (const run of middle) {
      const found = run.find(text, from, end);
      if (found === -1) return false;
      from = found + run.length;
    }
    return true;
  };
}

/** The runs between the `*`: the first starts the text, the last ends it, each other is taken where it comes first. */
function split(tokens: readonly FixedToken[]): Run[] {
  const runs: Run[] = [];
  let text = '';
  let holes: number[] = [];
  const flush = () => {
    runs.push(new Run(text, holes));
    text = '';
    holes = [];
  };
  for (const token of tokens) {
    if (token.type === 'many') flush();
    else if (token.type === 'one') {
      holes.push(text.length);
      text += '?';
    } else text += token.text;
  }
  flush();
  return runs;
}
