import { isUtf8 } from 'node:buffer';
import { KmsError } from '../errors.ts';

/** `SimulateCustomPolicy` has the longest inputs that make sense: a hundred of everything. */
const mostParameters = 2_000;
/** Names between the dots: `Tags.member.12.Key` has four, and the deepest input of IAM six. */
const deepest = 12;

/** A request of the AWS Query protocol, by what it says of itself. */
export interface QueryRequest {
  readonly action: string | undefined;
  readonly version: string | undefined;
  /** Without both: strings, lists as arrays, structures and maps as objects. An empty list is the empty string. */
  readonly input: Record<string, unknown>;
}

function refuse(message: string): KmsError {
  return new KmsError('SerializationException', message);
}

/**
 * Reads a body of the AWS Query protocol: `Name=value` pairs with `&` between, percent-encoded (URL standard,
 * `application/x-www-form-urlencoded`), where `A.member.1.B` is member `B` of the first item of list `A`, and
 * `A.entry.1.key` with `A.entry.1.value` the first pair of map `A`. Strict, so that nothing can be said twice or
 * in two ways: repeated names, lists with gaps and names that no model of AWS has are refused.
 * @throws KmsError SerializationException
 */
export function parseQueryBody(body: Buffer): QueryRequest {
  if (!isUtf8(body)) throw refuse('The request body is not valid UTF-8.');
  const root: Branch = new Map();
  let count = 0;
  for (const pair of body.toString('utf8').split('&')) {
    if (pair === '') continue;
    count += 1;
    if (count > mostParameters) throw refuse(`The request has more than ${mostParameters} parameters.`);
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    place(root, name, equals < 0 ? '' : decode(pair.slice(equals + 1)));
  }
  const action = take(root, 'Action');
  const version = take(root, 'Version');
  return { action, version, input: structure(root) };
}

/** @throws KmsError also where what was encoded is no UTF-8: decodeURIComponent knows neither overlong nor surrogate forms */
function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw refuse('The request body holds a broken percent-encoding.');
  }
}

type Branch = Map<string, Branch | string>;

/** What stands between dots: a member's name, or an index without leading zeros. `__proto__` is none. */
const part = /^(?:[A-Za-z][A-Za-z0-9]{0,127}|[1-9][0-9]{0,3})$/;

function place(root: Branch, name: string, value: string): void {
  const path = name.split('.', deepest + 1);
  if (path.length > deepest) throw refuse('The request has a parameter that is nested too deeply.');
  const last = path.pop() ?? '';
  let branch = root;
  for (const step of path) {
    const next = branch.get(step);
    if (typeof next === 'string') throw twice();
    if (next !== undefined) {
      branch = next;
      continue;
    }
    if (!part.test(step)) throw badName();
    const made: Branch = new Map();
    branch.set(step, made);
    branch = made;
  }
  if (!part.test(last)) throw badName();
  if (branch.has(last)) throw twice();
  branch.set(last, value);
}

const twice = () => refuse('The request has a parameter twice.');
const badName = () => refuse('The request has a parameter whose name is not allowed.');
const badList = () => refuse('The request has a list whose items are not numbered from 1 on.');
const badMap = () => refuse('The request has a map whose entries are not a key and a value each.');

function take(root: Branch, name: string): string | undefined {
  const value = root.get(name);
  if (typeof value === 'object') throw badName();
  root.delete(name);
  return value;
}

function read(branch: Branch | string): unknown {
  if (typeof branch === 'string') return branch;
  if (branch.size === 1) {
    const items = branch.get('member');
    if (typeof items === 'object') return numbered(items).map(read);
    const entries = branch.get('entry');
    if (typeof entries === 'object') return map(numbered(entries));
  }
  return structure(branch);
}

function structure(branch: Branch): Record<string, unknown> {
  return Object.fromEntries(
    [...branch].map(([name, value]) => {
      if (!/^[A-Za-z]/.test(name)) throw badName();
      return [name, read(value)];
    }),
  );
}

/** The items in the order of their numbers, which are 1, 2, 3 and so on. */
function numbered(branch: Branch): (Branch | string)[] {
  return Array.from({ length: branch.size }, (_, index) => {
    const item = branch.get(String(index + 1));
    if (item === undefined) throw badList();
    return item;
  });
}

function map(entries: readonly (Branch | string)[]): Record<string, unknown> {
  const pairs = new Map<string, unknown>();
  for (const entry of entries) {
    if (typeof entry === 'string' || entry.size !== 2) throw badMap();
    const key = entry.get('key');
    const value = entry.get('value');
    if (typeof key !== 'string' || value === undefined) throw badMap();
    if (key === '__proto__') throw badName();
    if (pairs.has(key)) throw twice();
    pairs.set(key, read(value));
  }
  return Object.fromEntries(pairs);
}
