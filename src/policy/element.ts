import type { Values } from './document.ts';
import { syntaxError } from './error.ts';
import type { JsonNode, JsonObject } from './json.ts';

/** The one of an element and its negation that is there. */
export function either(
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

export function parseValues(node: JsonNode, path: string): Values {
  if (node.type === 'string') return node.value;
  if (node.type !== 'array' || node.items.length === 0) {
    throw syntaxError('expected a string or a list of strings', path);
  }
  return node.items.map((item, index) => {
    if (item.type !== 'string') throw syntaxError('expected a string', `${path}[${index}]`);
    return item.value;
  });
}

/** Quotation marks are optional around numbers and booleans (IAM user guide, "The policy language and JSON"). */
export function parseScalar(node: JsonNode, path: string): string {
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
