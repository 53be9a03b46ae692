/** The texts of a policy: wildcards and variables (IAM user guide, "IAM policy elements: Variables and tags"). */
export type Token =
  | { readonly type: 'literal'; readonly text: string }
  /** `*` */
  | { readonly type: 'many' }
  /** `?` */
  | { readonly type: 'one' }
  | { readonly type: 'variable'; readonly name: string; readonly fallback: string | undefined };

export type FixedToken = Exclude<Token, { type: 'variable' }>;

/** Condition keys by lower-cased name; `undefined` where the request has none. */
export type Lookup = (name: string) => string | readonly string[] | undefined;

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
    } else if (syntax.variables && character === '$' && text.charAt(at + 1) === '{') {
      const end = text.indexOf('}', at);
      if (end === -1) {
        literal += text.slice(at);
        break;
      }
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
 * @returns `undefined` where a variable has no value, or several: then the text equals nothing (IAM user guide,
 *   "Policy variables with no value")
 */
export function resolve(tokens: readonly Token[], lookup: Lookup): readonly FixedToken[] | undefined {
  const fixed: FixedToken[] = [];
  for (const token of tokens) {
    if (token.type !== 'variable') {
      fixed.push(token);
      continue;
    }
    const value = lookup(token.name.toLowerCase());
    if (typeof value === 'string') fixed.push({ type: 'literal', text: value });
    else if (value === undefined && token.fallback !== undefined) {
      fixed.push({ type: 'literal', text: token.fallback });
    } else return undefined;
  }
  return fixed;
}

export function variableNames(tokens: readonly Token[]): string[] {
  return tokens.flatMap((token) => (token.type === 'variable' ? [token.name] : []));
}
