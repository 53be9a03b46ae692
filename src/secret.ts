import { inspect } from 'node:util';

/** Bytes that must never be printed. Whoever takes one over zeroes it after use. */
export class Secret {
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The bytes themselves, not a copy. */
  reveal(): Buffer {
    return this.#bytes;
  }

  /** Overwrites the bytes with zeros. */
  destroy(): void {
    this.#bytes.fill(0);
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}
