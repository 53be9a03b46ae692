import { hash } from 'node:crypto';

const block = 64;

/**
 * HMAC-SHA-256 (RFC 2104) with a key that stays: made of two one-shot hashes over pads that are prepared once.
 * node:crypto's createHmac sets up a stream object and an OpenSSL context for every call, which costs a third of a
 * signature's verification.
 */
export class Hmac {
  readonly #inner: Buffer;
  readonly #outer: Buffer;

  /** @param key 1 to 64 bytes, copied into the pads and not kept */
  constructor(key: Buffer) {
    if (key.length > block)
      throw new RangeError('an HMAC key of more than a block would have to be hashed first');
    this.#inner = Buffer.alloc(block + 512);
    this.#outer = Buffer.alloc(block + 32);
    for (let i = 0; i < block; i++) {
      const byte = key[i] ?? 0;
      this.#inner[i] = byte ^ 0x36;
      this.#outer[i] = byte ^ 0x5c;
    }
  }

  /** @param text each character one byte @returns 64 hex digits */
  hex(text: string): string {
    const fits = block + text.length <= this.#inner.length;
    const message = fits ? this.#inner : Buffer.alloc(block + text.length);
    if (!fits) this.#inner.copy(message, 0, 0, block);
    const end = block + message.write(text, block, 'latin1');
    this.#outer.write(hash('sha256', message.subarray(0, end), 'latin1'), block, 'latin1');
    if (!fits) message.fill(0);
    return hash('sha256', this.#outer, 'hex');
  }

  /** Overwrites the pads: nothing may be made with them after that, for anybody could have made it. */
  destroy(): void {
    this.#inner.fill(0);
    this.#outer.fill(0);
  }
}
