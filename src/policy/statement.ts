import { splitTokens } from './arn-pattern.ts';
import type { Condition, PolicyKind, PrincipalElement, Statement, Values } from './document.ts';
import { list, principalTypes } from './document.ts';
import { PolicyError, syntaxError } from './error.ts';
import type { JsonNode, JsonObject } from './json.ts';
import { operators, parseOperator } from './operator.ts';
import { isPrincipal } from './principal.ts';
import { parseBoolean } from './scalar.ts';
import { tokenize } from './template.ts';

export interface StatementRules {
  readonly kind: PolicyKind;
  /** Whether the document's version has variables. */
  readonly variables: boolean;
}

const elements: ReadonlySet<string> = new Set([
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
]);

/** @throws PolicyError */
export function parseStatement(node: JsonObject, path: string, rules: StatementRules): Statement {
  for (const name of node.members.keys()) {
    if (!elements.has(name)) throw syntaxError('there is no such element', `${path}.${name}`);
  }
  const effect = parseEffect(node.members.get('Effect'), `${path}.Effect`);
  const principal = parsePrincipalElement(node, path, rules.kind);
  if (principal?.negated && effect === 'Allow') {
    // IAM user guide, "AWS JSON policy elements: NotPrincipal"
    throw syntaxError('NotPrincipal is only for statements that deny', `${path}.NotPrincipal`);
  }
  return {
    sid: parseSid(node.members.get('Sid'), `${path}.Sid`, rules.kind),
    effect,
    principal,
    action: parseAction(node, path),
    resource: parseResource(node, path, rules),
    conditions: parseConditions(node.members.get('Condition'), `${path}.Condition`),
    span: node.span,
  };
}

function parseEffect(node: JsonNode | undefined, path: string): 'Allow' | 'Deny' {
  if (node?.type !== 'string' || (node.value !== 'Allow' && node.value !== 'Deny')) {
    throw syntaxError('the effect is neither `Allow` nor `Deny`', path);
  }
  return node.value;
}

function parseSid(node: JsonNode | undefined, path: string, kind: PolicyKind): string | undefined {
  if (node === undefined) return undefined;
  if (node.type !== 'string') throw syntaxError('a Sid is a string', path);
  // AWS KMS takes spaces and more: its own default policy has them
  if (kind !== 'key' && !/^[0-9A-Za-z]*$/.test(node.value)) {
    throw new PolicyError(
      'Statement IDs (SID) must be alpha-numeric.',
      'check that your input satisfies the regular expression [0-9A-Za-z]*',
      path,
    );
  }
  return node.value;
}

/** The one of an element and its negation that is there. */
function either(
  node: JsonObject,
  path: string,
  name: string,
): { node: JsonNode; path: string; negated: boolean } | undefined {
  const plain = node.members.get(name);
  const negation = node.members.get(`Not${name}`);
  if (plain !== undefined && negation !== undefined) {
    throw syntaxError(`a statement has ${name} or Not${name}, not both`, path);
  }
  if (plain !== undefined) return { node: plain, path: `${path}.${name}`, negated: false };
  return negation && { node: negation, path: `${path}.Not${name}`, negated: true };
}

function parseValues(node: JsonNode, path: string): Values {
  if (node.type === 'string') return node.value;
  if (node.type !== 'array' || node.items.length === 0) {
    throw syntaxError('expected a string or a list of strings', path);
  }
  return node.items.map((item, index) => {
    if (item.type !== 'string') throw syntaxError('expected a string', `${path}[${index}]`);
    return item.value;
  });
}

function parsePrincipalElement(
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
  const principals: Partial<Record<(typeof principalTypes)[number], Values>> = {};
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

function parseAction(statement: JsonObject, path: string): Statement['action'] {
  const element = either(statement, path, 'Action');
  if (element === undefined) {
    throw new PolicyError('Policy statement must contain actions.', 'Action or NotAction', path);
  }
  const values = parseValues(element.node, element.path);
  for (const action of list(values)) {
    const [vendor = '', name, ...more] = action.split(':');
    if (action === '*') continue;
    if (name === undefined) {
      throw new PolicyError(
        'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.',
        `\`${action}\``,
        element.path,
      );
    }
    if (more.length > 0) {
      throw new PolicyError('Actions/Condition can contain only one colon.', `\`${action}\``, element.path);
    }
    if (vendor !== '*' && !/^[a-zA-Z0-9.-]+$/.test(vendor)) {
      throw new PolicyError(`Vendor ${vendor} is not valid`, `\`${action}\``, element.path);
    }
  }
  return { negated: element.negated, values };
}

function parseResource(statement: JsonObject, path: string, rules: StatementRules): Statement['resource'] {
  const element = either(statement, path, 'Resource');
  if (rules.kind === 'trust') {
    if (element === undefined) return undefined;
    throw new PolicyError('Has prohibited field Resource', 'a trust policy is for its role', element.path);
  }
  if (element === undefined) {
    if (rules.kind === 'key') return undefined;
    throw new PolicyError('Policy statement must contain resources.', 'Resource or NotResource', path);
  }
  const values = parseValues(element.node, element.path);
  for (const resource of list(values)) {
    if (resource === '*') continue;
    if (!resource.startsWith('arn:')) {
      throw new PolicyError(
        `Resource ${resource} must be in ARN format or "*".`,
        `\`${resource}\``,
        element.path,
      );
    }
    const parts = splitTokens(tokenize(resource, { wildcards: true, variables: rules.variables }));
    if (parts.length < 6 && parts.at(-1)?.at(-1)?.type !== 'many') {
      throw new PolicyError(
        'The policy failed legacy parsing',
        `\`${resource}\` is half an ARN`,
        element.path,
      );
    }
    if (parts.slice(0, 5).some((part) => part.some(({ type }) => type === 'variable'))) {
      // IAM user guide, "Where you can use policy variables"
      throw new PolicyError(
        'The policy failed legacy parsing',
        `\`${resource}\` has a variable before its fifth colon`,
        element.path,
      );
    }
  }
  return { negated: element.negated, values };
}

function parseConditions(node: JsonNode | undefined, path: string): Condition[] {
  if (node === undefined) return [];
  if (node.type !== 'object') throw syntaxError('a condition is an object', path);
  return [...node.members].flatMap(([operator, keys]) => {
    const inner = `${path}.${operator}`;
    if (parseOperator(operator) === undefined) throw syntaxError('there is no such operator', inner);
    if (keys.type !== 'object') throw syntaxError('an operator has an object of keys', inner);
    return [...keys.members].map(([key, values]) => {
      if (!key.includes(':')) {
        throw new PolicyError(
          'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.',
          `the condition key \`${key}\``,
          `${inner}.${key}`,
        );
      }
      return { operator, key, values: parseConditionValues(values, operator, `${inner}.${key}`) };
    });
  });
}

function parseConditionValues(node: JsonNode, operator: string, path: string): Values {
  const values = node.type === 'array' ? node.items.map((item) => scalar(item, path)) : scalar(node, path);
  const base = parseOperator(operator)?.base ?? '';
  for (const value of list(values)) {
    const complaint =
      base === 'Null'
        ? parseBoolean(value) === undefined && `\`${value}\` is not true or false`
        : operators.get(base)?.complaint(value);
    if (complaint) throw new PolicyError('The policy failed legacy parsing', complaint, path);
  }
  return values;
}

/** Quotation marks are optional around numbers and booleans (IAM user guide, "The policy language and JSON"). */
function scalar(node: JsonNode, path: string): string {
  switch (node.type) {
    case 'string':
      return node.value;
    case 'number':
      return node.text;
    case 'boolean':
      return String(node.value);
    case 'null':
    case 'array':
    case 'object':
      throw syntaxError('expected a string, a number or a boolean', path);
  }
}
