import { type Block, isInBlock, parseAddress, parseBlock } from './address.ts';
import { compileArnParts, type RequestTest } from './arn-pattern.ts';
import { compilePattern } from './pattern.ts';
import { parseBase64, parseBoolean, parseDate, parseNumber } from './scalar.ts';
import { resolve, tokenize, withoutVariables } from './template.ts';

/** One of the policy language's comparisons (IAM user guide, "Condition operators"). */
interface Operator {
  /** Holds where no value of the policy matches, and where the request has no value. */
  readonly negated: boolean;
  /** Whether values may have variables. */
  readonly variables: boolean;
  /** Why a value can't be compared, for who writes the policy; `undefined` where it can. */
  readonly complaint: (value: string) => string | undefined;
  /** A test of one value of the request against one of the policy. */
  readonly compile: (value: string, variables: boolean) => RequestTest;
}

function text(wildcards: boolean, fold: (value: string) => string): Operator['compile'] {
  return (value, variables) => {
    const tokens = tokenize(fold(value), { wildcards, variables });
    const plain = withoutVariables(tokens);
    if (plain !== undefined) {
      const test = compilePattern(plain);
      return (candidate) => test(fold(candidate));
    }
    return (candidate, lookup) => {
      const folded = fold(candidate);
      const fixed = resolve(tokens, lookup, folded.length, fold);
      return fixed !== undefined && compilePattern(fixed)(folded);
    };
  };
}

const exactly = text(false, (value) => value);
const ignoringCase = text(false, (value) => value.toLowerCase());
const like = text(true, (value) => value);
const anything = () => undefined;

function strings(compile: Operator['compile'], negated: boolean): Operator {
  return { negated, variables: true, complaint: anything, compile };
}

type Relation = (request: number, policy: number) => boolean;

function scalars(
  parse: (value: string) => number | undefined,
  kind: string,
  relation: Relation,
  negated = false,
): Operator {
  return {
    negated,
    variables: false,
    complaint: (value) => (parse(value) === undefined ? `\`${value}\` is not ${kind}` : undefined),
    compile: (value) => {
      const policy = parse(value);
      return (candidate) => {
        const request = parse(candidate);
        return request !== undefined && policy !== undefined && relation(request, policy);
      };
    },
  };
}

const relations: Record<string, Relation> = {
  LessThan: (request, policy) => request < policy,
  LessThanEquals: (request, policy) => request <= policy,
  GreaterThan: (request, policy) => request > policy,
  GreaterThanEquals: (request, policy) => request >= policy,
};
const equal: Relation = (request, policy) => request === policy;

function family(
  name: string,
  parse: (value: string) => number | undefined,
  kind: string,
): [string, Operator][] {
  return [
    [`${name}Equals`, scalars(parse, kind, equal)],
    [`${name}NotEquals`, scalars(parse, kind, equal, true)],
    ...Object.entries(relations).map(([suffix, relation]): [string, Operator] => [
      `${name}${suffix}`,
      scalars(parse, kind, relation),
    ]),
  ];
}

function addresses(negated: boolean): Operator {
  return {
    negated,
    variables: false,
    complaint: (value) =>
      parseBlock(value) === undefined ? `\`${value}\` is not an IP address or CIDR block` : undefined,
    compile: (value) => {
      const block: Block | undefined = parseBlock(value);
      return (candidate) => {
        const address = parseAddress(candidate);
        return address !== undefined && block !== undefined && isInBlock(address, block);
      };
    },
  };
}

function arns(negated: boolean): Operator {
  return { negated, variables: true, complaint: anything, compile: compileArnParts };
}

const bool: Operator = {
  negated: false,
  variables: true,
  complaint: (value) =>
    parseBoolean(value) === undefined && !value.includes('${')
      ? `\`${value}\` is not true or false`
      : undefined,
  compile: (value, variables) => {
    const test = ignoringCase(value, variables);
    return (candidate, lookup) => parseBoolean(candidate) !== undefined && test(candidate, lookup);
  },
};

const binary: Operator = {
  negated: false,
  variables: false,
  complaint: (value) => (parseBase64(value) === undefined ? `\`${value}\` is not base64` : undefined),
  compile: (value) => {
    const policy = parseBase64(value);
    return (candidate) => policy !== undefined && parseBase64(candidate) === policy;
  },
};

/** By name, as policies write it. `Null` is none of them: it asks only whether there is a value. */
export const operators: ReadonlyMap<string, Operator> = new Map([
  ['StringEquals', strings(exactly, false)],
  ['StringNotEquals', strings(exactly, true)],
  ['StringEqualsIgnoreCase', strings(ignoringCase, false)],
  ['StringNotEqualsIgnoreCase', strings(ignoringCase, true)],
  ['StringLike', strings(like, false)],
  ['StringNotLike', strings(like, true)],
  ...family('Numeric', parseNumber, 'a number'),
  ...family('Date', parseDate, 'a date'),
  ['Bool', bool],
  ['BinaryEquals', binary],
  ['IpAddress', addresses(false)],
  ['NotIpAddress', addresses(true)],
  ['ArnEquals', arns(false)],
  ['ArnLike', arns(false)],
  ['ArnNotEquals', arns(true)],
  ['ArnNotLike', arns(true)],
]);

export interface OperatorName {
  readonly base: string;
  readonly set: 'ForAllValues' | 'ForAnyValue' | undefined;
  readonly ifExists: boolean;
}

/** Takes `ForAllValues:StringLikeIfExists` apart; `undefined` where there is no such operator. */
export function parseOperator(name: string): OperatorName | undefined {
  const [, prefix, base = '', ifExists] =
    /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(name) ?? [];
  const set = prefix === 'ForAllValues' || prefix === 'ForAnyValue' ? prefix : undefined;
  if (base === 'Null') {
    return set === undefined && ifExists === undefined ? { base, set, ifExists: false } : undefined;
  }
  return operators.has(base) ? { base, set, ifExists: ifExists !== undefined } : undefined;
}
