/** What the key specs and algorithms of keys/spec are in PKCS#11. */
import pkcs11 from 'pkcs11js';
import {
  encryptionAlgorithms,
  type Hash,
  type MacAlgorithm,
  macAlgorithms,
  type OaepAlgorithm,
  type SigningAlgorithm,
  type SigningFacts,
  signingAlgorithms,
} from '../../keys/spec/algorithm.ts';
import { algorithmsOf, factsOf, type KeySpec, type KeyUsage } from '../../keys/spec/key-spec.ts';
import { Failure } from './failure.ts';

/** Numbers that pkcs11js doesn't name (PKCS#11 3.0 §2.3, 3.2 §6.67). */
export const numbers = {
  CKK_EC_EDWARDS: 0x40,
  CKK_ML_DSA: 0x4a,
  CKM_ML_DSA_KEY_PAIR_GEN: 0x1c,
  CKM_ML_DSA: 0x1d,
  CKM_EC_EDWARDS_KEY_PAIR_GEN: 0x1055,
  CKM_EDDSA: 0x1057,
  /** RFC 5649, in SoftHSM under the number that PKCS#11 2.40 gave to another padding. */
  CKM_AES_KEY_WRAP_PAD: 0x210a,
  CKM_AES_KEY_WRAP_KWP: 0x210b,
  CKA_PARAMETER_SET: 0x61d,
} as const;

/** What a secret key is and the one thing that it does. */
export interface SecretKind {
  readonly keyType: number;
  /** The mechanism that generates it. */
  readonly generation: number;
  readonly bytes: number;
  readonly use: 'cipher' | 'mac' | 'unwrap';
  readonly allowed: readonly number[];
}

/** What a pair is and the one thing that its private half does. */
export interface PairKind {
  readonly keyType: number;
  /** The mechanism that generates it. */
  readonly generation: number;
  readonly use: 'sign' | 'decrypt' | 'derive' | 'unwrap';
  readonly parameters:
    | { readonly type: 'curve'; readonly curve: Buffer }
    | { readonly type: 'modulus'; readonly bits: number }
    | { readonly type: 'set'; readonly number: number };
  readonly allowed: readonly number[];
}

export type Kind = { readonly secret: SecretKind } | { readonly pair: PairKind };

/** A master key. AES-GCM alone: a key that also does ECB gives away GHASH's H (NIST SP 800-38D §5.2.1). */
export const cipherKind: SecretKind = {
  keyType: pkcs11.CKK_AES,
  generation: pkcs11.CKM_AES_KEY_GEN,
  bytes: 32,
  use: 'cipher',
  allowed: [pkcs11.CKM_AES_GCM],
};

export function macKind(bytes: number, algorithm: MacAlgorithm): SecretKind {
  return {
    keyType: pkcs11.CKK_GENERIC_SECRET,
    generation: pkcs11.CKM_GENERIC_SECRET_KEY_GEN,
    bytes,
    use: 'mac',
    allowed: [macMechanism(algorithm)],
  };
}

/** CKA_EC_PARAMS: the curve's object identifier in DER (PKCS#11 2.40, elliptic curve §2.3.3). */
const curveParameters: Readonly<Record<string, Buffer>> = {
  prime256v1: Buffer.from('06082a8648ce3d030107', 'hex'),
  secp384r1: Buffer.from('06052b81040022', 'hex'),
  secp521r1: Buffer.from('06052b81040023', 'hex'),
  secp256k1: Buffer.from('06052b8104000a', 'hex'),
  // The name as a PrintableString (PKCS#11 3.0 §2.3.10).
  ed25519: Buffer.from('130c656477617264733235353139', 'hex'),
};

export function parametersOf(curve: string): Buffer {
  const parameters = curveParameters[curve];
  if (parameters === undefined) throw new Failure('internal', `no parameters of the curve \`${curve}\``);
  return parameters;
}

/** What a token may be relied on for, where a vendor's library lacks something that the host can add. */
export interface Leave {
  /** Whether the host may take OAEP's padding off what the token decrypted without (token.hostOaep). */
  readonly hostOaep: boolean;
  /** Whether the host may unwrap imported material in its own memory (token.hostUnwrap). */
  readonly hostUnwrap: boolean;
}

/** CKP_ML_DSA_44 and so on (PKCS#11 3.2 §6.67.2). */
export const parameterSets = { 44: 1, 65: 2, 87: 3 } as const;

const uses = {
  ENCRYPT_DECRYPT: 'decrypt',
  SIGN_VERIFY: 'sign',
  KEY_AGREEMENT: 'derive',
} as const;

/**
 * @param raw whether a host takes the padding off what an RSA key decrypts
 * @throws Failure `internal` where keys of the spec have no such usage
 */
export function kindOf(keySpec: KeySpec, keyUsage: KeyUsage, raw: boolean): Kind {
  const facts = factsOf(keySpec);
  const [algorithm] = algorithmsOf(keySpec, keyUsage);
  if (algorithm === undefined) throw new Failure('internal', `no key of ${keySpec} is for ${keyUsage}`);
  if (facts.family === 'aes') return { secret: cipherKind };
  const [mac] = facts.usages.GENERATE_VERIFY_MAC ?? [];
  if (facts.family === 'hmac' && mac !== undefined) return { secret: macKind(facts.secretBytes, mac) };
  if (keyUsage === 'GENERATE_VERIFY_MAC') throw new Failure('internal', `no pair makes MACs`);
  const use = uses[keyUsage];
  switch (facts.family) {
    case 'hmac':
      throw new Failure('internal', `a key of ${keySpec} is no pair`);
    case 'rsa':
      return {
        pair: {
          keyType: pkcs11.CKK_RSA,
          generation: pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN,
          use,
          parameters: { type: 'modulus', bits: facts.modulusBits },
          allowed:
            use === 'sign'
              ? [pkcs11.CKM_RSA_PKCS, pkcs11.CKM_RSA_PKCS_PSS]
              : [...(raw ? [pkcs11.CKM_RSA_X_509] : []), pkcs11.CKM_RSA_PKCS_OAEP],
        },
      };
    case 'ec':
      return {
        pair: {
          keyType: pkcs11.CKK_EC,
          generation: pkcs11.CKM_EC_KEY_PAIR_GEN,
          use,
          parameters: { type: 'curve', curve: parametersOf(facts.curve) },
          allowed: [use === 'sign' ? pkcs11.CKM_ECDSA : pkcs11.CKM_ECDH1_DERIVE],
        },
      };
    case 'edwards':
      return {
        pair: {
          keyType: numbers.CKK_EC_EDWARDS,
          generation: numbers.CKM_EC_EDWARDS_KEY_PAIR_GEN,
          use,
          parameters: { type: 'curve', curve: parametersOf(facts.curve) },
          allowed: [numbers.CKM_EDDSA],
        },
      };
    case 'ml-dsa':
      return {
        pair: {
          keyType: numbers.CKK_ML_DSA,
          generation: numbers.CKM_ML_DSA_KEY_PAIR_GEN,
          use,
          parameters: { type: 'set', number: parameterSets[facts.parameterSet] },
          allowed: [numbers.CKM_ML_DSA],
        },
      };
    default:
      return facts satisfies never;
  }
}

const macMechanisms: Readonly<Record<string, number>> = {
  sha224: pkcs11.CKM_SHA224_HMAC,
  sha256: pkcs11.CKM_SHA256_HMAC,
  sha384: pkcs11.CKM_SHA384_HMAC,
  sha512: pkcs11.CKM_SHA512_HMAC,
};

export function macMechanism(algorithm: MacAlgorithm): number {
  const mechanism = macMechanisms[macAlgorithms[algorithm].hash];
  if (mechanism === undefined) throw new Failure('internal', `no mechanism of ${algorithm}`);
  return mechanism;
}

const hashes: Readonly<Partial<Record<Hash, { readonly hashAlg: number; readonly mgf: number }>>> = {
  sha1: { hashAlg: pkcs11.CKM_SHA_1, mgf: pkcs11.CKG_MGF1_SHA1 },
  sha256: { hashAlg: pkcs11.CKM_SHA256, mgf: pkcs11.CKG_MGF1_SHA256 },
  sha384: { hashAlg: pkcs11.CKM_SHA384, mgf: pkcs11.CKG_MGF1_SHA384 },
  sha512: { hashAlg: pkcs11.CKM_SHA512, mgf: pkcs11.CKG_MGF1_SHA512 },
};

function hashNumbers(hash: Hash | undefined): { readonly hashAlg: number; readonly mgf: number } {
  const found = hash && hashes[hash];
  if (found === undefined) throw new Failure('internal', `no padding is made with ${hash}`);
  return found;
}

/** CK_EDDSA_PARAMS with phFlag set and no context, as C lays it out: pkcs11js has no type for it. */
const preHashed = Buffer.concat([Buffer.of(1), Buffer.alloc(23)]);

/** The DER before the digest in a DigestInfo (RFC 8017 §9.2, note 1). */
const digestInfos: Readonly<Record<string, Buffer>> = {
  sha256: Buffer.from('3031300d060960864801650304020105000420', 'hex'),
  sha384: Buffer.from('3041300d060960864801650304020205000430', 'hex'),
  sha512: Buffer.from('3051300d060960864801650304020305000440', 'hex'),
};

/** How a token is asked to sign: with which mechanism, and over what. @param data digest or message */
export function signing(
  algorithm: SigningAlgorithm,
  data: Buffer,
): { readonly mechanism: pkcs11.Mechanism; readonly input: Buffer } {
  const facts: SigningFacts = signingAlgorithms[algorithm];
  switch (facts.scheme) {
    case 'RSASSA-PSS': {
      const { hashAlg, mgf } = hashNumbers(facts.hash);
      const parameter: pkcs11.RsaPSS = {
        type: pkcs11.CK_PARAMS_RSA_PSS,
        hashAlg,
        mgf,
        saltLen: facts.saltBytes ?? 0,
      };
      return { mechanism: { mechanism: pkcs11.CKM_RSA_PKCS_PSS, parameter }, input: data };
    }
    case 'RSASSA-PKCS1-v1_5': {
      const info = digestInfos[facts.hash ?? ''];
      if (info === undefined) throw new Failure('internal', `no DigestInfo of ${algorithm}`);
      return { mechanism: { mechanism: pkcs11.CKM_RSA_PKCS }, input: Buffer.concat([info, data]) };
    }
    case 'ECDSA':
      return { mechanism: { mechanism: pkcs11.CKM_ECDSA }, input: data };
    case 'Ed25519':
      return { mechanism: { mechanism: numbers.CKM_EDDSA }, input: data };
    case 'Ed25519ph':
      return { mechanism: { mechanism: numbers.CKM_EDDSA, parameter: preHashed }, input: data };
    case 'ML-DSA':
      return { mechanism: { mechanism: numbers.CKM_ML_DSA }, input: data };
    default:
      return facts.scheme satisfies never;
  }
}

export function oaep(algorithm: OaepAlgorithm): pkcs11.Mechanism {
  const { hashAlg, mgf } = hashNumbers(encryptionAlgorithms[algorithm].hash);
  const parameter: pkcs11.RsaOAEP = { type: pkcs11.CK_PARAMS_RSA_OAEP, hashAlg, mgf, source: 1 };
  return { mechanism: pkcs11.CKM_RSA_PKCS_OAEP, parameter };
}

/** @param publicData the peer's point, uncompressed */
export function ecdh(publicData: Buffer): pkcs11.Mechanism {
  const parameter: pkcs11.ECDH1 = { type: pkcs11.CK_PARAMS_EC_DH, kdf: pkcs11.CKD_NULL, publicData };
  return { mechanism: pkcs11.CKM_ECDH1_DERIVE, parameter };
}
