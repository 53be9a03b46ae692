/**
 * Every fact about the key specs of the API (AWS KMS developer guide, "Key spec reference"): what a key of it may be
 * used for, with which algorithms, how large it is. The operations, the token tier and the metadata read them here.
 */
import type {
  Algorithm,
  EncryptionAlgorithm,
  KeyAgreementAlgorithm,
  MacAlgorithm,
  SigningAlgorithm,
} from './algorithm.ts';

export type KeyUsage = 'ENCRYPT_DECRYPT' | 'SIGN_VERIFY' | 'GENERATE_VERIFY_MAC' | 'KEY_AGREEMENT';

/** By usage, the algorithms of it. */
export interface Usages {
  readonly ENCRYPT_DECRYPT?: readonly EncryptionAlgorithm[];
  readonly SIGN_VERIFY?: readonly SigningAlgorithm[];
  readonly GENERATE_VERIFY_MAC?: readonly MacAlgorithm[];
  readonly KEY_AGREEMENT?: readonly KeyAgreementAlgorithm[];
}

interface Common {
  readonly usages: Usages;
  /** The usage where CreateKey names none: only the symmetric spec has one. */
  readonly defaultUsage?: KeyUsage;
  /** Whether GenerateDataKeyPair makes pairs of it. */
  readonly dataKeyPair: boolean;
  /** Whether its material can be imported. */
  readonly importable: boolean;
}

export type KeySpecFacts = Common &
  (
    | { readonly family: 'aes'; readonly secretBytes: number }
    | { readonly family: 'hmac'; readonly secretBytes: number }
    | { readonly family: 'rsa'; readonly modulusBits: number }
    | {
        readonly family: 'ec';
        /** As Node and openssl call it. */
        readonly curve: string;
        /** As RFC 7518 §6.2.1.1 and RFC 8812 §3.1 call it. */
        readonly jwkCurve: string;
        /** Of a coordinate, and of r and s. */
        readonly fieldBytes: number;
      }
    | { readonly family: 'edwards'; readonly curve: 'ed25519'; readonly publicKeyBytes: number }
    | {
        readonly family: 'ml-dsa';
        readonly parameterSet: 44 | 65 | 87;
        /** (FIPS 204 §4, table 2) */
        readonly publicKeyBytes: number;
        readonly signatureBytes: number;
      }
  );

const rsa = {
  family: 'rsa',
  usages: {
    ENCRYPT_DECRYPT: ['RSAES_OAEP_SHA_1', 'RSAES_OAEP_SHA_256'],
    SIGN_VERIFY: [
      'RSASSA_PKCS1_V1_5_SHA_256',
      'RSASSA_PKCS1_V1_5_SHA_384',
      'RSASSA_PKCS1_V1_5_SHA_512',
      'RSASSA_PSS_SHA_256',
      'RSASSA_PSS_SHA_384',
      'RSASSA_PSS_SHA_512',
    ],
  },
  dataKeyPair: true,
  importable: true,
} as const;
const ec = { family: 'ec', dataKeyPair: true, importable: true } as const;
const hmac = { family: 'hmac', dataKeyPair: false, importable: true } as const;
const mlDsa = {
  family: 'ml-dsa',
  usages: { SIGN_VERIFY: ['ML_DSA_SHAKE_256'] },
  dataKeyPair: false,
  importable: false,
} as const;

export const keySpecs = {
  SYMMETRIC_DEFAULT: {
    family: 'aes',
    secretBytes: 32,
    usages: { ENCRYPT_DECRYPT: ['SYMMETRIC_DEFAULT'] },
    defaultUsage: 'ENCRYPT_DECRYPT',
    dataKeyPair: false,
    importable: true,
  },
  RSA_2048: { ...rsa, modulusBits: 2048 },
  RSA_3072: { ...rsa, modulusBits: 3072 },
  RSA_4096: { ...rsa, modulusBits: 4096 },
  ECC_NIST_P256: {
    ...ec,
    curve: 'prime256v1',
    jwkCurve: 'P-256',
    fieldBytes: 32,
    usages: { SIGN_VERIFY: ['ECDSA_SHA_256'], KEY_AGREEMENT: ['ECDH'] },
  },
  ECC_NIST_P384: {
    ...ec,
    curve: 'secp384r1',
    jwkCurve: 'P-384',
    fieldBytes: 48,
    usages: { SIGN_VERIFY: ['ECDSA_SHA_384'], KEY_AGREEMENT: ['ECDH'] },
  },
  ECC_NIST_P521: {
    ...ec,
    curve: 'secp521r1',
    jwkCurve: 'P-521',
    fieldBytes: 66,
    usages: { SIGN_VERIFY: ['ECDSA_SHA_512'], KEY_AGREEMENT: ['ECDH'] },
  },
  ECC_SECG_P256K1: {
    ...ec,
    curve: 'secp256k1',
    jwkCurve: 'secp256k1',
    fieldBytes: 32,
    usages: { SIGN_VERIFY: ['ECDSA_SHA_256'] },
  },
  ECC_NIST_EDWARDS25519: {
    family: 'edwards',
    curve: 'ed25519',
    publicKeyBytes: 32,
    usages: { SIGN_VERIFY: ['ED25519_SHA_512', 'ED25519_PH_SHA_512'] },
    dataKeyPair: true,
    importable: true,
  },
  HMAC_224: { ...hmac, secretBytes: 28, usages: { GENERATE_VERIFY_MAC: ['HMAC_SHA_224'] } },
  HMAC_256: { ...hmac, secretBytes: 32, usages: { GENERATE_VERIFY_MAC: ['HMAC_SHA_256'] } },
  HMAC_384: { ...hmac, secretBytes: 48, usages: { GENERATE_VERIFY_MAC: ['HMAC_SHA_384'] } },
  HMAC_512: { ...hmac, secretBytes: 64, usages: { GENERATE_VERIFY_MAC: ['HMAC_SHA_512'] } },
  ML_DSA_44: { ...mlDsa, parameterSet: 44, publicKeyBytes: 1312, signatureBytes: 2420 },
  ML_DSA_65: { ...mlDsa, parameterSet: 65, publicKeyBytes: 1952, signatureBytes: 3309 },
  ML_DSA_87: { ...mlDsa, parameterSet: 87, publicKeyBytes: 2592, signatureBytes: 4627 },
} as const satisfies Record<string, KeySpecFacts>;

export type KeySpec = keyof typeof keySpecs;

export function isKeySpec(name: string): name is KeySpec {
  return Object.hasOwn(keySpecs, name);
}

/** The facts, as a union that can be told apart by `family`. */
export function factsOf(keySpec: KeySpec): KeySpecFacts {
  return keySpecs[keySpec];
}

/** The algorithms of a usage; none where keys of the spec don't have that usage. */
export function algorithmsOf(keySpec: KeySpec, keyUsage: KeyUsage): readonly Algorithm[] {
  return factsOf(keySpec).usages[keyUsage] ?? [];
}

export function usagesOf(keySpec: KeySpec): readonly KeyUsage[] {
  return keyUsages.filter((usage) => algorithmsOf(keySpec, usage).length > 0);
}

export const keyUsages = [
  'ENCRYPT_DECRYPT',
  'SIGN_VERIFY',
  'GENERATE_VERIFY_MAC',
  'KEY_AGREEMENT',
] as const satisfies readonly KeyUsage[];

/** Specs of which a key is a pair with a public half. */
export type PairSpec = {
  [Spec in KeySpec]: (typeof keySpecs)[Spec]['family'] extends 'aes' | 'hmac' ? never : Spec;
}[KeySpec];

export function isPairSpec(keySpec: KeySpec): keySpec is PairSpec {
  const { family } = factsOf(keySpec);
  return family !== 'aes' && family !== 'hmac';
}

/** Specs of GenerateDataKeyPair. */
export type DataKeyPairSpec = {
  [Spec in KeySpec]: (typeof keySpecs)[Spec]['dataKeyPair'] extends true ? Spec : never;
}[KeySpec];

export function isDataKeyPairSpec(keySpec: KeySpec): keySpec is DataKeyPairSpec {
  return factsOf(keySpec).dataKeyPair;
}

/** Specs that AWS has and Coffer refuses by name, and why. */
export const refusedKeySpecs = {
  ML_KEM_512: 'PKCS#11 bindings have no C_EncapsulateKey',
  ML_KEM_768: 'PKCS#11 bindings have no C_EncapsulateKey',
  ML_KEM_1024: 'PKCS#11 bindings have no C_EncapsulateKey',
  SM2: 'AWS has it in its China Regions only',
} as const;

export type RefusedKeySpec = keyof typeof refusedKeySpecs;

export function isRefusedKeySpec(name: string): name is RefusedKeySpec {
  return Object.hasOwn(refusedKeySpecs, name);
}

/** Usages of refused specs alone. */
export const refusedKeyUsages = ['ENCAPSULATE_DECAPSULATE'] as const;
