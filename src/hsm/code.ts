import type { MacAlgorithm, OaepAlgorithm, SigningAlgorithm } from '../keys/spec/algorithm.ts';
import type { KeySpec, KeyUsage } from '../keys/spec/key-spec.ts';
import type { WrappingAlgorithm, WrappingKeySpec } from '../keys/spec/wrapping.ts';

/** The code of each operation. The tiers may be of different versions for a while: none is used for another. */
export const operationCodes = {
  generateKey: 1,
  destroyKey: 2,
  encrypt: 3,
  decrypt: 4,
  reEncrypt: 5,
  generateDataKey: 6,
  generateDataKeyWithoutPlaintext: 7,
  random: 8,
  trailMac: 9,
  createAccessKeySecret: 10,
  deriveSigningKey: 11,
  health: 12,
  identity: 13,
  claim: 14,
  listObjects: 15,
  trailSign: 16,
  trailPublicKey: 17,
  makeKey: 18,
  publicKey: 19,
  sign: 20,
  mac: 21,
  rsaDecrypt: 22,
  deriveSharedSecret: 23,
  generateDataKeyPair: 24,
  generateDataKeyPairWithoutPlaintext: 25,
  capabilities: 26,
  wake: 27,
  createWrappingKey: 28,
  destroyWrappingKey: 29,
  importKey: 30,
  destroyShells: 31,
} as const;

/**
 * The names of keys/spec as they cross: the place in a list. A name is appended and none is moved.
 */

export const keySpecCodes = [
  'SYMMETRIC_DEFAULT',
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'ECC_NIST_P256',
  'ECC_NIST_P384',
  'ECC_NIST_P521',
  'ECC_SECG_P256K1',
  'ECC_NIST_EDWARDS25519',
  'HMAC_224',
  'HMAC_256',
  'HMAC_384',
  'HMAC_512',
  'ML_DSA_44',
  'ML_DSA_65',
  'ML_DSA_87',
] as const satisfies readonly KeySpec[];

export const keyUsageCodes = [
  'ENCRYPT_DECRYPT',
  'SIGN_VERIFY',
  'GENERATE_VERIFY_MAC',
  'KEY_AGREEMENT',
] as const satisfies readonly KeyUsage[];

export const signingCodes = [
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
  'ECDSA_SHA_256',
  'ECDSA_SHA_384',
  'ECDSA_SHA_512',
  'ED25519_SHA_512',
  'ED25519_PH_SHA_512',
  'ML_DSA_SHAKE_256',
] as const satisfies readonly SigningAlgorithm[];

export const macCodes = [
  'HMAC_SHA_224',
  'HMAC_SHA_256',
  'HMAC_SHA_384',
  'HMAC_SHA_512',
] as const satisfies readonly MacAlgorithm[];

export const oaepCodes = [
  'RSAES_OAEP_SHA_1',
  'RSAES_OAEP_SHA_256',
] as const satisfies readonly OaepAlgorithm[];

export const wrappingKeySpecCodes = [
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
] as const satisfies readonly WrappingKeySpec[];

export const wrappingCodes = [
  'RSAES_OAEP_SHA_1',
  'RSAES_OAEP_SHA_256',
  'RSA_AES_KEY_WRAP_SHA_1',
  'RSA_AES_KEY_WRAP_SHA_256',
] as const satisfies readonly WrappingAlgorithm[];
