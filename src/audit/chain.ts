import { type Head, hashLine, type Link, linkBytes, type Mark, renderMark, renderRecordEnd } from './line.ts';

/**
 * Lays the lines of one group out in a buffer, each chained to the one before. The buffer is used again for the
 * next group.
 */
export class Chain {
  readonly stream: string;
  #sequence: number;
  #hash: string;
  #buffer = Buffer.allocUnsafe(256 * 1024);
  #length = 0;

  constructor(stream: string, head: Head) {
    this.stream = stream;
    this.#sequence = head.sequence;
    this.#hash = head.hash;
  }

  /** Forgets the lines laid out and goes back to where the chain stood. */
  begin(head: Head): void {
    this.#sequence = head.sequence;
    this.#hash = head.hash;
    this.#length = 0;
  }

  get head(): Head {
    return { sequence: this.#sequence, hash: this.#hash };
  }

  /** The link of the line to come. */
  get next(): Link {
    return { stream: this.stream, sequence: this.#sequence + 1, previous: this.#hash };
  }

  /** The lines laid out since `begin`: a view, good until the next `begin`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** @param json a record as one JSON object that is not empty */
  addRecord(json: string): void {
    this.#reserve(json.length);
    const start = this.#length;
    // The link's text takes the place of the closing brace: no string is built of the whole line.
    const brace = start + this.#buffer.write(json, start, 'utf8') - 1;
    const end = renderRecordEnd(this.stream, this.#sequence + 1, this.#hash);
    this.#finish(start, brace + this.#buffer.write(end, brace, 'latin1'));
  }

  addMark(mark: Mark): void {
    const text = renderMark(this.next, mark);
    this.#reserve(text.length);
    const start = this.#length;
    this.#finish(start, start + this.#buffer.write(text, start, 'utf8'));
  }

  #finish(start: number, end: number): void {
    this.#hash = hashLine(this.#buffer.subarray(start, end));
    this.#sequence += 1;
    this.#buffer[end] = 0x0a;
    this.#length = end + 1;
  }

  /** Makes room for a line of so many UTF-16 units: each takes three bytes of UTF-8 at most. */
  #reserve(units: number): void {
    const needed = this.#length + 3 * units + linkBytes;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(2 * needed);
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
