/** The curves on which signatures are verified: y² = x³ + ax + b over a prime field (SEC 2; NIST SP 800-186 §3.2.1). */

export interface CurveFacts {
  readonly prime: bigint;
  readonly a: bigint;
  /** Of the base point; the cofactor is 1. */
  readonly order: bigint;
}

const p256 = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn;
const p384 = 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n;
const p521 = 2n ** 521n - 1n;

/** By the name that Node and openssl have for it. */
export const curves = {
  prime256v1: {
    prime: p256,
    a: p256 - 3n,
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  },
  secp384r1: {
    prime: p384,
    a: p384 - 3n,
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  },
  secp521r1: {
    prime: p521,
    a: p521 - 3n,
    order:
      0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
  },
  secp256k1: {
    prime: 2n ** 256n - 2n ** 32n - 977n,
    a: 0n,
    order: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
  },
} as const satisfies Record<string, CurveFacts>;

export type CurveName = keyof typeof curves;
