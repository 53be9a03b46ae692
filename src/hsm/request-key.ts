/** Requests on keys of every spec: their layouts, read as strictly as the others (request.ts). */
import {
  type MacAlgorithm,
  messageLimit,
  type OaepAlgorithm,
  type SigningAlgorithm,
  type SigningFacts,
  signingAlgorithms,
} from '../keys/spec/algorithm.ts';
import {
  algorithmsOf,
  type DataKeyPairSpec,
  factsOf,
  isDataKeyPairSpec,
  type KeySpec,
  type KeyUsage,
} from '../keys/spec/key-spec.ts';
import { keySpecCodes, keyUsageCodes, macCodes, oaepCodes, operationCodes, signingCodes } from './code.ts';

export type KeyRequest =
  | {
      readonly operation: 'makeKey';
      readonly material: Buffer;
      readonly keySpec: KeySpec;
      readonly keyUsage: KeyUsage;
    }
  | { readonly operation: 'publicKey'; readonly material: Buffer }
  | {
      readonly operation: 'sign';
      readonly material: Buffer;
      readonly algorithm: SigningAlgorithm;
      /** Digest or message, as the algorithm has it. */
      readonly data: Buffer;
    }
  | {
      readonly operation: 'mac';
      readonly material: Buffer;
      readonly algorithm: MacAlgorithm;
      readonly message: Buffer;
    }
  | {
      readonly operation: 'rsaDecrypt';
      readonly material: Buffer;
      readonly algorithm: OaepAlgorithm;
      readonly ciphertext: Buffer;
    }
  | {
      readonly operation: 'deriveSharedSecret';
      readonly material: Buffer;
      /** Of the peer, uncompressed. */
      readonly point: Buffer;
    }
  | {
      readonly operation: 'generateDataKeyPair' | 'generateDataKeyPairWithoutPlaintext';
      readonly material: Buffer;
      readonly pairSpec: DataKeyPairSpec;
      readonly context: Buffer;
    }
  | { readonly operation: 'capabilities' }
  | { readonly operation: 'wake' };

const materialBytes = 32;

/** How many times the usual deadline it may take to make a key: the primes of a large modulus are a matter of luck. */
export function makingFactor(keySpec: KeySpec): number {
  return isSlow(keySpec) ? slowFactor : 1;
}

/** Whether making a key takes so long that a host of its own does it. */
export function isSlow(keySpec: KeySpec): boolean {
  return factsOf(keySpec).family === 'rsa';
}

export const slowFactor = 12;

/** Whether it is what a key signs with the algorithm: a digest of its length, or a message of 1 to 4,096 bytes. */
export function isSignable(algorithm: SigningAlgorithm, { length }: Buffer): boolean {
  const { digestBytes }: SigningFacts = signingAlgorithms[algorithm];
  return digestBytes === undefined ? length >= 1 && length <= messageLimit : length === digestBytes;
}

/** Reads the body of a request on a key; `undefined` where it is none, or isn't exactly of its operation's layout. */
export function readKeyRequest(code: number, body: Buffer, contextLimit: number): KeyRequest | undefined {
  switch (code) {
    case operationCodes.makeKey:
      return readMakeKey(body);
    case operationCodes.publicKey:
      return body.length === materialBytes ? { operation: 'publicKey', material: body } : undefined;
    case operationCodes.sign:
      return readSign(body);
    case operationCodes.mac:
      return readMac(body);
    case operationCodes.rsaDecrypt:
      return readRsaDecrypt(body);
    case operationCodes.deriveSharedSecret:
      return readDeriveSharedSecret(body);
    case operationCodes.generateDataKeyPair:
      return readDataKeyPair(body, true, contextLimit);
    case operationCodes.generateDataKeyPairWithoutPlaintext:
      return readDataKeyPair(body, false, contextLimit);
    case operationCodes.capabilities:
      return body.length === 0 ? { operation: 'capabilities' } : undefined;
    case operationCodes.wake:
      return body.length === 0 ? { operation: 'wake' } : undefined;
    default:
      return undefined;
  }
}

/** Material 32 B ‖ key spec 1 B ‖ key usage 1 B. */
function readMakeKey(body: Buffer): KeyRequest | undefined {
  const keySpec = keySpecCodes[body[materialBytes] ?? -1];
  const keyUsage = keyUsageCodes[body[materialBytes + 1] ?? -1];
  if (body.length !== materialBytes + 2 || keySpec === undefined || keyUsage === undefined) return undefined;
  if (keySpec === 'SYMMETRIC_DEFAULT' || algorithmsOf(keySpec, keyUsage).length === 0) return undefined;
  return { operation: 'makeKey', material: body.subarray(0, materialBytes), keySpec, keyUsage };
}

/** Material 32 B ‖ algorithm 1 B ‖ data. */
function readSign(body: Buffer): KeyRequest | undefined {
  const algorithm = signingCodes[body[materialBytes] ?? -1];
  const data = body.subarray(materialBytes + 1);
  if (algorithm === undefined || !isSignable(algorithm, data)) return undefined;
  return { operation: 'sign', material: body.subarray(0, materialBytes), algorithm, data };
}

/** Material 32 B ‖ algorithm 1 B ‖ message. */
function readMac(body: Buffer): KeyRequest | undefined {
  const algorithm = macCodes[body[materialBytes] ?? -1];
  const message = body.subarray(materialBytes + 1);
  if (algorithm === undefined || message.length < 1 || message.length > messageLimit) return undefined;
  return { operation: 'mac', material: body.subarray(0, materialBytes), algorithm, message };
}

/** Material 32 B ‖ algorithm 1 B ‖ ciphertext, as long as a modulus. */
function readRsaDecrypt(body: Buffer): KeyRequest | undefined {
  const algorithm = oaepCodes[body[materialBytes] ?? -1];
  const ciphertext = body.subarray(materialBytes + 1);
  if (algorithm === undefined || !isModulusLength(ciphertext.length)) return undefined;
  return { operation: 'rsaDecrypt', material: body.subarray(0, materialBytes), algorithm, ciphertext };
}

export function isModulusLength(length: number): boolean {
  return length === 256 || length === 384 || length === 512;
}

/** Material 32 B ‖ the peer's point, uncompressed. */
function readDeriveSharedSecret(body: Buffer): KeyRequest | undefined {
  const point = body.subarray(materialBytes);
  if (!isPoint(point)) return undefined;
  return { operation: 'deriveSharedSecret', material: body.subarray(0, materialBytes), point };
}

/** Whether it is as long as an uncompressed point of a NIST curve, and begins as one. */
export function isPoint(point: Buffer): boolean {
  return point[0] === 4 && (point.length === 65 || point.length === 97 || point.length === 133);
}

/** Material 32 B ‖ key spec of the pair 1 B ‖ context. */
function readDataKeyPair(body: Buffer, plaintext: boolean, contextLimit: number): KeyRequest | undefined {
  const pairSpec = keySpecCodes[body[materialBytes] ?? -1];
  const context = body.subarray(materialBytes + 1);
  if (pairSpec === undefined || !isDataKeyPairSpec(pairSpec) || context.length > contextLimit)
    return undefined;
  return {
    operation: plaintext ? 'generateDataKeyPair' : 'generateDataKeyPairWithoutPlaintext',
    material: body.subarray(0, materialBytes),
    pairSpec,
    context,
  };
}
