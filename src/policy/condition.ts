import type { RequestTest } from './arn-pattern.ts';
import { type Condition, list } from './document.ts';
import { operators, parseOperator } from './operator.ts';
import { parseBoolean } from './scalar.ts';
import { type Lookup, tokenize, variableNames } from './template.ts';

export type ConditionTest = (lookup: Lookup) => boolean;

const never: ConditionTest = () => false;

/** What comparing two short texts costs, in characters of long ones. */
const leastCost = 16;

/**
 * One operator with one key. What a missing key, several values of the key and several values of the policy mean
 * is the IAM user guide's "Conditions with multiple context keys or values", "Single-valued vs. multivalued context
 * keys" and "Condition operators".
 */
export function compileCondition(condition: Condition, variables: boolean): ConditionTest {
  const key = condition.key.toLowerCase();
  const values = list(condition.values);
  const name = parseOperator(condition.operator);
  if (name === undefined) return never;
  if (name.base === 'Null') return compileNull(key, values);
  const operator = operators.get(name.base);
  if (operator === undefined) return never;

  const { negated } = operator;
  const tests = values.map((value) => operator.compile(value, variables && operator.variables));
  const holds = (value: string, lookup: Lookup) => {
    lookup.spend?.(tests.length * (leastCost + value.length));
    return some(tests, value, lookup) !== negated;
  };
  switch (name.set) {
    case undefined: {
      const ifMissing = negated || name.ifExists;
      return (lookup) => {
        const value = present(lookup(key));
        if (value === undefined) return ifMissing;
        // a key with several values matches only through a set operator
        return typeof value === 'string' && holds(value, lookup);
      };
    }
    case 'ForAllValues':
      return (lookup) => {
        const value = present(lookup(key));
        if (value === undefined || value === '') return true;
        return typeof value === 'string'
          ? holds(value, lookup)
          : value.every((member) => holds(member, lookup));
      };
    case 'ForAnyValue':
      return (lookup) => {
        const value = present(lookup(key));
        if (value === undefined) return name.ifExists;
        if (value === '') return false;
        return typeof value === 'string'
          ? holds(value, lookup)
          : value.some((member) => holds(member, lookup));
      };
  }
}

function compileNull(key: string, values: readonly string[]): ConditionTest {
  const wanted = values.map(parseBoolean);
  return (lookup) => wanted.includes(present(lookup(key)) === undefined);
}

/** No values are no value. */
function present(value: string | readonly string[] | undefined): string | readonly string[] | undefined {
  return value?.length === 0 && typeof value !== 'string' ? undefined : value;
}

function some(tests: readonly RequestTest[], value: string, lookup: Lookup): boolean {
  for (const test of tests) if (test(value, lookup)) return true;
  return false;
}

/** The condition keys that the condition asks for, as written: its own, and those of variables in its values. */
export function conditionKeys(condition: Condition, variables: boolean): string[] {
  const name = parseOperator(condition.operator);
  const inValues = variables && name !== undefined && operators.get(name.base)?.variables === true;
  return [
    condition.key,
    ...(inValues
      ? list(condition.values).flatMap((value) =>
          variableNames(tokenize(value, { wildcards: false, variables })),
        )
      : []),
  ];
}
