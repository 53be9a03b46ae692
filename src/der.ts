/** What PKCS#11 tells in raw bytes, in the DER that KMS and openssl speak. */
import { Integer, Sequence } from 'asn1js';

/** @param raw r ‖ s, both as long as the curve's order @returns ECDSA-Sig-Value (RFC 3279 §2.2.3) */
export function encodeEcdsa(raw: Buffer): Buffer {
  const half = raw.length / 2;
  const value = new Sequence({ value: [unsigned(raw.subarray(0, half)), unsigned(raw.subarray(half))] });
  return Buffer.from(value.toBER());
}

/** A positive INTEGER: no needless zero before it, and one where its first bit is set. */
function unsigned(value: Buffer): Integer {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start++;
  const digits = value.subarray(start);
  const first = digits[0] ?? 0;
  return new Integer({ valueHex: bytes(first < 0x80 ? digits : Buffer.concat([Buffer.alloc(1), digits])) });
}

/** asn1js takes whole ArrayBuffers alone: a Buffer is mostly a view into a larger one. */
function bytes(value: Buffer): ArrayBuffer {
  return new Uint8Array(value).buffer;
}
