import { applies, type CompiledPolicy, type StatementReason } from './compile.ts';
import { type AccessRequest, decide, type Policies } from './decide.ts';
import type { PrincipalMatcher } from './principal.ts';

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
  const every = all(policies);
  const denies = matching(request, policies, every, 'denies');
  const allowed = decide(request, policies).allowed;
  return {
    // across accounts `decide` doesn't look at the resource's policy where the caller's own side allows nothing
    decision: denies.length > 0 ? 'explicitDeny' : allowed ? 'allowed' : 'implicitDeny',
    matched: denies.length > 0 ? denies : allowed ? matching(request, policies, every, 'allows') : [],
    missing: missingKeys(request, every),
    allowedByBoundary: policies.boundary && isAllowedBy(policies.boundary, request, policies),
  };
}

function all({ identity, boundary, session, resource }: Policies): CompiledPolicy[] {
  return [...identity, ...(session ?? []), boundary, resource].filter((policy) => policy !== undefined);
}

function isAllowedBy(policy: CompiledPolicy, request: AccessRequest, policies: Policies): boolean {
  return (
    matching(request, policies, [policy], 'denies').length === 0 &&
    matching(request, policies, [policy], 'allows').length > 0
  );
}

function matching(
  { principal, action, resource, context }: AccessRequest,
  policies: Policies,
  among: readonly CompiledPolicy[],
  effect: 'allows' | 'denies',
): StatementReason[] {
  const names = (named: PrincipalMatcher) =>
    effect === 'denies'
      ? named.denies(principal, policies.boundary !== undefined)
      : named.allows(principal) !== 'none';
  return among
    .flatMap((policy) => policy[effect])
    .filter(
      (statement) =>
        (statement.principal === undefined || names(statement.principal)) &&
        applies(statement, action.toLowerCase(), resource, context),
    )
    .map(({ reason }) => reason);
}

function missingKeys({ context }: AccessRequest, policies: readonly CompiledPolicy[]): string[] {
  const missing = new Map<string, string>();
  for (const key of policies.flatMap((policy) => policy.contextKeys)) {
    const name = key.toLowerCase();
    if (!missing.has(name) && context(name) === undefined) missing.set(name, key);
  }
  return [...missing.values()];
}
