/** Native search may compare this many characters at each place; beyond, tables keep the time linear. */
const short = 32;

/** Characters that follow each other, some of which may be any (`?`). */
export class Run {
  readonly length: number;
  /** The text, where no character may be any. */
  readonly plain: string | undefined;
  readonly #text: string;
  readonly #holes: ReadonlySet<number>;
  #borders: Int32Array | undefined;

  constructor(text: string, holes: readonly number[]) {
    this.#text = text;
    this.#holes = new Set(holes);
    this.length = text.length;
    this.plain = holes.length === 0 ? text : undefined;
  }

  /** Whether the run stands in `text` at `at`. */
  at(text: string, at: number): boolean {
    if (this.plain !== undefined) return text.startsWith(this.plain, at);
    for (let i = 0; i < this.length; i++) {
      if (text.charCodeAt(at + i) !== this.#text.charCodeAt(i) && !this.#holes.has(i)) return false;
    }
    return true;
  }

  /** Where the run first stands in `text` between `from` and `end`; -1 where it doesn't. */
  find(text: string, from: number, end: number): number {
    if (end - from < this.length) return -1;
    if (this.length <= short) return this.#findShort(text, from, end);
    return this.plain === undefined ? this.#findWithHoles(text, from, end) : this.#findLong(text, from, end);
  }

  #findShort(text: string, from: number, end: number): number {
    if (this.plain !== undefined) {
      const found = text.indexOf(this.plain, from);
      return found + this.length <= end ? found : -1;
    }
    for (let at = from; at + this.length <= end; at++) if (this.at(text, at)) return at;
    return -1;
  }

  /** Knuth, Morris, Pratt. */
  #findLong(text: string, from: number, end: number): number {
    this.#borders ??= borders(this.#text);
    let matched = 0;
    for (let at = from; at < end; at++) {
      const unit = text.charCodeAt(at);
      while (matched > 0 && this.#text.charCodeAt(matched) !== unit)
        matched = this.#borders[matched - 1] ?? 0;
      if (this.#text.charCodeAt(matched) === unit) matched++;
      if (matched === this.length) return at + 1 - this.length;
    }
    return -1;
  }

  /** Shift-And (Baeza-Yates, Gonnet): 32 places of the run advance at a time. */
  #findWithHoles(text: string, from: number, end: number): number {
    const words = (this.length + 31) >>> 5;
    const masks = this.#masks(words);
    const rest = masks.get(-1) ?? new Int32Array(words);
    const state = new Int32Array(words);
    const lastWord = words - 1;
    const lastBit = 1 << ((this.length - 1) & 31);
    for (let at = from; at < end; at++) {
      const mask = masks.get(text.charCodeAt(at)) ?? rest;
      let carry = 1;
      for (let word = 0; word < words; word++) {
        const old = state[word] ?? 0;
        state[word] = ((old << 1) | carry) & (mask[word] ?? 0);
        carry = old >>> 31;
      }
      if (((state[lastWord] ?? 0) & lastBit) !== 0) return at + 1 - this.length;
    }
    return -1;
  }

  /** For each character of the run the places where it may stand; -1 for all other characters. */
  #masks(words: number): Map<number, Int32Array> {
    const holes = new Int32Array(words);
    for (const at of this.#holes) holes[at >>> 5] = (holes[at >>> 5] ?? 0) | (1 << (at & 31));
    const masks = new Map([[-1, holes]]);
    for (let at = 0; at < this.length; at++) {
      if (this.#holes.has(at)) continue;
      const unit = this.#text.charCodeAt(at);
      const mask = masks.get(unit) ?? holes.slice();
      masks.set(unit, mask);
      mask[at >>> 5] = (mask[at >>> 5] ?? 0) | (1 << (at & 31));
    }
    return masks;
  }
}

/** For each prefix of `text`, the length of the longest proper prefix that also ends it. */
function borders(text: string): Int32Array {
  const table = new Int32Array(text.length);
  let length = 0;
  for (let at = 1; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    while (length > 0 && text.charCodeAt(length) !== unit) length = table[length - 1] ?? 0;
    if (text.charCodeAt(length) === unit) length++;
    table[at] = length;
  }
  return table;
}
