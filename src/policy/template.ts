/** The texts of a policy: wildcards and variables (IAM user guide, "IAM policy elements: Variables and tags"). */
export type Token =
  | { readonly type: 'literal'; readonly text: string }
  /** `*` */
  | { readonly type: 'many' }
  /** `?` */
  | { readonly type: 'one' }
  | Variable;

interface Variable {
  readonly type: 'variable';
  readonly name: string;
  /** The value where the request has none. */
  readonly fallback: string | undefined;
}

export type FixedToken = Exclude<Token, Variable>;

/** Condition keys by lower-cased name; `undefined` where the request has none. */
export type Lookup = ((name: string) => string | readonly string[] | undefined) & {
  /**
   * Told before values are compared what it comes to, in about characters. It may throw: who writes a policy and who
   * makes the request can each bring thousands of values, and all of one are compared with all of the other.
   */
  readonly spend?: (characters: number) => void;
};

export interface Syntax {
  /** Whether `*` and `?` are wildcards here. */
  readonly wildcards: boolean;
  /** Whether `${…}` is a variable here. */
  readonly variables: boolean;
}

const withFallback = /^([^,]*), *'([^']*)'$/;

/** Takes a policy's text apart. `${*}`, `${?}` and `${$}` stand for the characters themselves. */
export function tokenize(text: string, syntax: Syntax): Token[] {
  const tokens: Token[] = [];
  const lastClosing = syntax.variables ? text.lastIndexOf('}') : -1;
  let literal = '';
  const flush = () => {
    if (literal !== '') tokens.push({ type: 'literal', text: literal });
    literal = '';
  };
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (syntax.wildcards && character === '*') {
      flush();
      if (tokens.at(-1)?.type !== 'many') tokens.push({ type: 'many' });
    } else if (syntax.wildcards && character === '?') {
      flush();
      tokens.push({ type: 'one' });
    } else if (at < lastClosing && character === '$' && text.charAt(at + 1) === '{') {
      const end = text.indexOf('}', at);
      const inside = text.slice(at + 2, end);
      at = end;
      if (inside === '*' || inside === '?' || inside === '$') {
        literal += inside;
      } else {
        flush();
        tokens.push(variable(inside));
      }
    } else {
      literal += character;
    }
  }
  flush();
  return tokens;
}

function variable(inside: string): Token {
  const [, name = inside, fallback] = withFallback.exec(inside) ?? [];
  return { type: 'variable', name: name.trim(), fallback };
}

/** The same tokens, where none of them is a variable; otherwise `undefined`. */
export function withoutVariables(tokens: readonly Token[]): readonly FixedToken[] | undefined {
  const fixed = tokens.filter((token) => token.type !== 'variable');
  return fixed.length === tokens.length ? fixed : undefined;
}

/**
 * Puts the request's values in the place of variables, where a `*` is no wildcard.
 * @param longest the length of what will be compared: there is no use in building a longer text
 * @param fold applied to values, for comparisons that ignore case
 * @returns `undefined` where nothing equals the text: a variable has no value, or several (IAM user guide, "Policy
 *   variables with no value"), or it is too long
 */
export function resolve(
  tokens: readonly Token[],
  lookup: Lookup,
  longest: number,
  fold: (value: string) => string = (value) => value,
): readonly FixedToken[] | undefined {
  const fixed: FixedToken[] = [];
  let length = 0;
  for (const token of tokens) {
    const next = token.type === 'variable' ? valueIn(token, lookup, fold) : token;
    if (next === undefined) return undefined;
    if (next.type === 'literal') length += next.text.length;
    if (length > longest) return undefined;
    fixed.push(next);
  }
  return fixed;
}

function valueIn(
  { name, fallback }: Variable,
  lookup: Lookup,
  fold: (value: string) => string,
): FixedToken | undefined {
  const value = lookup(name.toLowerCase()) ?? fallback;
  return typeof value === 'string' ? { type: 'literal', text: fold(value) } : undefined;
}

export function variableNames(tokens: readonly Token[]): string[] {
  return tokens.flatMap((token) => (token.type === 'variable' ? [token.name] : []));
}
