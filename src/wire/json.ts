import { isUtf8 } from 'node:buffer';
import { KmsError } from '../errors.ts';

/** The API's deepest input has three levels. */
const deepest = 32;

function refuse(message: string): KmsError {
  return new KmsError('SerializationException', message);
}

const repeated = () => refuse('The request body repeats a member.');
const badName = () => refuse('The request body has a member whose name is not allowed.');
const tooDeep = () => refuse('The request body is nested too deeply.');

/**
 * Reads a request body: one JSON object (RFC 8259) in UTF-8, stricter than JSON.parse so that whoever checked the
 * same bytes before with another parser saw the same request. Refused are repeated members, `__proto__` members
 * and strings with lone surrogates (in a ciphertext's AAD they would collide with U+FFFD).
 * @throws KmsError SerializationException
 */
export function parseBody(body: Buffer): Record<string, unknown> {
  if (!isUtf8(body)) throw refuse('The request body is not valid UTF-8.');
  const text = body.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('The request body is not valid JSON.');
  }
  const escaped = text.includes('\\');
  if (escaped) value = new EscapedReader(text).read();
  if (!isObject(value)) throw refuse('The request body is not a JSON object.');
  // JSON.parse keeps the last of repeated members: then there are more colons than members. Lone surrogates need
  // no look where nothing is escaped: UTF-8 has none.
  if (!escaped && countMembers(value, 0) !== countColons(text)) throw repeated();
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function countMembers(value: Record<string, unknown> | unknown[], depth: number): number {
  if (depth === deepest) throw tooDeep();
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (isNested(item)) members += countMembers(item, depth + 1);
    return members;
  }
  for (const name of Object.keys(value)) {
    if (name === '__proto__') throw badName();
    members++;
    const member = value[name];
    if (isNested(member)) members += countMembers(member, depth + 1);
  }
  return members;
}

function isNested(value: unknown): value is Record<string, unknown> | unknown[] {
  return typeof value === 'object' && value !== null;
}

/** Counts the colons outside strings in valid JSON without escapes: one for each member. */
function countColons(text: string): number {
  let colons = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x22) i = text.indexOf('"', i + 1);
    else if (unit === 0x3a) colons++;
  }
  return colons;
}

/**
 * Takes JSON that is known to be valid apart, as strictly, and has JSON.parse read its strings one by one. JSON.parse of V8 from
 * 12.8 on can read a member's escaped name as another (`\u0062` as `\`) once any object with a backslash in a name
 * has been seen (nodejs/node#63785): one caller could then change what encryption context another's request has.
 */
class EscapedReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(depth = 0): unknown {
    switch (this.#peek()) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      default:
        return this.#literal();
    }
  }

  /** @returns the next character that is not white space */
  #peek(): string {
    let unit = this.#text.charCodeAt(this.#at);
    while (unit === 0x20 || unit === 0x0a || unit === 0x0d || unit === 0x09) {
      unit = this.#text.charCodeAt(++this.#at);
    }
    return this.#text.charAt(this.#at);
  }

  #object(depth: number): Record<string, unknown> {
    if (depth === deepest) throw tooDeep();
    const object: Record<string, unknown> = {};
    while (this.#next('}')) {
      const name = this.#string();
      if (name === '__proto__') throw badName();
      if (Object.hasOwn(object, name)) throw repeated();
      this.#next(':');
      object[name] = this.read(depth + 1);
    }
    return object;
  }

  #array(depth: number): unknown[] {
    if (depth === deepest) throw tooDeep();
    const array: unknown[] = [];
    while (this.#next(']')) array.push(this.read(depth + 1));
    return array;
  }

  /** Steps over the bracket, comma or colon before the next item. @returns false where `end` closes instead */
  #next(end: string): boolean {
    const opening = this.#peek();
    if (opening === '{' || opening === '[' || opening === ',' || opening === ':') this.#at++;
    if (this.#peek() !== end) return true;
    this.#at++;
    return false;
  }

  #string(): string {
    const from = this.#at;
    for (this.#at++; this.#text.charCodeAt(this.#at) !== 0x22; this.#at++) {
      if (this.#text.charCodeAt(this.#at) === 0x5c) this.#at++;
    }
    this.#at++;
    const text = String(JSON.parse(this.#text.slice(from, this.#at)));
    if (!text.isWellFormed()) throw refuse('The request body has a string that is not well-formed Unicode.');
    return text;
  }

  #literal(): unknown {
    const from = this.#at;
    while (this.#at < this.#text.length && !' \n\r\t,]}'.includes(this.#text.charAt(this.#at))) this.#at++;
    return JSON.parse(this.#text.slice(from, this.#at));
  }
}
