/** The port to the token tier. The domain owns it; src/hsm/client implements it over the socket. */
import type { Algorithm, MacAlgorithm, OaepAlgorithm, SigningAlgorithm } from './spec/algorithm.ts';
import type { DataKeyPairSpec, KeySpec, KeyUsage } from './spec/key-spec.ts';
import type { WrappingAlgorithm, WrappingKeySpec } from './spec/wrapping.ts';

/** Names a key material: key id (UUID) and material id (32 hex digits). */
export interface MaterialRef {
  readonly keyId: string;
  readonly materialId: string;
}

export type HsmErrorKind =
  /** Blob, context or key don't belong together: the caller's mistake, one answer whatever it was. */
  | 'invalid-ciphertext'
  /** The deadline passed; whether it happened is unknown. */
  | 'timeout'
  /** No host, or a host without its token, at the moment: may be tried again. */
  | 'unavailable'
  /** Too much at once: may be tried again later. */
  | 'busy'
  /** The canary is there and this object is not: an alarm. */
  | 'missing-object'
  /** The token lacks the mechanism or refuses the attribute template. */
  | 'unsupported'
  /** Anything else. */
  | 'internal';

export class HsmError extends Error {
  override readonly name = 'HsmError';
  readonly kind: HsmErrorKind;
  /** @param message for the log: may name a CKR code, never holds a secret */
  constructor(kind: HsmErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** What everything begins with that the checkpoint key signs. */
export const trailCheckpointDomain = Buffer.from('coffer trail checkpoint v1\0', 'latin1');

/** What a token does with keys of a spec and usage, found by doing it. */
export interface Capability {
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
  /** Those that truly work; none where no such key can be made. */
  readonly algorithms: readonly Algorithm[];
  /** Of those, the ones of which the host takes the padding off what the token decrypts. */
  readonly inHost: readonly Algorithm[];
  /** Why one doesn't work: for operators, names a CKR code. */
  readonly problem?: string;
}

/** Which way material of a spec and usage can be imported, wrapped with an algorithm. */
export interface ImportCapability {
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
  readonly wrappingAlgorithm: WrappingAlgorithm;
  /** Where it is unwrapped: inside the token, or in the memory of a host, where an operator allows that. */
  readonly where?: 'token' | 'host';
  /** Why there is no way. */
  readonly problem?: string;
}

export interface Capabilities {
  readonly keys: readonly Capability[];
  readonly imports: readonly ImportCapability[];
}

/** What is to be imported. */
export interface ImportedKey {
  readonly material: MaterialRef;
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
  /** The wrapping key, made for this spec, usage and algorithm. */
  readonly wrappingId: string;
  readonly wrappingAlgorithm: WrappingAlgorithm;
  /** 1 to 6,144 bytes. */
  readonly wrapped: Buffer;
  /** Of the material that alone may be imported, where there was one before. */
  readonly expectedFingerprint?: Buffer | undefined;
}

export interface ImportResult {
  /** False where it is other material than expected: then nothing was made of it. */
  readonly imported: boolean;
  /** Whether it was unwrapped inside the token, so that no process ever had it in its memory. */
  readonly inToken: boolean;
  /** 32 bytes that depend on key id, spec and material alone, and tell nothing of the material. */
  readonly fingerprint: Buffer;
  /** Of a pair, SubjectPublicKeyInfo in DER. */
  readonly publicKey?: Buffer;
}

/** A token object that carries a label of Coffer's. */
export interface TokenObject {
  readonly kind:
    | 'material'
    | 'canary'
    | 'trail'
    | 'sealing'
    | 'checkpoint'
    /** A wrapping key: of an import that is under way, or that nobody ended. */
    | 'wrapping'
    /** The public half of a key pair: no secret is in it. */
    | 'public'
    /** Neither label nor id nor value: SoftHSM leaves such where it is killed while it makes a key. */
    | 'shell'
    | 'unknown';
  /** CKA_ID as hex. */
  readonly id: string;
  readonly label: string;
  /** Of a material, and of the public half of one: the key it belongs to. */
  readonly keyId?: string;
}

/** What the token's canary says of the store that owns this token. */
export interface TokenIdentity {
  /** 32 hex digits, or `undefined` where the token has no canary of Coffer's. */
  readonly storeId: string | undefined;
  /** How many other objects of Coffer's there are. */
  readonly objects: number;
  readonly label: string;
  readonly serial: string;
  readonly manufacturer: string;
  readonly model: string;
}

export interface HsmHealth {
  readonly hosts: readonly {
    readonly index: number;
    readonly connected: boolean;
    /** `undefined` while healthy, else what is wrong (for the log and /readyz). */
    readonly problem: string | undefined;
    /** How often the supervisor has started this host again. */
    readonly restarts: number;
  }[];
}

/** What the token tier does with keys of every spec (keys/spec). It rejects as Hsm does. */
export interface KeyHsm {
  /**
   * Makes the objects of a key material in the token, of a pair both halves, reads their attributes back and proves that
   * they do what keys of their spec do; nothing is left of one that fails.
   * @param keySpec AES-256 by default
   * @param keyUsage one that the spec has
   * @returns of a pair the public half as SubjectPublicKeyInfo in DER
   * @throws HsmError `unsupported` where the token can't do that
   */
  generateKey(material: MaterialRef, keySpec?: KeySpec, keyUsage?: KeyUsage): Promise<Buffer | undefined>;
  /** @returns the public half of a pair as SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7) */
  publicKey(material: MaterialRef): Promise<Buffer>;
  /**
   * Signs with a pair for SIGN_VERIFY.
   * @param algorithm one of the key's spec
   * @param data the digest, exactly as long as `digestBytes` says; of an algorithm without one the message, 1 to 4,096 bytes
   * @returns the signature as AWS KMS gives it: of ECDSA in DER (RFC 3279 §2.2.3)
   */
  sign(material: MaterialRef, algorithm: SigningAlgorithm, data: Buffer): Promise<Buffer>;
  /** @param message 1 to 4,096 bytes @returns the HMAC, `macBytes` long, under a key for GENERATE_VERIFY_MAC */
  mac(material: MaterialRef, algorithm: MacAlgorithm, message: Buffer): Promise<Buffer>;
  /**
   * Decrypts with an RSA pair for ENCRYPT_DECRYPT.
   * @returns the plaintext, 0 bytes and more
   * @throws HsmError `invalid-ciphertext` whatever is wrong with the ciphertext
   */
  rsaDecrypt(material: MaterialRef, algorithm: OaepAlgorithm, ciphertext: Buffer): Promise<Buffer>;
  /**
   * ECDH with a pair for KEY_AGREEMENT.
   * @param publicKey of the peer, SubjectPublicKeyInfo in DER, on the key's curve: the caller has checked that
   * @returns the raw shared secret, as long as the curve's field
   */
  deriveSharedSecret(material: MaterialRef, publicKey: Buffer): Promise<Buffer>;
  /**
   * Makes a pair for the caller's own use, outside the token, and encrypts its private half.
   * @param material a symmetric one
   * @returns public half (SubjectPublicKeyInfo), private half (PKCS#8, which the caller zeroes), both in DER, and the
   * ciphertext blob of the private half
   */
  generateDataKeyPair(
    material: MaterialRef,
    context: Buffer,
    pairSpec: DataKeyPairSpec,
  ): Promise<{ publicKey: Buffer; privateKeyPlaintext: Buffer; privateKeyBlob: Buffer }>;
  /** As generateDataKeyPair, but the plain private half never leaves the host. */
  generateDataKeyPairWithoutPlaintext(
    material: MaterialRef,
    context: Buffer,
    pairSpec: DataKeyPairSpec,
  ): Promise<{ publicKey: Buffer; privateKeyBlob: Buffer }>;
  /** What the token truly does, of every spec and usage. Asked of the token once: takes some seconds, then nothing. */
  capabilities(): Promise<Capabilities>;
  /**
   * Makes an RSA pair in the token, to whose public half the material of one import is encrypted. It does what that import
   * needs and nothing else, and stays until it is destroyed.
   * @param wrappingId 32 hex digits, drawn by the caller: the pair's CKA_ID
   * @param keySpec of the key that the material is for
   * @returns SubjectPublicKeyInfo in DER, and whether the material will be unwrapped inside the token
   * @throws HsmError `unsupported` where the token can't unwrap that, and a host may not
   */
  createWrappingKey(
    wrappingId: string,
    wrappingKeySpec: WrappingKeySpec,
    wrappingAlgorithm: WrappingAlgorithm,
    keySpec: KeySpec,
    keyUsage: KeyUsage,
  ): Promise<{ publicKey: Buffer; inToken: boolean }>;
  /** Destroys both halves. Resolves to false where there were none. */
  destroyWrappingKey(wrappingId: string): Promise<boolean>;
  /**
   * Makes the objects of a key material from what was wrapped: a secret of the spec's length, or a private key in PKCS#8
   * (RFC 5208). The material's objects may be there already where a fingerprint is expected: then they stay as they are.
   * @throws HsmError `invalid-ciphertext` whatever is wrong with what is wrapped; nothing is left of an import that fails
   */
  importKey(imported: ImportedKey): Promise<ImportResult>;
}

/**
 * Every method rejects with an HsmError and settles within its deadline (5 s by default).
 * `context` is the canonical encryption context (keys/context.ts), 0 to 8,192 bytes and more with prefixes.
 */
export interface Hsm extends KeyHsm {
  /** Destroys the material's objects, both halves of a pair. Resolves to false where there was none (the canary being there). */
  destroyKey(material: MaterialRef): Promise<boolean>;
  /** @returns the ciphertext blob (keys/ciphertext.ts) of 1 to 4,096 bytes of plaintext */
  encrypt(material: MaterialRef, context: Buffer, plaintext: Buffer): Promise<Buffer>;
  /** @returns the plaintext; key and material are read from the blob, whose shape the caller has checked */
  decrypt(blob: Buffer, context: Buffer): Promise<Buffer>;
  /** Decrypts and encrypts inside one host: the plaintext crosses nothing. @returns the new blob */
  reEncrypt(
    blob: Buffer,
    sourceContext: Buffer,
    destination: MaterialRef,
    destinationContext: Buffer,
  ): Promise<Buffer>;
  /** @param length 1 to 1,024 bytes */
  generateDataKey(
    material: MaterialRef,
    context: Buffer,
    length: number,
  ): Promise<{ plaintext: Buffer; blob: Buffer }>;
  /** As generateDataKey, but the plaintext never leaves the host. @returns the blob */
  generateDataKeyWithoutPlaintext(material: MaterialRef, context: Buffer, length: number): Promise<Buffer>;
  /** @param length 1 to 1,024 bytes @returns bytes of the token's generator mixed with the host's */
  random(length: number): Promise<Buffer>;
  /** HMAC-SHA-256 under the token's trail key. @returns 32 bytes */
  trailMac(data: Buffer): Promise<Buffer>;
  /**
   * Draws the secret of an access key (40 characters of A-Z a-z 0-9 + /) and seals it.
   * @param aad binds the sealed form to its row: access key id and principal id
   */
  createAccessKeySecret(aad: Buffer): Promise<{ secret: Buffer; sealed: Buffer }>;
  /** Unseals inside the host. @returns the SigV4 signing key of that day, region and service, 32 bytes */
  deriveSigningKey(
    aad: Buffer,
    sealed: Buffer,
    date: string,
    region: string,
    service: string,
  ): Promise<Buffer>;
  /** Asks every host the token's truth: token info, canary, known-answer decrypt. */
  checkHealth(): Promise<HsmHealth>;
  identity(): Promise<TokenIdentity>;
  /**
   * Signs a checkpoint of the trail with the token's checkpoint key: ECDSA on P-256 over the SHA-256 of `data`, which
   * the host computes.
   * @param data begins with `trailCheckpointDomain`, 4,096 bytes at most: the key signs nothing else
   * @returns the signature in DER (RFC 3279 §2.2.3), as `openssl dgst -sha256 -verify` takes it
   */
  trailSign(data: Buffer): Promise<Buffer>;
  /** @returns the checkpoint key's public half as SubjectPublicKeyInfo in DER (RFC 5480) */
  trailPublicKey(): Promise<Buffer>;
  /**
   * Makes canary, trail key, sealing key and checkpoint key for a store, on a token that has no canary. On the store's
   * own token it makes what an earlier version didn't make, and nothing where nothing is missing.
   * @param storeId 32 hex digits
   */
  claim(storeId: string): Promise<void>;
  /**
   * Destroys objects without a name and without a key in them that an earlier call has seen as they are, longer ago than
   * any call on the token may take.
   * @returns how many, and after how long the others may go too: 0 where there are none
   */
  destroyShells(): Promise<{ destroyed: number; waitMilliseconds: number }>;
  /** Every object of Coffer's in the token. */
  listObjects(): Promise<TokenObject[]>;
  close(): Promise<void>;
}
