import { type CompiledPolicy, compilePolicy, type PolicyType } from '../../src/policy/compile.ts';
import type { Policies } from '../../src/policy/decide.ts';
import { type PolicyKind, parsePolicy, replacePrincipals } from '../../src/policy/parse.ts';
import { type Case, type JsonPolicy, uniqueIds } from './arbitrary.ts';

/** As a store does it: read, its principals replaced by unique ids, compiled. */
export function compiled(policy: JsonPolicy, kind: PolicyKind, type: PolicyType, id = 'p'): CompiledPolicy {
  const document = replacePrincipals(
    parsePolicy(JSON.stringify(policy), kind),
    (principal) => uniqueIds.get(principal) ?? principal,
  );
  return compilePolicy(document, { type, id });
}

export function policies({ identity, boundary, session, resourcePolicy }: Case): Policies {
  return {
    identity: identity.map((policy) => compiled(policy, 'identity', 'user policy')),
    boundary: boundary && compiled(boundary, 'boundary', 'permissions boundary'),
    session: session && [compiled(session, 'session', 'session policy')],
    resource:
      resourcePolicy && compiled(resourcePolicy.policy, resourcePolicy.kind, `${resourcePolicy.kind} policy`),
  };
}
