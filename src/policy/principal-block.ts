import {
  list,
  type PolicyKind,
  type PrincipalElement,
  type PrincipalType,
  principalTypes,
  type Values,
} from './document.ts';
import { either, parseValues } from './element.ts';
import { PolicyError, syntaxError } from './error.ts';
import type { JsonObject } from './json.ts';
import { isPrincipal } from './principal.ts';

/** Principal or NotPrincipal. @throws PolicyError */
export function parsePrincipalBlock(
  statement: JsonObject,
  path: string,
  kind: PolicyKind,
): PrincipalElement | undefined {
  const element = either(statement, path, 'Principal');
  if (kind !== 'key' && kind !== 'trust') {
    if (element === undefined) return undefined;
    throw new PolicyError(
      'Policy document should not specify a principal.',
      'the principal is whom the policy is attached to',
      element.path,
    );
  }
  if (element === undefined) {
    throw new PolicyError('Missing required field Principal', 'whom the statement is for', path);
  }
  const { node, negated } = element;
  if (negated && kind === 'trust') {
    throw new PolicyError('Has prohibited field NotPrincipal', 'a trust policy names who may', element.path);
  }
  if (node.type === 'string' && node.value === '*') return { negated, principals: '*' };
  if (node.type !== 'object' || node.members.size === 0) {
    throw syntaxError('a principal is `*` or an object such as {"AWS": "…"}', element.path);
  }
  const principals: Partial<Record<PrincipalType, Values>> = {};
  for (const [name, value] of node.members) {
    const type = principalTypes.find((known) => known === name);
    if (type === undefined)
      throw syntaxError('there is no such type of principal', `${element.path}.${name}`);
    const values = parseValues(value, `${element.path}.${name}`);
    for (const principal of list(values)) {
      if (type === 'AWS' ? isPrincipal(principal) : principal !== '' && !/[*?]/.test(principal)) continue;
      throw invalidPrincipal(kind, type, principal, `${element.path}.${name}`);
    }
    principals[type] = values;
  }
  return { negated, principals };
}

/**
 * The words in which KMS and IAM refuse a principal that can't be or doesn't exist.
 * @param path for example `Statement[0].Principal.AWS`
 */
export function invalidPrincipal(
  kind: 'key' | 'trust',
  type: string,
  principal: string,
  path: string,
): PolicyError {
  return kind === 'key'
    ? new PolicyError(
        'Policy contains a statement with one or more invalid principals.',
        `\`${principal}\``,
        path,
      )
    : new PolicyError(`Invalid principal in policy: "${type}":"${principal}"`, 'no such principal', path);
}
