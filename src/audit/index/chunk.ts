import { randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type LookupKey, lookupKeys, scopeOf, timeOf, valuesOf } from './facts.ts';

/**
 * A piece of the index: of some thousand consecutive lines of a segment, what each record can be found by. Values are
 * kept as 32-bit hashes, so a hit is a hint that the record itself has to confirm; what is no hit is none for certain.
 *
 *     header 64 B ‖ columns ‖ postings, all numbers little-endian
 *
 * A column has 4 B a record: `time` in seconds, `offset` from where the piece begins in the segment, `length` in bytes,
 * `sequence` from that of the piece's first line, and the hashes of scope and attributes, 0 for none. Postings are for
 * attributes that have several values: the record's row and the hash, 4 B each.
 */

/** Records in a piece, at most. */
export const chunkRows = 2_048;
/** And bytes of the segment. */
export const chunkBytes = 8 * 1024 * 1024;

export const headerBytes = 64;
const checksumAt = 60;
const magic = 0x31_58_49_43;

const columns = ['time', 'offset', 'length', 'sequence', 'scope'] as const;
type Column = (typeof columns)[number];
const single: readonly LookupKey[] = lookupKeys.slice(0, 6);
const columnCount = columns.length + single.length;

export interface ChunkHeader {
  readonly rows: number;
  readonly postings: number;
  /** Of the chunk, with its header. */
  readonly bytes: number;
  /** What of the segment it speaks for. */
  readonly from: number;
  readonly to: number;
  readonly firstSequence: number;
  readonly minTime: number;
  readonly maxTime: number;
  readonly seed: number;
  readonly checksum: number;
}

export interface Row {
  readonly time: number;
  /** In the segment. */
  readonly offset: number;
  readonly length: number;
  readonly sequence: number;
}

/** Drawn by each process: nobody outside can make values whose hashes meet. */
const ownSeed = randomInt(2 ** 32);

/** FNV-1a over UTF-16 units, from a seed. @returns never 0 */
export function hashText(seed: number, text: string): number {
  let hash = seed;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01_00_01_93);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c_1b_3c_6d);
  return (hash ^ (hash >>> 13)) >>> 0 || 1;
}

/** An attribute's value, told apart from the same value of another. */
export function hashValue(seed: number, key: LookupKey, value: string): number {
  return hashText(seed ^ Math.imul(lookupKeys.indexOf(key) + 1, 0x9e_37_79_b9), value);
}

/** Gathers a chunk, line by line. */
export class ChunkBuilder {
  readonly from: number;
  to: number;
  #rows = 0;
  #firstSequence = 0;
  #minTime = 2 ** 32 - 1;
  #maxTime = 0;
  readonly #columns = Array.from({ length: columnCount }, () => new Uint32Array(chunkRows));
  readonly #postings: number[] = [];

  /** @param from the first byte in the segment */
  constructor(from: number) {
    this.from = from;
    this.to = from;
  }

  get full(): boolean {
    return this.#rows === chunkRows || this.to - this.from >= chunkBytes;
  }

  /** A line without a record. @param bytes with its newline */
  skip(bytes: number): void {
    this.to += bytes;
  }

  /** @param length of the line, without its newline */
  add(record: Readonly<Record<string, unknown>>, sequence: number, length: number): void {
    const row = this.#rows;
    if (row === 0) this.#firstSequence = sequence;
    const time = timeOf(record);
    this.#minTime = Math.min(this.#minTime, time);
    this.#maxTime = Math.max(this.#maxTime, time);
    const scope = hashText(ownSeed, scopeOf(record));
    const values = [time, this.to - this.from, length, sequence - this.#firstSequence, scope];
    for (const key of single) {
      const [value] = valuesOf(record, key);
      values.push(value === undefined ? 0 : hashValue(ownSeed, key, value));
    }
    for (const [index, column] of this.#columns.entries()) column[row] = values[index] ?? 0;
    for (const key of ['ResourceType', 'ResourceName'] as const) {
      for (const value of valuesOf(record, key)) this.#postings.push(row, hashValue(ownSeed, key, value));
    }
    this.#rows += 1;
    this.to += length + 1;
  }

  /** @returns the chunk as it is so far, and its bytes */
  finish(): { readonly chunk: Chunk; readonly bytes: Buffer } {
    const rows = this.#rows;
    const bytes = headerBytes + 4 * (rows * columnCount + this.#postings.length);
    const buffer = Buffer.alloc(bytes);
    buffer.writeUInt32LE(magic, 0);
    buffer.writeUInt32LE(rows, 4);
    buffer.writeUInt32LE(this.#postings.length / 2, 8);
    buffer.writeUInt32LE(bytes, 12);
    buffer.writeBigUInt64LE(BigInt(this.from), 16);
    buffer.writeBigUInt64LE(BigInt(this.to), 24);
    buffer.writeBigUInt64LE(BigInt(this.#firstSequence), 32);
    buffer.writeUInt32LE(this.#minTime, 40);
    buffer.writeUInt32LE(this.#maxTime, 44);
    buffer.writeUInt32LE(ownSeed, 48);
    let at = headerBytes;
    for (const column of this.#columns) {
      for (let row = 0; row < rows; row += 1) at = buffer.writeUInt32LE(column[row] ?? 0, at);
    }
    for (const number of this.#postings) at = buffer.writeUInt32LE(number, at);
    buffer.writeUInt32LE(checksum(buffer), checksumAt);
    const header = parseHeader(buffer);
    if (header === undefined) throw new Error('a chunk has a header');
    return { chunk: new Chunk(header, buffer), bytes: buffer };
  }
}

/** @returns `undefined` where that is none */
export function parseHeader(bytes: Buffer): ChunkHeader | undefined {
  if (bytes.length < headerBytes || bytes.readUInt32LE(0) !== magic) return undefined;
  const header = {
    rows: bytes.readUInt32LE(4),
    postings: bytes.readUInt32LE(8),
    bytes: bytes.readUInt32LE(12),
    from: Number(bytes.readBigUInt64LE(16)),
    to: Number(bytes.readBigUInt64LE(24)),
    firstSequence: Number(bytes.readBigUInt64LE(32)),
    minTime: bytes.readUInt32LE(40),
    maxTime: bytes.readUInt32LE(44),
    seed: bytes.readUInt32LE(48),
    checksum: bytes.readUInt32LE(checksumAt),
  };
  const expected = headerBytes + 4 * (header.rows * columnCount + 2 * header.postings);
  return header.rows <= chunkRows && header.bytes === expected && header.to > header.from
    ? header
    : undefined;
}

/** CRC-32 of a chunk but for the checksum itself, the last number of its header. */
function checksum(bytes: Buffer): number {
  return crc32(bytes.subarray(headerBytes), crc32(bytes.subarray(0, checksumAt)));
}

/** What a scan looks for. */
export interface Sought {
  readonly scope: string;
  readonly attribute: { readonly key: LookupKey; readonly value: string } | undefined;
  /** Seconds since the epoch, both ends included. */
  readonly from: number;
  readonly to: number;
}

export class Chunk {
  readonly header: ChunkHeader;
  readonly #numbers: Uint32Array;

  /** @param bytes with the header, of the length it says */
  constructor(header: ChunkHeader, bytes: Buffer) {
    this.header = header;
    // A copy: a pooled buffer needn't lie on a multiple of four. Every platform that Node has is little-endian.
    this.#numbers = new Uint32Array(new Uint8Array(bytes.subarray(headerBytes)).buffer);
  }

  /** @returns the chunk whose bytes these are, if they are whole */
  static read(bytes: Buffer): Chunk | undefined {
    const header = parseHeader(bytes);
    if (header === undefined || header.bytes !== bytes.length) return undefined;
    return checksum(bytes) === header.checksum ? new Chunk(header, bytes) : undefined;
  }

  /** @param found told the rows that may be what is sought, and all that are, in no order */
  scan(sought: Sought, found: (row: Row) => void): void {
    const { rows, seed, minTime, maxTime } = this.header;
    if (maxTime < sought.from || minTime > sought.to) return;
    const scope = hashText(seed, sought.scope);
    const scopes = this.#column('scope');
    const times = this.#column('time');
    const take = (row: number) => {
      const time = times[row] ?? 0;
      if (scopes[row] === scope && time >= sought.from && time <= sought.to) found(this.#row(row, time));
    };
    const { attribute } = sought;
    if (attribute === undefined) {
      for (let row = 0; row < rows; row += 1) take(row);
      return;
    }
    const hash = hashValue(seed, attribute.key, attribute.value);
    const index = single.indexOf(attribute.key);
    if (index !== -1) {
      const values = this.#numbersOf(columns.length + index);
      for (let row = 0; row < rows; row += 1) if (values[row] === hash) take(row);
      return;
    }
    const postings = this.#numbers.subarray(rows * columnCount);
    for (let i = 1; i < postings.length; i += 2) if (postings[i] === hash) take(postings[i - 1] ?? 0);
  }

  #row(row: number, time: number): Row {
    const { from, firstSequence } = this.header;
    return {
      time,
      offset: from + (this.#column('offset')[row] ?? 0),
      length: this.#column('length')[row] ?? 0,
      sequence: firstSequence + (this.#column('sequence')[row] ?? 0),
    };
  }

  #column(name: Column): Uint32Array {
    return this.#numbersOf(columns.indexOf(name));
  }

  #numbersOf(column: number): Uint32Array {
    const { rows } = this.header;
    return this.#numbers.subarray(column * rows, (column + 1) * rows);
  }
}
