/** Every fact about the wrapping of imported key material (AWS KMS API reference, GetParametersForImport). */
import type { OaepAlgorithm } from './algorithm.ts';
import { factsOf, type KeySpec } from './key-spec.ts';

export interface WrappingFacts {
  /** What encrypts to the wrapping key: the material, or the AES key that wraps it. */
  readonly oaep: OaepAlgorithm;
  /**
   * Whether that is an AES key of 128, 192 or 256 bits under which the material follows, wrapped with padding
   * (RFC 5649; PKCS#11 2.40, CKM_RSA_AES_KEY_WRAP).
   */
  readonly aesKeyWrap: boolean;
}

export const wrappingAlgorithms = {
  RSAES_OAEP_SHA_1: { oaep: 'RSAES_OAEP_SHA_1', aesKeyWrap: false },
  RSAES_OAEP_SHA_256: { oaep: 'RSAES_OAEP_SHA_256', aesKeyWrap: false },
  RSA_AES_KEY_WRAP_SHA_1: { oaep: 'RSAES_OAEP_SHA_1', aesKeyWrap: true },
  RSA_AES_KEY_WRAP_SHA_256: { oaep: 'RSAES_OAEP_SHA_256', aesKeyWrap: true },
} as const satisfies Record<string, WrappingFacts>;

export type WrappingAlgorithm = keyof typeof wrappingAlgorithms;

export const wrappingKeySpecs = {
  RSA_2048: { modulusBits: 2048 },
  RSA_3072: { modulusBits: 3072 },
  RSA_4096: { modulusBits: 4096 },
} as const;

export type WrappingKeySpec = keyof typeof wrappingKeySpecs;

/** What AWS names and refuses: the first since October 2023, the second outside its China Regions. */
export const refusedWrappingAlgorithms = ['RSAES_PKCS1_V1_5', 'SM2PKE'] as const;
export const refusedWrappingKeySpecs = ['SM2'] as const;

/** Bytes of wrapped material at most (AWS KMS API reference, ImportKeyMaterial, EncryptedKeyMaterial). */
export const wrappedLimit = 6144;

/**
 * Whether material of a spec may come wrapped like that: an RSA private key is too large for OAEP alone, a secret needs
 * no AES key, and PKCS#8 of P-521 doesn't fit into 2,048 bits.
 */
export function mayWrap(
  keySpec: KeySpec,
  algorithm: WrappingAlgorithm,
  wrappingKeySpec: WrappingKeySpec,
): boolean {
  const facts = factsOf(keySpec);
  const { aesKeyWrap } = wrappingAlgorithms[algorithm];
  if (!facts.importable) return false;
  switch (facts.family) {
    case 'aes':
    case 'hmac':
      return !aesKeyWrap;
    case 'rsa':
      return aesKeyWrap;
    case 'ec':
      return aesKeyWrap || keySpec !== 'ECC_NIST_P521' || wrappingKeySpec !== 'RSA_2048';
    case 'edwards':
      return true;
    case 'ml-dsa':
      return false;
    default:
      return facts satisfies never;
  }
}
