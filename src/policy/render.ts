import type { Condition, PolicyDocument, Statement } from './document.ts';

/** JSON with two spaces, the elements in AWS's usual order. Parsed again it is the same document. */
export function renderPolicy(document: PolicyDocument): string {
  return JSON.stringify(
    {
      Version: document.version,
      Id: document.id,
      Statement: document.statements.map(statement),
    },
    undefined,
    2,
  );
}

function statement({ sid, effect, principal, action, resource, conditions }: Statement): unknown {
  return {
    Sid: sid,
    Effect: effect,
    ...(principal && { [principal.negated ? 'NotPrincipal' : 'Principal']: principal.principals }),
    [action.negated ? 'NotAction' : 'Action']: action.values,
    ...(resource && { [resource.negated ? 'NotResource' : 'Resource']: resource.values }),
    ...(conditions.length > 0 && { Condition: condition(conditions) }),
  };
}

function condition(conditions: readonly Condition[]): unknown {
  const byOperator = Map.groupBy(conditions, ({ operator }) => operator);
  return Object.fromEntries(
    [...byOperator].map(([operator, keys]) => [
      operator,
      Object.fromEntries(keys.map(({ key, values }) => [key, values])),
    ]),
  );
}
