import { syntaxError } from './error.ts';

/** Line and column count from 1; the column in UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where an object stands in its text: just behind its opening and its closing brace, as AWS's simulator counts. */
export interface Span {
  readonly start: Position;
  readonly end: Position;
}

export type JsonNode =
  | { readonly type: 'string'; readonly value: string }
  /** As written: a policy's numbers are texts to be compared later. */
  | { readonly type: 'number'; readonly text: string }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'null' }
  | { readonly type: 'array'; readonly items: readonly JsonNode[] }
  | JsonObject;

export interface JsonObject {
  readonly type: 'object';
  readonly members: ReadonlyMap<string, JsonNode>;
  readonly span: Span;
}

/** A policy has six levels: document, statements, statement, condition, operator, values. */
const deepest = 12;

const whiteSpace = /[ \n\r\t]*/y;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** RFC 8259 §7: no control characters inside a string. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const string = /"(?:[^"\\\u0000-\u001f]|\\.)*"/sy;

/**
 * Reads JSON (RFC 8259) strictly: repeated members, `__proto__` and lone surrogates are refused, so that nobody who
 * read the same text with another parser saw another policy. Objects become maps, which have no prototype to
 * pollute, and JSON.parse never sees a member's name inside an object (V8 from 12.8 on misreads names with escapes,
 * nodejs/node#63785).
 * @throws PolicyError
 */
export function readJson(text: string): JsonNode {
  return new Reader(text).document();
}

class Reader {
  readonly #text: string;
  #at = 0;
  /** Offset of the line that `#positionAt` was last asked about, and its number: positions are asked for in order. */
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): JsonNode {
    const value = this.#value(0, '');
    this.#skip();
    if (this.#at !== this.#text.length) throw this.#unexpected('');
    return value;
  }

  #value(depth: number, path: string): JsonNode {
    this.#skip();
    switch (this.#text.charAt(this.#at)) {
      case '{':
        return this.#object(depth, path);
      case '[':
        return this.#array(depth, path);
      case '"':
        return { type: 'string', value: this.#string(path) };
      case 't':
        return this.#word('true', { type: 'boolean', value: true }, path);
      case 'f':
        return this.#word('false', { type: 'boolean', value: false }, path);
      case 'n':
        return this.#word('null', { type: 'null' }, path);
      default:
        return { type: 'number', text: this.#match(number, path) };
    }
  }

  #object(depth: number, path: string): JsonObject {
    if (depth === deepest) throw syntaxError('the document is nested too deeply', path);
    this.#at++;
    const start = this.#position();
    const members = new Map<string, JsonNode>();
    if (!this.#take('}')) {
      do {
        this.#skip();
        const name = this.#string(path);
        if (name === '__proto__') throw syntaxError('an element may not be named `__proto__`', path);
        const inner = path === '' ? name : `${path}.${name}`;
        if (members.has(name)) throw syntaxError('the element is repeated', inner);
        if (!this.#take(':')) throw this.#unexpected(path);
        members.set(name, this.#value(depth + 1, inner));
      } while (this.#take(','));
      if (!this.#take('}')) throw this.#unexpected(path);
    }
    return { type: 'object', members, span: { start, end: this.#position() } };
  }

  #array(depth: number, path: string): JsonNode {
    if (depth === deepest) throw syntaxError('the document is nested too deeply', path);
    this.#at++;
    const items: JsonNode[] = [];
    if (!this.#take(']')) {
      do items.push(this.#value(depth + 1, `${path}[${items.length}]`));
      while (this.#take(','));
      if (!this.#take(']')) throw this.#unexpected(path);
    }
    return { type: 'array', items };
  }

  #string(path: string): string {
    const token = this.#match(string, path);
    if (!token.includes('\\')) {
      if (!token.isWellFormed()) throw syntaxError('a string is not well-formed Unicode', path);
      return token.slice(1, -1);
    }
    let value: unknown;
    try {
      value = JSON.parse(token);
    } catch {
      throw syntaxError('a string has an escape that JSON does not know', path);
    }
    if (typeof value !== 'string' || !value.isWellFormed()) {
      throw syntaxError('a string is not well-formed Unicode', path);
    }
    return value;
  }

  #word(word: string, node: JsonNode, path: string): JsonNode {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected(path);
    this.#at += word.length;
    return node;
  }

  #match(pattern: RegExp, path: string): string {
    pattern.lastIndex = this.#at;
    const [token] = pattern.exec(this.#text) ?? [];
    if (token === undefined || token === '') throw this.#unexpected(path);
    this.#at += token.length;
    return token;
  }

  /** Steps over white space and then over `character`, if it is the next. */
  #take(character: string): boolean {
    this.#skip();
    if (this.#text.charAt(this.#at) !== character) return false;
    this.#at++;
    return true;
  }

  #skip(): void {
    whiteSpace.lastIndex = this.#at;
    whiteSpace.test(this.#text);
    this.#at = whiteSpace.lastIndex;
  }

  #position(): Position {
    for (;;) {
      const newline = this.#text.indexOf('\n', this.#lineStart);
      if (newline === -1 || newline >= this.#at) break;
      this.#line++;
      this.#lineStart = newline + 1;
    }
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  #unexpected(path: string): Error {
    const { line, column } = this.#position();
    return syntaxError(`the text is not JSON at line ${line}, column ${column}`, path);
  }
}
