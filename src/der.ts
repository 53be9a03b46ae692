/** What PKCS#11 tells in raw bytes, in the DER that KMS and openssl speak. */
import { fromBER, Integer, Sequence } from 'asn1js';

/** @param raw r ‖ s, both as long as the curve's order @returns ECDSA-Sig-Value (RFC 3279 §2.2.3) */
export function encodeEcdsa(raw: Buffer): Buffer {
  const half = raw.length / 2;
  return encodeSignature(raw.subarray(0, half), raw.subarray(half));
}

/** @returns r and s, each without needless zeros; `undefined` where it is no ECDSA-Sig-Value, or not in DER */
export function decodeEcdsa(der: Buffer): { readonly r: Buffer; readonly s: Buffer } | undefined {
  const { result } = fromBER(bytes(der));
  if (!(result instanceof Sequence)) return undefined;
  const [first, second, ...more] = result.valueBlock.value;
  if (!(first instanceof Integer) || !(second instanceof Integer) || more.length > 0) return undefined;
  const r = magnitude(first);
  const s = magnitude(second);
  // One form alone is valid: what else reads as the same numbers, or has more after it, is written differently.
  return encodeSignature(r, s).equals(der) ? { r, s } : undefined;
}

function encodeSignature(r: Buffer, s: Buffer): Buffer {
  return Buffer.from(new Sequence({ value: [unsigned(r), unsigned(s)] }).toBER());
}

/** A positive INTEGER: no needless zero before it, and one where its first bit is set. */
function unsigned(value: Buffer): Integer {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start++;
  const digits = value.subarray(start);
  const first = digits[0] ?? 0;
  return new Integer({ valueHex: bytes(first < 0x80 ? digits : Buffer.concat([Buffer.alloc(1), digits])) });
}

function magnitude(integer: Integer): Buffer {
  const value = Buffer.from(integer.valueBlock.valueHexView);
  return value[0] === 0 && value.length > 1 ? value.subarray(1) : value;
}

/** asn1js takes whole ArrayBuffers alone: a Buffer is mostly a view into a larger one. */
function bytes(value: Buffer): ArrayBuffer {
  return new Uint8Array(value).buffer;
}
