/** How a client reads the results of its requests. Each copies what it needs: the buffer is used again. */

import type { ImportResult } from '../keys/hsm.ts';
import { fingerprintBytes } from './request-import.ts';

/** Reads a result from `buffer[start..end]`; `undefined` where it is malformed. */
export type ReadResult<T> = (buffer: Buffer, start: number, end: number) => T | undefined;

export function readNothing(_buffer: Buffer, start: number, end: number): true | undefined {
  return start === end ? true : undefined;
}

export function readBoolean(buffer: Buffer, start: number, end: number): boolean | undefined {
  return end - start === 1 ? buffer[start] === 1 : undefined;
}

export function readBytes(buffer: Buffer, start: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafe(end - start);
  buffer.copy(bytes, 0, start, end);
  return bytes;
}

export function readDataKey(
  buffer: Buffer,
  start: number,
  end: number,
): { plaintext: Buffer; blob: Buffer } | undefined {
  const pair = readPair(buffer, start, end);
  return pair && { plaintext: pair[0], blob: pair[1] };
}

export function readSecret(
  buffer: Buffer,
  start: number,
  end: number,
): { secret: Buffer; sealed: Buffer } | undefined {
  const pair = readPair(buffer, start, end);
  return pair && { secret: pair[0], sealed: pair[1] };
}

export function readDataKeyPair(
  buffer: Buffer,
  start: number,
  end: number,
): { publicKey: Buffer; privateKeyPlaintext: Buffer; privateKeyBlob: Buffer } | undefined {
  if (end - start < 2) return undefined;
  const middle = start + 2 + buffer.readUInt16BE(start);
  const rest = middle > end ? undefined : readPair(buffer, middle, end);
  return (
    rest && {
      publicKey: readBytes(buffer, start + 2, middle),
      privateKeyPlaintext: rest[0],
      privateKeyBlob: rest[1],
    }
  );
}

export function readPublicAndBlob(
  buffer: Buffer,
  start: number,
  end: number,
): { publicKey: Buffer; privateKeyBlob: Buffer } | undefined {
  const pair = readPair(buffer, start, end);
  return pair && { publicKey: pair[0], privateKeyBlob: pair[1] };
}

export function readWrappingKey(
  buffer: Buffer,
  start: number,
  end: number,
): { publicKey: Buffer; inToken: boolean } | undefined {
  if (end - start < 2) return undefined;
  return { inToken: buffer[start] === 1, publicKey: readBytes(buffer, start + 1, end) };
}

/** Imported 1 B ‖ in the token 1 B ‖ fingerprint 32 B ‖ public key, of a pair. */
export function readImport(buffer: Buffer, start: number, end: number): ImportResult | undefined {
  const publicAt = start + 2 + fingerprintBytes;
  if (end < publicAt) return undefined;
  return {
    imported: buffer[start] === 1,
    inToken: buffer[start + 1] === 1,
    fingerprint: readBytes(buffer, start + 2, publicAt),
    ...(end > publicAt && { publicKey: readBytes(buffer, publicAt, end) }),
  };
}

/** What the other tier, which proved that it knows the secret, says in JSON is taken at its word. */
export function readJson<T>(buffer: Buffer, start: number, end: number): T | undefined {
  try {
    return JSON.parse(buffer.toString('utf8', start, end));
  } catch {
    return undefined;
  }
}

/** The first after its length (2 B), then the second. */
function readPair(buffer: Buffer, start: number, end: number): [Buffer, Buffer] | undefined {
  if (end - start < 2) return undefined;
  const middle = start + 2 + buffer.readUInt16BE(start);
  return middle > end ? undefined : [readBytes(buffer, start + 2, middle), readBytes(buffer, middle, end)];
}
