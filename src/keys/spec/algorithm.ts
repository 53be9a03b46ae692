/** Every fact about the algorithms of the API: what is hashed, padded and handed to a key. */

export type Hash = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

export const messageTypes = ['RAW', 'DIGEST', 'EXTERNAL_MU'] as const;
export type MessageType = (typeof messageTypes)[number];

export interface SigningFacts {
  readonly scheme: 'RSASSA-PSS' | 'RSASSA-PKCS1-v1_5' | 'ECDSA' | 'Ed25519' | 'Ed25519ph' | 'ML-DSA';
  /** What a RAW message is hashed with before the key sees it; none where the key takes the message itself. */
  readonly hash?: Hash;
  /** Bytes of that digest, which is what a DIGEST must have. */
  readonly digestBytes?: number;
  /** Bytes of salt: as many as the digest has (AWS KMS developer guide, "RSA key specs"). */
  readonly saltBytes?: number;
  /** (AWS KMS API reference, Sign, MessageType) */
  readonly messageTypes: readonly MessageType[];
}

const hashed = ['RAW', 'DIGEST'] as const;

export const signingAlgorithms = {
  RSASSA_PSS_SHA_256: {
    scheme: 'RSASSA-PSS',
    hash: 'sha256',
    digestBytes: 32,
    saltBytes: 32,
    messageTypes: hashed,
  },
  RSASSA_PSS_SHA_384: {
    scheme: 'RSASSA-PSS',
    hash: 'sha384',
    digestBytes: 48,
    saltBytes: 48,
    messageTypes: hashed,
  },
  RSASSA_PSS_SHA_512: {
    scheme: 'RSASSA-PSS',
    hash: 'sha512',
    digestBytes: 64,
    saltBytes: 64,
    messageTypes: hashed,
  },
  RSASSA_PKCS1_V1_5_SHA_256: {
    scheme: 'RSASSA-PKCS1-v1_5',
    hash: 'sha256',
    digestBytes: 32,
    messageTypes: hashed,
  },
  RSASSA_PKCS1_V1_5_SHA_384: {
    scheme: 'RSASSA-PKCS1-v1_5',
    hash: 'sha384',
    digestBytes: 48,
    messageTypes: hashed,
  },
  RSASSA_PKCS1_V1_5_SHA_512: {
    scheme: 'RSASSA-PKCS1-v1_5',
    hash: 'sha512',
    digestBytes: 64,
    messageTypes: hashed,
  },
  ECDSA_SHA_256: { scheme: 'ECDSA', hash: 'sha256', digestBytes: 32, messageTypes: hashed },
  ECDSA_SHA_384: { scheme: 'ECDSA', hash: 'sha384', digestBytes: 48, messageTypes: hashed },
  ECDSA_SHA_512: { scheme: 'ECDSA', hash: 'sha512', digestBytes: 64, messageTypes: hashed },
  // RFC 8032 §5.1: Ed25519 hashes twice, and so needs the message.
  ED25519_SHA_512: { scheme: 'Ed25519', messageTypes: ['RAW'] },
  ED25519_PH_SHA_512: { scheme: 'Ed25519ph', hash: 'sha512', digestBytes: 64, messageTypes: ['DIGEST'] },
  // FIPS 204 §5.2; μ is what algorithm 7 makes of public key and message.
  ML_DSA_SHAKE_256: { scheme: 'ML-DSA', messageTypes: ['RAW', 'EXTERNAL_MU'] },
} as const satisfies Record<string, SigningFacts>;

export type SigningAlgorithm = keyof typeof signingAlgorithms;

/** Bytes of a message to sign, or to make a MAC of, at most (AWS KMS API reference, Sign and GenerateMac). */
export const messageLimit = 4096;
/** Bytes of μ (FIPS 204 §6.2). */
export const externalMuBytes = 64;

export interface EncryptionFacts {
  /** Of OAEP, its MGF1 too; the symmetric algorithm has none. */
  readonly hash?: Hash;
  readonly hashBytes?: number;
}

export const encryptionAlgorithms = {
  SYMMETRIC_DEFAULT: {},
  RSAES_OAEP_SHA_1: { hash: 'sha1', hashBytes: 20 },
  RSAES_OAEP_SHA_256: { hash: 'sha256', hashBytes: 32 },
} as const satisfies Record<string, EncryptionFacts>;

export type EncryptionAlgorithm = keyof typeof encryptionAlgorithms;
export type OaepAlgorithm = Exclude<EncryptionAlgorithm, 'SYMMETRIC_DEFAULT'>;

/** How much plaintext fits (RFC 8017 §7.1.1): as many bytes as the modulus has, less two hashes and two. */
export function oaepLimit(modulusBytes: number, algorithm: OaepAlgorithm): number {
  return modulusBytes - 2 * encryptionAlgorithms[algorithm].hashBytes - 2;
}

export interface MacFacts {
  readonly hash: Hash;
  readonly macBytes: number;
}

export const macAlgorithms = {
  HMAC_SHA_224: { hash: 'sha224', macBytes: 28 },
  HMAC_SHA_256: { hash: 'sha256', macBytes: 32 },
  HMAC_SHA_384: { hash: 'sha384', macBytes: 48 },
  HMAC_SHA_512: { hash: 'sha512', macBytes: 64 },
} as const satisfies Record<string, MacFacts>;

export type MacAlgorithm = keyof typeof macAlgorithms;

/** The shared secret is the x coordinate as it is, without a derivation (AWS KMS API reference, DeriveSharedSecret). */
export const keyAgreementAlgorithms = { ECDH: {} } as const;

export type KeyAgreementAlgorithm = keyof typeof keyAgreementAlgorithms;

/** Algorithms that AWS has for SM2 keys, which are refused with their specs. */
export const refusedSigningAlgorithms = ['SM2DSA'] as const;
export const refusedEncryptionAlgorithms = ['SM2PKE'] as const;

export type Algorithm = SigningAlgorithm | EncryptionAlgorithm | MacAlgorithm | KeyAgreementAlgorithm;

/** The names that a table of algorithms has. */
export function namesOf<Name extends string>(table: Readonly<Record<Name, unknown>>): [Name, ...Name[]] {
  const [first, ...rest] = Object.keys(table).filter((name): name is Name => Object.hasOwn(table, name));
  if (first === undefined) throw new TypeError('a table without names');
  return [first, ...rest];
}
