/** What a client may ask of a host: one code and one layout an operation. No request carries an IV to encrypt under. */
import { headerBytes, ivBytes, tagBytes } from '../keys/ciphertext.ts';
import { trailCheckpointDomain } from '../keys/hsm.ts';
import { operationCodes } from './code.ts';
import { type ImportRequest, readImportRequest } from './request-import.ts';
import { type KeyRequest, makingFactor, readKeyRequest, slowFactor } from './request-key.ts';

export { operationCodes };

/** The parts of a blob and its context as they cross: the AAD lies in one piece and needs no copy. */
export interface SealedParts {
  /** Key id and material id, 32 bytes. */
  readonly material: Buffer;
  readonly iv: Buffer;
  readonly aad: Buffer;
  /** Ciphertext and tag. */
  readonly ciphertext: Buffer;
}

/** A request as the host reads it: views into the frame, valid while it is handled. */
export type Request =
  | { readonly operation: 'generateKey' | 'destroyKey'; readonly material: Buffer }
  | {
      readonly operation: 'encrypt';
      readonly material: Buffer;
      readonly context: Buffer;
      readonly plaintext: Buffer;
    }
  | { readonly operation: 'decrypt'; readonly sealed: SealedParts }
  | {
      readonly operation: 'reEncrypt';
      readonly material: Buffer;
      readonly context: Buffer;
      readonly sealed: SealedParts;
    }
  | {
      readonly operation: 'generateDataKey' | 'generateDataKeyWithoutPlaintext';
      readonly material: Buffer;
      readonly length: number;
      readonly context: Buffer;
    }
  | { readonly operation: 'random'; readonly length: number }
  | { readonly operation: 'trailMac' | 'trailSign'; readonly data: Buffer }
  | { readonly operation: 'createAccessKeySecret'; readonly aad: Buffer }
  | {
      readonly operation: 'deriveSigningKey';
      readonly aad: Buffer;
      readonly sealed: Buffer;
      readonly date: string;
      readonly region: string;
      readonly service: string;
    }
  | { readonly operation: 'health' | 'identity' | 'listObjects' | 'trailPublicKey' | 'destroyShells' }
  | { readonly operation: 'claim'; readonly storeId: Buffer }
  | KeyRequest
  | ImportRequest;

/** Plaintext of Encrypt, bytes (AWS KMS API reference, Encrypt). */
export const plaintextLimit = 4096;
/** Random bytes and data keys (AWS KMS API reference, GenerateRandom, GenerateDataKey). */
export const randomLimit = 1024;
/** A canonical context: AWS's 8 KiB of it, and the length prefixes of as many pairs as can stand in that. */
export const contextLimit = 128 * 1024;
const blobLimit = headerBytes + 6144 + tagBytes;
const materialBytes = 32;
/**
 * All that the trail key makes a MAC over (audit/line.ts, groupMacInput): this prefix, then stream id 8 B, sequence
 * 8 B and hash 32 B. A host signs nothing else with it.
 */
export const trailMacDomain = Buffer.from('coffer trail group v1\0', 'latin1');
export const trailMacBytes = trailMacDomain.length + 48;
const checkpointLimit = 4096;
/** What a sealed secret is at least: IV and tag. */
const sealedLimit = 512;

/** Reads the body `buffer[start..end]` of a request; `undefined` where it isn't exactly of its operation's layout. */
export function readRequest(code: number, buffer: Buffer, start: number, end: number): Request | undefined {
  const size = end - start;
  switch (code) {
    case operationCodes.encrypt: {
      if (size < materialBytes + 4) return undefined;
      const contextAt = start + materialBytes + 4;
      const plaintextAt = contextAt + buffer.readUInt32BE(contextAt - 4);
      const length = end - plaintextAt;
      if (plaintextAt - contextAt > contextLimit || length < 1 || length > plaintextLimit) return undefined;
      return {
        operation: 'encrypt',
        material: buffer.subarray(start, start + materialBytes),
        context: buffer.subarray(contextAt, plaintextAt),
        plaintext: buffer.subarray(plaintextAt, end),
      };
    }
    case operationCodes.decrypt: {
      const sealed = readSealed(buffer, start, end);
      return sealed && { operation: 'decrypt', sealed };
    }
    case operationCodes.generateDataKey:
    case operationCodes.generateDataKeyWithoutPlaintext: {
      const contextAt = start + materialBytes + 2;
      if (contextAt > end || end - contextAt > contextLimit) return undefined;
      const length = buffer.readUInt16BE(contextAt - 2);
      if (length < 1 || length > randomLimit) return undefined;
      return {
        operation:
          code === operationCodes.generateDataKey ? 'generateDataKey' : 'generateDataKeyWithoutPlaintext',
        material: buffer.subarray(start, start + materialBytes),
        length,
        context: buffer.subarray(contextAt, end),
      };
    }
    case operationCodes.reEncrypt: {
      if (size < materialBytes + 4) return undefined;
      const contextAt = start + materialBytes + 4;
      const sealedAt = contextAt + buffer.readUInt32BE(contextAt - 4);
      if (sealedAt - contextAt > contextLimit) return undefined;
      const sealed = readSealed(buffer, sealedAt, end);
      return (
        sealed && {
          operation: 'reEncrypt',
          material: buffer.subarray(start, start + materialBytes),
          context: buffer.subarray(contextAt, sealedAt),
          sealed,
        }
      );
    }
    case operationCodes.generateKey:
    case operationCodes.destroyKey:
      if (size !== materialBytes) return undefined;
      return {
        operation: code === operationCodes.generateKey ? 'generateKey' : 'destroyKey',
        material: buffer.subarray(start, end),
      };
    case operationCodes.random: {
      if (size !== 2) return undefined;
      const length = buffer.readUInt16BE(start);
      return length < 1 || length > randomLimit ? undefined : { operation: 'random', length };
    }
    case operationCodes.trailMac:
      return isTrailMacInput(buffer.subarray(start, end))
        ? { operation: 'trailMac', data: buffer.subarray(start, end) }
        : undefined;
    case operationCodes.trailSign:
      return isCheckpoint(buffer.subarray(start, end))
        ? { operation: 'trailSign', data: buffer.subarray(start, end) }
        : undefined;
    case operationCodes.trailPublicKey:
      return size === 0 ? { operation: 'trailPublicKey' } : undefined;
    case operationCodes.createAccessKeySecret:
      return size === 0 || size > 1024
        ? undefined
        : { operation: 'createAccessKeySecret', aad: buffer.subarray(start, end) };
    case operationCodes.deriveSigningKey:
      return readDerive(buffer, start, end);
    case operationCodes.health:
      return size === 0 ? { operation: 'health' } : undefined;
    case operationCodes.identity:
      return size === 0 ? { operation: 'identity' } : undefined;
    case operationCodes.listObjects:
      return size === 0 ? { operation: 'listObjects' } : undefined;
    case operationCodes.destroyShells:
      return size === 0 ? { operation: 'destroyShells' } : undefined;
    case operationCodes.claim:
      return size === 16 ? { operation: 'claim', storeId: buffer.subarray(start, end) } : undefined;
    default: {
      const body = buffer.subarray(start, end);
      return readKeyRequest(code, body, contextLimit) ?? readImportRequest(code, body);
    }
  }
}

/** How many times the usual deadline a request may take: generating RSA keys, and what is many calls. */
export function deadlineFactor(request: Request): number {
  switch (request.operation) {
    case 'claim':
    case 'destroyShells':
    case 'listObjects':
    case 'identity':
    case 'importKey':
      return severalFactor;
    case 'makeKey':
      return makingFactor(request.keySpec);
    case 'generateDataKeyPair':
    case 'generateDataKeyPairWithoutPlaintext':
      return makingFactor(request.pairSpec);
    case 'capabilities':
    case 'createWrappingKey':
      return slowFactor;
    default:
      return 1;
  }
}

export const severalFactor = 4;

export function isTrailMacInput(data: Buffer): boolean {
  return data.length === trailMacBytes && data.subarray(0, trailMacDomain.length).equals(trailMacDomain);
}

/** Whether it is what the checkpoint key signs: a compromised client gets no signature over anything else. */
export function isCheckpoint(data: Buffer): boolean {
  const { length } = trailCheckpointDomain;
  return (
    data.length > length &&
    data.length <= checkpointLimit &&
    data.subarray(0, length).equals(trailCheckpointDomain)
  );
}

/** Context length 4 B ‖ header ‖ context ‖ ciphertext ‖ tag. */
function readSealed(buffer: Buffer, start: number, end: number): SealedParts | undefined {
  const headerAt = start + 4;
  if (headerAt + headerBytes > end) return undefined;
  const context = buffer.readUInt32BE(start);
  const ciphertextAt = headerAt + headerBytes + context;
  if (context > contextLimit || end - ciphertextAt <= tagBytes || end - ciphertextAt > blobLimit)
    return undefined;
  if (buffer[headerAt] !== 1 || buffer[headerAt + 33] !== ivBytes) return undefined;
  return {
    material: buffer.subarray(headerAt + 1, headerAt + 33),
    iv: buffer.subarray(headerAt + 34, headerAt + headerBytes),
    aad: buffer.subarray(headerAt, ciphertextAt),
    ciphertext: buffer.subarray(ciphertextAt, end),
  };
}

/** Five fields, each after its length (2 B): aad, sealed, date, region, service. */
function readDerive(buffer: Buffer, start: number, end: number): Request | undefined {
  const fields: Buffer[] = [];
  let offset = start;
  while (offset + 2 <= end && fields.length < 5) {
    const fieldAt = offset + 2;
    offset = fieldAt + buffer.readUInt16BE(offset);
    if (offset > end) return undefined;
    fields.push(buffer.subarray(fieldAt, offset));
  }
  const [aad, sealed, date, region, service] = fields;
  if (offset !== end || !aad || !sealed || !date || !region || !service) return undefined;
  if (aad.length === 0 || aad.length > 1024) return undefined;
  if (sealed.length <= ivBytes + tagBytes || sealed.length > sealedLimit) return undefined;
  return {
    operation: 'deriveSigningKey',
    aad,
    sealed,
    date: date.toString('utf8'),
    region: region.toString('utf8'),
    service: service.toString('utf8'),
  };
}

/** What a blob and its context need in a request. */
export function sealedBytes(blob: Buffer, context: Buffer): number {
  return 4 + blob.length + context.length;
}
