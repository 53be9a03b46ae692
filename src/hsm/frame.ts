/**
 * Frames between client and host.
 *
 *     length of what follows 4 B ‖ code 1 B ‖ request id 6 B ‖ body
 *
 * The code of a request names its operation, that of an answer its outcome. Numbers are big-endian. A host
 * answers in the order of the requests. Whatever isn't exactly of this shape closes the connection.
 */
import { writeMaterial } from '../keys/ciphertext.ts';
import type { MaterialRef } from '../keys/hsm.ts';

export const prefixBytes = 4;
export const frameHeaderBytes = 11;
/** What follows the length of a request: contexts, plaintext and blob at their largest. */
export const requestLimit = 1024 * 1024;
/** What follows the length of an answer: the list of a token's objects. */
export const answerLimit = 64 * 1024 * 1024;

/**
 * Gathers frames into one buffer, so that a turn of the event loop makes one write.
 * INVARIANT: what was taken from a writer is zeroed once it is written; it may have held plaintext.
 */
export class FrameWriter {
  #buffer = Buffer.allocUnsafeSlow(initialBytes);
  #length = 0;
  #start = 0;

  /** How many bytes are gathered. */
  get length(): number {
    return this.#length;
  }

  /** Begins a frame. @param size the body's, at most */
  begin(code: number, id: number, size: number): void {
    const start = this.#length;
    const needed = start + frameHeaderBytes + size;
    if (needed > this.#buffer.length) this.#grow(needed);
    const buffer = this.#buffer;
    buffer[start + 4] = code;
    buffer.writeUInt16BE(Math.floor(id / 0x1_0000_0000), start + 5);
    buffer.writeUInt32BE(id >>> 0, start + 7);
    this.#start = start;
    this.#length = start + frameHeaderBytes;
  }

  /** Ends the frame that was begun. */
  end(): void {
    this.#buffer.writeUInt32BE(this.#length - this.#start - prefixBytes, this.#start);
  }

  /** Takes back what was gathered after `length` bytes. */
  rewind(length: number): void {
    this.#buffer.fill(0, length, this.#length);
    this.#length = length;
  }

  u8(value: number): void {
    this.#buffer[this.#length++] = value;
  }

  u16(value: number): void {
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  u32(value: number): void {
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
  }

  bytes(source: Buffer, start = 0, end: number = source.length): void {
    this.#length += source.copy(this.#buffer, this.#length, start, end);
  }

  /** @throws RangeError where it isn't a UUID and 32 hex digits */
  material(material: MaterialRef): void {
    writeMaterial(this.#buffer, this.#length, material.keyId, material.materialId);
    this.#length += 32;
  }

  text(value: string): void {
    this.#length += this.#buffer.write(value, this.#length, 'utf8');
  }

  /** The next bytes of the frame, to be written by a callee; follow with `skip`. */
  room(size: number): Buffer {
    return this.#buffer.subarray(this.#length, this.#length + size);
  }

  skip(size: number): void {
    this.#length += size;
  }

  /** Writes what is gathered, if anything, and starts anew. */
  flush(socket: Socket): void {
    if (this.#length === 0) return;
    const chunk = this.#buffer.subarray(0, this.#length);
    this.#length = 0;
    let mine = true;
    socket.write(chunk, () => {
      if (!mine) chunk.fill(0);
    });
    if (socket.writableLength === 0) {
      // The kernel took it all within the call: the buffer is free again.
      chunk.fill(0);
      if (this.#buffer.length > initialBytes) this.#buffer = Buffer.allocUnsafeSlow(initialBytes);
    } else {
      mine = false;
      this.#buffer = Buffer.allocUnsafeSlow(initialBytes);
    }
  }

  /** Drops what is gathered. */
  clear(): void {
    this.#buffer.fill(0, 0, this.#length);
    this.#length = 0;
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(needed)));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer.fill(0, 0, this.#length);
    this.#buffer = larger;
  }
}

const initialBytes = 64 * 1024;

/** As much of a socket as a writer needs. */
interface Socket {
  readonly writableLength: number;
  write(chunk: Buffer, callback: () => void): boolean;
}

/** Receives one frame; its body is `buffer[start..end]`, valid only during the call. @returns false to refuse it */
export type OnFrame = (code: number, id: number, buffer: Buffer, start: number, end: number) => boolean;

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  readonly #limit: number;
  readonly #onFrame: OnFrame;
  /** A frame of which a part has come, and how much; what comes of it later is copied once. */
  #partial: Buffer | undefined;
  #filled = 0;

  constructor(limit: number, onFrame: OnFrame) {
    this.#limit = limit;
    this.#onFrame = onFrame;
  }

  /**
   * Takes a chunk, which the caller zeroes afterwards, and hands on each complete frame.
   * @returns false where the stream is malformed or a frame was refused: the connection must be closed
   */
  push(chunk: Buffer): boolean {
    let offset = 0;
    if (this.#filled > 0 && this.#filled < prefixBytes) {
      offset = this.#keep(chunk, 0, prefixBytes);
      if (this.#filled < prefixBytes) return true;
    }
    if (this.#filled > 0) {
      const size = this.#partial === undefined ? undefined : this.#sizeAt(this.#partial, 0);
      if (this.#partial === undefined || size === undefined) return false;
      offset = this.#keep(chunk, offset, size);
      if (this.#filled < size) return true;
      const fine = this.#hand(this.#partial, 0, size);
      this.close();
      if (!fine) return false;
    }
    return this.#cut(chunk, offset);
  }

  /** Zeroes what has come of a frame whose rest won't: the connection is closed. */
  close(): void {
    this.#partial?.fill(0, 0, this.#filled);
    this.#partial = undefined;
    this.#filled = 0;
  }

  #cut(buffer: Buffer, from: number): boolean {
    let offset = from;
    while (buffer.length - offset >= prefixBytes) {
      const size = this.#sizeAt(buffer, offset);
      if (size === undefined) return false;
      if (offset + size > buffer.length) {
        this.#keep(buffer, offset, size);
        return true;
      }
      if (!this.#hand(buffer, offset, offset + size)) return false;
      offset += size;
    }
    if (offset < buffer.length) this.#keep(buffer, offset, prefixBytes);
    return true;
  }

  /** @returns how many bytes the frame at the offset has with its length; `undefined` where none may have as many */
  #sizeAt(buffer: Buffer, offset: number): number | undefined {
    const length = buffer.readUInt32BE(offset);
    return length < frameHeaderBytes - prefixBytes || length > this.#limit ? undefined : prefixBytes + length;
  }

  #hand(buffer: Buffer, offset: number, end: number): boolean {
    const id = buffer.readUInt16BE(offset + 5) * 0x1_0000_0000 + buffer.readUInt32BE(offset + 7);
    return this.#onFrame(buffer[offset + 4] ?? 0, id, buffer, offset + frameHeaderBytes, end);
  }

  /**
   * Keeps what a chunk has, from the offset, of a frame of `size` bytes. Room grows by doubling: as much as a
   * frame announces isn't given on its word.
   * @returns where in the chunk the frame ends
   */
  #keep(chunk: Buffer, offset: number, size: number): number {
    const end = Math.min(chunk.length, offset + size - this.#filled);
    const needed = this.#filled + end - offset;
    const old = this.#partial;
    let room = old;
    if (room === undefined || room.length < needed) {
      room = Buffer.allocUnsafe(Math.min(size, 2 * needed));
      old?.copy(room, 0, 0, this.#filled);
      old?.fill(0, 0, this.#filled);
      this.#partial = room;
    }
    this.#filled += chunk.copy(room, this.#filled, offset, end);
    return end;
  }
}

/** How many complete frames a chunk holds, at most `limit`: what a batch's entropy is drawn for. */
export function countFrames(chunk: Buffer, limit: number): number {
  let count = 0;
  let offset = 0;
  while (count < limit && chunk.length - offset >= prefixBytes) {
    offset += prefixBytes + chunk.readUInt32BE(offset);
    count++;
  }
  return count;
}
