import { type Condition, list, type Values } from './document.ts';
import { parseScalar } from './element.ts';
import { PolicyError, syntaxError } from './error.ts';
import type { JsonNode } from './json.ts';
import { operators, parseOperator } from './operator.ts';
import { parseBoolean } from './scalar.ts';

/** @throws PolicyError */
export function parseConditionBlock(node: JsonNode | undefined, path: string): Condition[] {
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
  if (node.type === 'array' && node.items.length === 0)
    throw syntaxError('expected at least one value', path);
  const values =
    node.type === 'array' ? node.items.map((item) => parseScalar(item, path)) : parseScalar(node, path);
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
