/**
 * The ciphertext blob, version 1:
 *
 *     version 1 B ‖ key id 16 B ‖ material id 16 B ‖ IV length 1 B ‖ IV 12 B ‖ ciphertext ‖ tag 16 B
 *
 * The AAD is the header (all before the ciphertext) and then the canonical encryption context, so neither a
 * header nor a context can be swapped. Test vectors pin the format: a later version must read it.
 */

export const ciphertextVersion = 1;
export const ivBytes = 12;
export const tagBytes = 16;
/** Version, key id, material id, IV length, IV. */
export const headerBytes = 1 + 16 + 16 + 1 + ivBytes;
/** By how much a blob is longer than its plaintext. */
export const overheadBytes = headerBytes + tagBytes;

export interface CiphertextBlob {
  /** A UUID, lower case. */
  readonly keyId: string;
  /** 32 lower-case hex digits. */
  readonly materialId: string;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
  readonly tag: Buffer;
}

/** Takes a blob apart, without copying; `undefined` where it is none, or has nothing encrypted in it. */
export function parseCiphertext(blob: Buffer): CiphertextBlob | undefined {
  if (!isCiphertext(blob)) return undefined;
  const end = blob.length - tagBytes;
  return {
    keyId: readUuid(blob, 1),
    materialId: blob.toString('hex', 17, 33),
    iv: blob.subarray(34, headerBytes),
    ciphertext: blob.subarray(headerBytes, end),
    tag: blob.subarray(end),
  };
}

/** Whether the bytes have the shape of a blob: what the host may be given. */
export function isCiphertext(blob: Buffer): boolean {
  return blob.length > overheadBytes && blob[0] === ciphertextVersion && blob[33] === ivBytes;
}

/**
 * Writes the header of a blob, `headerBytes` long, at the target's start.
 * @param material key id and material id, 32 bytes
 * @param iv 12 bytes at `ivOffset` of `ivSource`
 */
export function writeHeader(target: Buffer, material: Buffer, ivSource: Buffer, ivOffset: number): void {
  target[0] = ciphertextVersion;
  target.set(material, 1);
  target[33] = ivBytes;
  ivSource.copy(target, 34, ivOffset, ivOffset + ivBytes);
}

/**
 * Writes key id and material id as the 32 bytes that a header holds.
 * @param keyId a UUID @param materialId 32 hex digits
 * @throws RangeError where one is malformed
 */
export function writeMaterial(target: Buffer, offset: number, keyId: string, materialId: string): void {
  const dashed =
    keyId.length === 36 &&
    keyId.charCodeAt(8) === dash &&
    keyId.charCodeAt(13) === dash &&
    keyId.charCodeAt(18) === dash &&
    keyId.charCodeAt(23) === dash;
  if (
    !dashed ||
    materialId.length !== 32 ||
    !writeHex(target, offset, keyId, 0, 8) ||
    !writeHex(target, offset + 4, keyId, 9, 13) ||
    !writeHex(target, offset + 6, keyId, 14, 18) ||
    !writeHex(target, offset + 8, keyId, 19, 23) ||
    !writeHex(target, offset + 10, keyId, 24, 36) ||
    !writeHex(target, offset + 16, materialId, 0, 32)
  ) {
    throw new RangeError(`\`${keyId}\` and \`${materialId}\` must be a UUID and 32 hex digits, lower case`);
  }
}

/** The UUID whose 16 bytes stand at the offset, lower case. */
export function readUuid(source: Buffer, offset: number): string {
  const hex = source.toString('hex', offset, offset + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const dash = 0x2d;

/** The value of each ASCII character as a lower-case hex digit, 16 where it is none. */
const digits = new Uint8Array(128).fill(16);
for (let value = 0; value < 16; value++) digits[value.toString(16).charCodeAt(0)] = value;

/** On the way of every request: Buffer.write with 'hex' costs three times as much and needs the dashes taken out. */
function writeHex(target: Buffer, offset: number, text: string, start: number, end: number): boolean {
  let at = offset;
  for (let index = start; index < end; index += 2) {
    const high = digits[text.charCodeAt(index)] ?? 16;
    const low = digits[text.charCodeAt(index + 1)] ?? 16;
    if (high === 16 || low === 16) return false;
    target[at++] = (high << 4) | low;
  }
  return true;
}
