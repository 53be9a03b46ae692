import type { PolicyDocument, PolicyKind, PolicyVersion } from './document.ts';
import { PolicyError, syntaxError } from './error.ts';
import { type JsonNode, type JsonObject, readJson } from './json.ts';
import { parseStatement } from './statement.ts';

export type { PolicyDocument, PolicyKind } from './document.ts';
export { namedPrincipals, replacePrincipals } from './principal.ts';
export { renderPolicy } from './render.ts';

const elements: ReadonlySet<string> = new Set(['Version', 'Id', 'Statement']);

/** UTF-16 units: the longest document that any AWS operation takes. Most kinds of policy have lower limits. */
const longest = 131_072;

/**
 * Reads a policy document (IAM user guide, "Grammar of the IAM JSON policy language"). What could only never match
 * is refused as well: an operator that doesn't exist, a number that is none, half a principal.
 * @throws PolicyError
 */
export function parsePolicy(text: string, kind: PolicyKind): PolicyDocument {
  if (text.length > longest) throw syntaxError(`the document is longer than ${longest} characters`, '');
  const root = readJson(text);
  if (root.type !== 'object') throw syntaxError('a policy is an object', '');
  for (const name of root.members.keys()) {
    if (!elements.has(name)) throw syntaxError('there is no such element', name);
  }
  const version = parseVersion(root.members.get('Version'), kind);
  const id = root.members.get('Id');
  if (id !== undefined && id.type !== 'string') throw syntaxError('an Id is a string', 'Id');
  const statements = statementNodes(root.members.get('Statement')).map(({ node, path }) =>
    parseStatement(node, path, { kind, variables: version === '2012-10-17' }),
  );
  if (kind !== 'key') {
    const sids = new Set<string>();
    for (const [index, { sid = '' }] of statements.entries()) {
      if (sid !== '' && sids.has(sid)) {
        throw new PolicyError(
          'Statement IDs (SID) in a single policy must be unique.',
          `\`${sid}\` is used again`,
          `Statement[${index}].Sid`,
        );
      }
      sids.add(sid);
    }
  }
  return { version, id: id?.value, statements };
}

const versions: readonly PolicyVersion[] = ['2008-10-17', '2012-10-17'];

function parseVersion(node: JsonNode | undefined, kind: PolicyKind): PolicyVersion | undefined {
  const version = versions.find((known) => node?.type === 'string' && node.value === known);
  if (node !== undefined && version === undefined) {
    throw syntaxError('the version is neither `2012-10-17` nor `2008-10-17`', 'Version');
  }
  if (version !== '2012-10-17' && (kind === 'identity' || kind === 'boundary')) {
    throw new PolicyError(
      'Policy document must be version 2012-10-17 or greater.',
      version === undefined ? 'there is no version' : `the version is \`${version}\``,
      'Version',
    );
  }
  return version;
}

function statementNodes(node: JsonNode | undefined): { node: JsonObject; path: string }[] {
  if (node?.type === 'object') return [{ node, path: 'Statement[0]' }];
  if (node?.type !== 'array' || node.items.length === 0) {
    throw syntaxError('a policy has at least one statement', 'Statement');
  }
  return node.items.map((item, index) => {
    const path = `Statement[${index}]`;
    if (item.type !== 'object') throw syntaxError('a statement is an object', path);
    return { node: item, path };
  });
}
