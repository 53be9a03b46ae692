/** What PKCS#11 tells in raw bytes, in the DER that KMS and openssl speak. */
import { BitString, Integer, ObjectIdentifier, Sequence } from 'asn1js';

/** Object identifiers of curves (RFC 5480 §2.1.1.1). */
export const curves = { P256: '1.2.840.10045.3.1.7' } as const;
const ecPublicKey = '1.2.840.10045.2.1';

/** @param raw r ‖ s, both as long as the curve's order @returns ECDSA-Sig-Value (RFC 3279 §2.2.3) */
export function encodeEcdsa(raw: Buffer): Buffer {
  const half = raw.length / 2;
  return encode(new Sequence({ value: [unsigned(raw.subarray(0, half)), unsigned(raw.subarray(half))] }));
}

/** @param point uncompressed (SEC 1 §2.3.3) @returns SubjectPublicKeyInfo (RFC 5480 §2) */
export function encodeEcPublicKey(curve: string, point: Buffer): Buffer {
  return encode(
    new Sequence({
      value: [
        new Sequence({
          value: [new ObjectIdentifier({ value: ecPublicKey }), new ObjectIdentifier({ value: curve })],
        }),
        new BitString({ valueHex: bytes(point) }),
      ],
    }),
  );
}

/** A positive INTEGER: no needless zero before it, and one where its first bit is set. */
function unsigned(value: Buffer): Integer {
  let start = 0;
  while (start < value.length - 1 && value[start] === 0) start++;
  const digits = value.subarray(start);
  const first = digits[0] ?? 0;
  return new Integer({ valueHex: bytes(first < 0x80 ? digits : Buffer.concat([Buffer.alloc(1), digits])) });
}

function encode(value: Sequence): Buffer {
  return Buffer.from(value.toBER());
}

/** asn1js takes whole ArrayBuffers alone: a Buffer is mostly a view into a larger one. */
function bytes(value: Buffer): ArrayBuffer {
  return new Uint8Array(value).buffer;
}
