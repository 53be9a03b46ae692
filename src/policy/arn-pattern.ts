import { compilePattern, type TextTest } from './pattern.ts';
import { type Lookup, resolve, type Token, tokenize, withoutVariables } from './template.ts';

/** Tests a text against what may have variables in it. */
export type RequestTest = (text: string, lookup: Lookup) => boolean;

const parts = 6;

/**
 * An ARN with wildcards, as ArnLike compares it: each of the six parts by itself, so that no wildcard and no value
 * of a variable reaches over a colon between them.
 */
export function compileArnParts(text: string, variables: boolean): RequestTest {
  const pattern = splitTokens(tokenize(text, { wildcards: true, variables }));
  if (pattern.length !== parts) return () => false;
  const fixed = pattern.map(withoutVariables).filter((part) => part !== undefined);
  if (fixed.length === parts) {
    const tests = fixed.map(compilePattern);
    return (arn) => matchParts(arn, tests);
  }
  return (arn, lookup) => {
    const tests: TextTest[] = [];
    for (const tokens of pattern) {
      const fixed = resolve(tokens, lookup, arn.length);
      if (fixed === undefined) return false;
      tests.push(compilePattern(fixed));
    }
    return matchParts(arn, tests);
  };
}

/**
 * A Resource element's ARN. A `*` that ends a part may reach beyond the colon, another wildcard before the fifth
 * colon may not (IAM user guide, "IAM JSON policy elements: Resource").
 */
export function compileResource(text: string, variables: boolean): RequestTest {
  const tokens = tokenize(text, { wildcards: true, variables });
  if (splitTokens(tokens).slice(0, -1).some(hasInnerWildcard)) return compileArnParts(text, variables);
  const fixed = withoutVariables(tokens);
  if (fixed !== undefined) return compilePattern(fixed);
  return (resource, lookup) => {
    const resolved = resolve(tokens, lookup, resource.length);
    return resolved !== undefined && compilePattern(resolved)(resource);
  };
}

function hasInnerWildcard(tokens: readonly Token[]): boolean {
  return tokens.some(({ type }, at) => type === 'one' || (type === 'many' && at < tokens.length - 1));
}

/** The parts between the first five colons that stand in the policy itself, not in a variable's value. */
export function splitTokens(tokens: readonly Token[]): Token[][] {
  const split: Token[][] = [[]];
  for (const token of tokens) {
    if (token.type !== 'literal') {
      split.at(-1)?.push(token);
      continue;
    }
    let from = 0;
    while (split.length < parts) {
      const colon = token.text.indexOf(':', from);
      if (colon === -1) break;
      if (colon > from) split.at(-1)?.push({ type: 'literal', text: token.text.slice(from, colon) });
      split.push([]);
      from = colon + 1;
    }
    if (from < token.text.length) split.at(-1)?.push({ type: 'literal', text: token.text.slice(from) });
  }
  return split;
}

function matchParts(arn: string, tests: readonly TextTest[]): boolean {
  let from = 0;
  for (const [index, test] of tests.entries()) {
    const last = index === parts - 1;
    const colon = last ? arn.length : arn.indexOf(':', from);
    if (colon === -1 || !test(arn.slice(from, colon))) return false;
    from = colon + 1;
  }
  return true;
}
