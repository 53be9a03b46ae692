import { splitTokens } from './arn-pattern.ts';
import { parseConditionBlock } from './condition-block.ts';
import { list, type PolicyKind, type Statement } from './document.ts';
import { either, parseValues } from './element.ts';
import { PolicyError, syntaxError } from './error.ts';
import type { JsonNode, JsonObject } from './json.ts';
import { parsePrincipalBlock } from './principal-block.ts';
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
  const principal = parsePrincipalBlock(node, path, rules.kind);
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
    conditions: parseConditionBlock(node.members.get('Condition'), `${path}.Condition`),
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
