import { applies, type CompiledPolicy, type CompiledStatement, type StatementReason } from './compile.ts';
import { type AccessRequest, decide, type Policies } from './decide.ts';
import type { PrincipalFacts } from './principal.ts';

export { contextKeys } from './compile.ts';

/** What SimulateCustomPolicy and SimulatePrincipalPolicy answer for one action on one resource. */
export interface Simulation {
  readonly decision: 'allowed' | 'explicitDeny' | 'implicitDeny';
  /**
   * The statements that determine the decision: every one that denies, else every one that allows; none where
   * nothing allows (IAM API reference, "EvaluationResult").
   */
  readonly matched: readonly StatementReason[];
  /** The condition keys that the policies ask for and the request lacks, as written, each once. */
  readonly missing: readonly string[];
  /** `undefined` where there is no permissions boundary. */
  readonly allowedByBoundary: boolean | undefined;
}

/** Decides as `decide` does, and says more. */
export function simulate(request: AccessRequest, policies: Policies): Simulation {
  const outcome = decide(request, policies);
  const decision = outcome.allowed ? 'allowed' : outcome.explicit ? 'explicitDeny' : 'implicitDeny';
  return {
    decision,
    matched: matchedStatements(decision, request, policies),
    missing: missingKeys(request, all(policies)),
    allowedByBoundary: policies.boundary && isAllowedBy(policies.boundary, request),
  };
}

function all({ identity, boundary, session, resource }: Policies): CompiledPolicy[] {
  return [...identity, ...(session ?? []), boundary, resource].filter((policy) => policy !== undefined);
}

function isAllowedBy(policy: CompiledPolicy, request: AccessRequest): boolean {
  return matching(request, policy, 'denies').length === 0 && matching(request, policy, 'allows').length > 0;
}

function matchedStatements(
  decision: Simulation['decision'],
  request: AccessRequest,
  policies: Policies,
): StatementReason[] {
  if (decision === 'implicitDeny') return [];
  const effect = decision === 'allowed' ? 'allows' : 'denies';
  return all(policies).flatMap((policy) =>
    matching(request, policy, effect, policies.boundary !== undefined).map(({ reason }) => reason),
  );
}

function matching(
  { principal, action, resource, context }: AccessRequest,
  policy: CompiledPolicy,
  effect: 'allows' | 'denies',
  hasBoundary = false,
): CompiledStatement[] {
  return policy[effect].filter(
    (statement) =>
      names(statement, principal, effect, hasBoundary) &&
      applies(statement, action.toLowerCase(), resource, context),
  );
}

function names(
  { principal: named }: CompiledStatement,
  principal: PrincipalFacts,
  effect: 'allows' | 'denies',
  hasBoundary: boolean,
): boolean {
  if (named === undefined) return true;
  return effect === 'denies' ? named.denies(principal, hasBoundary) : named.match(principal) !== 'none';
}

function missingKeys({ context }: AccessRequest, policies: readonly CompiledPolicy[]): string[] {
  const missing = new Map<string, string>();
  for (const key of policies.flatMap((policy) => policy.contextKeys)) {
    const name = key.toLowerCase();
    if (!missing.has(name) && context(name) === undefined) missing.set(name, key);
  }
  return [...missing.values()];
}
