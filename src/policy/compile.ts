import { compileResource, type RequestTest } from './arn-pattern.ts';
import { type ConditionTest, compileCondition, conditionKeys } from './condition.ts';
import { hasVariables, list, type PolicyDocument, type Statement } from './document.ts';
import type { Position } from './json.ts';
import { compilePattern, type TextTest } from './pattern.ts';
import { PrincipalMatcher } from './principal.ts';
import { type Lookup, tokenize, variableNames, withoutVariables } from './template.ts';

export type PolicyType =
  | 'key policy'
  | 'trust policy'
  | 'resource policy'
  | 'user policy'
  | 'group policy'
  | 'role policy'
  | 'managed policy'
  | 'session policy'
  | 'permissions boundary';

export interface PolicySource {
  readonly type: PolicyType;
  /** The policy's name or ARN, or the ARN of the resource it belongs to. */
  readonly id: string;
}

/** A statement that decided, for explanations. */
export interface StatementReason {
  readonly type: 'statement';
  readonly policy: PolicySource;
  /** From 0. */
  readonly index: number;
  readonly sid: string | undefined;
  readonly start: Position;
  readonly end: Position;
}

export interface CompiledStatement {
  readonly reason: StatementReason;
  /** Where there is none, the statement is for whom its policy is attached to. */
  readonly principal: PrincipalMatcher | undefined;
  readonly action: TextTest;
  readonly resource: RequestTest | undefined;
  readonly conditions: readonly ConditionTest[];
}

/** A document made ready for decisions. Holds no request's data: one serves all requests. */
export interface CompiledPolicy {
  readonly source: PolicySource;
  readonly denies: readonly CompiledStatement[];
  readonly allows: readonly CompiledStatement[];
  /** The condition keys that the document asks for, as written, each once. */
  readonly contextKeys: readonly string[];
}

export function compilePolicy(document: PolicyDocument, source: PolicySource): CompiledPolicy {
  const variables = hasVariables(document);
  const compiled = document.statements.map((statement, index) => ({
    effect: isVoid(statement, source) ? undefined : statement.effect,
    statement: compileStatement(statement, index, source, variables),
  }));
  const having = (effect: 'Allow' | 'Deny') =>
    compiled.flatMap((each) => (each.effect === effect ? [each.statement] : []));
  return { source, denies: having('Deny'), allows: having('Allow'), contextKeys: contextKeys(document) };
}

/**
 * AWS takes a key policy's statement without a resource, and lets it have no effect (AWS KMS API reference,
 * PutKeyPolicy). Here it allows nothing either; what it denies is denied.
 */
function isVoid({ effect, resource }: Statement, source: PolicySource): boolean {
  return source.type === 'key policy' && effect === 'Allow' && resource === undefined;
}

function compileStatement(
  statement: Statement,
  index: number,
  source: PolicySource,
  variables: boolean,
): CompiledStatement {
  const { sid, span, principal, action, resource, conditions } = statement;
  return {
    reason: { type: 'statement', policy: source, index, sid, start: span.start, end: span.end },
    principal: principal && new PrincipalMatcher(principal),
    action: compileActions(list(action.values), action.negated),
    resource: resource && compileResources(list(resource.values), resource.negated, variables),
    conditions: conditions.map((condition) => compileCondition(condition, variables)),
  };
}

/** A test of lower-cased actions: their names know no case. */
function compileActions(values: readonly string[], negated: boolean): TextTest {
  const actions = values.map((value) => value.toLowerCase());
  const exact = new Set(actions.filter((action) => !/[*?]/.test(action)));
  const patterns = actions
    .filter((action) => !exact.has(action))
    .map((action) => withoutVariables(tokenize(action, { wildcards: true, variables: false })) ?? [])
    .map(compilePattern);
  return (action) => {
    if (exact.has(action)) return !negated;
    for (const pattern of patterns) if (pattern(action)) return !negated;
    return negated;
  };
}

/** `undefined` where every resource matches. */
function compileResources(
  values: readonly string[],
  negated: boolean,
  variables: boolean,
): RequestTest | undefined {
  if (!negated && values.includes('*')) return undefined;
  const tests = values.map((value) => compileResource(value, variables));
  return (resource, lookup) => {
    for (const test of tests) if (test(resource, lookup)) return !negated;
    return negated;
  };
}

/**
 * Whether a statement is for this action, resource and request, whoever asks.
 * @param action lower-cased
 */
export function applies(
  statement: CompiledStatement,
  action: string,
  resource: string,
  lookup: Lookup,
): boolean {
  if (!statement.action(action)) return false;
  if (statement.resource !== undefined && !statement.resource(resource, lookup)) return false;
  for (const condition of statement.conditions) if (!condition(lookup)) return false;
  return true;
}

/** The condition keys that conditions and variables ask for, as first written, each once whatever its case. */
export function contextKeys(document: PolicyDocument): readonly string[] {
  const variables = hasVariables(document);
  const keys = document.statements.flatMap(({ resource, conditions }) => [
    ...(resource && variables
      ? list(resource.values).flatMap((value) =>
          variableNames(tokenize(value, { wildcards: true, variables })),
        )
      : []),
    ...conditions.flatMap((condition) => conditionKeys(condition, variables)),
  ]);
  const first = new Map<string, string>();
  for (const key of keys) if (!first.has(key.toLowerCase())) first.set(key.toLowerCase(), key);
  return [...first.values()];
}
