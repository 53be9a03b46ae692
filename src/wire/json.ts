import { isUtf8 } from 'node:buffer';
import { KmsError } from '../errors.ts';

/** The API's deepest input has three levels. */
const deepest = 32;

function refuse(message: string): KmsError {
  return new KmsError('SerializationException', message);
}

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
  if (!isObject(value)) throw refuse('The request body is not a JSON object.');
  // JSON.parse keeps the last of repeated members: then there are more colons than members.
  if (countMembers(value, 0) !== countColons(text)) throw refuse('The request body repeats a member.');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function countMembers(value: object, depth: number): number {
  if (depth === deepest) throw refuse('The request body is nested too deeply.');
  let members = 0;
  if (Array.isArray(value)) {
    for (const item of value) members += checkValue(item, depth);
    return members;
  }
  for (const [name, member] of Object.entries(value)) {
    if (name === '__proto__' || !name.isWellFormed()) {
      throw refuse('The request body has a member whose name is not allowed.');
    }
    members += 1 + checkValue(member, depth);
  }
  return members;
}

function checkValue(value: unknown, depth: number): number {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw refuse('The request body has a string that is not well-formed Unicode.');
    return 0;
  }
  return typeof value === 'object' && value !== null ? countMembers(value, depth + 1) : 0;
}

/** Counts the colons outside strings in valid JSON: one for each member. */
function countColons(text: string): number {
  let colons = 0;
  let i = 0;
  while (i < text.length) {
    const unit = text.charCodeAt(i);
    if (unit === 0x22) {
      i = endOfString(text, i + 1) + 1;
    } else {
      if (unit === 0x3a) colons++;
      i++;
    }
  }
  return colons;
}

/** @param from right after the opening quote @returns where the closing quote stands */
function endOfString(text: string, from: number): number {
  let quote = text.indexOf('"', from);
  while (quote >= 0) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return quote;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length;
}
