/**
 * The canonical form of an encryption context, which the AAD ends with: pairs sorted by the bytes of their
 * keys, each string as its length in bytes (4 B, big-endian) and its UTF-8. No two contexts share a form.
 */

const none = Buffer.alloc(0);

/**
 * @param context names and values; `undefined` is the same as an empty one
 * @returns the canonical bytes, 8 more a pair than its UTF-8
 * @throws TypeError on a lone surrogate, which UTF-8 would turn into U+FFFD and so into another context
 */
export function canonicalContext(context: Readonly<Record<string, string>> | undefined): Buffer {
  if (context === undefined) return none;
  const pairs = Object.entries(context);
  if (pairs.length === 0) return none;
  if (pairs.length > 1) pairs.sort(byKeyBytes);
  let size = 0;
  for (const [key, value] of pairs) {
    if (!key.isWellFormed() || !value.isWellFormed()) {
      throw new TypeError('an encryption context must be well-formed Unicode');
    }
    size += 8 + Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  const bytes = Buffer.allocUnsafe(size);
  let offset = 0;
  for (const [key, value] of pairs) {
    offset = writeString(bytes, offset, key);
    offset = writeString(bytes, offset, value);
  }
  return bytes;
}

function writeString(target: Buffer, offset: number, text: string): number {
  const length = target.write(text, offset + 4, 'utf8');
  target.writeUInt32BE(length, offset);
  return offset + 4 + length;
}

/** By code point, which is the order of UTF-8's bytes and, above U+FFFF, not that of JavaScript's strings. */
function byKeyBytes([a]: readonly [string, string], [b]: readonly [string, string]): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    return surrogatesLast(left) - surrogatesLast(right);
  }
  return a.length - b.length;
}

/** Moves surrogates, and so the code points above U+FFFF, behind U+E000 to U+FFFF. */
function surrogatesLast(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
