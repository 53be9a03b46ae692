/** Requests of imports: their layouts, read as strictly as the others (request.ts). */
import { algorithmsOf, type KeySpec, type KeyUsage } from '../keys/spec/key-spec.ts';
import {
  mayWrap,
  type WrappingAlgorithm,
  type WrappingKeySpec,
  wrappedLimit,
} from '../keys/spec/wrapping.ts';
import { keySpecCodes, keyUsageCodes, operationCodes, wrappingCodes, wrappingKeySpecCodes } from './code.ts';

export type ImportRequest =
  | {
      readonly operation: 'createWrappingKey';
      readonly wrappingId: Buffer;
      readonly wrappingKeySpec: WrappingKeySpec;
      readonly algorithm: WrappingAlgorithm;
      readonly keySpec: KeySpec;
      readonly keyUsage: KeyUsage;
    }
  | { readonly operation: 'destroyWrappingKey'; readonly wrappingId: Buffer }
  | {
      readonly operation: 'importKey';
      readonly material: Buffer;
      readonly wrappingId: Buffer;
      readonly algorithm: WrappingAlgorithm;
      readonly keySpec: KeySpec;
      readonly keyUsage: KeyUsage;
      /** Of the material that alone may be imported; empty where any may. */
      readonly expected: Buffer;
      readonly wrapped: Buffer;
    };

const materialBytes = 32;
export const wrappingIdBytes = 16;
export const fingerprintBytes = 32;

/** Reads the body of a request of an import; `undefined` where it is none, or isn't exactly of its operation's layout. */
export function readImportRequest(code: number, body: Buffer): ImportRequest | undefined {
  switch (code) {
    case operationCodes.createWrappingKey:
      return readCreateWrappingKey(body);
    case operationCodes.destroyWrappingKey:
      return body.length === wrappingIdBytes
        ? { operation: 'destroyWrappingKey', wrappingId: body }
        : undefined;
    case operationCodes.importKey:
      return readImportKey(body);
    default:
      return undefined;
  }
}

/** Wrapping id 16 B ‖ wrapping key spec 1 B ‖ algorithm 1 B ‖ key spec 1 B ‖ key usage 1 B. */
function readCreateWrappingKey(body: Buffer): ImportRequest | undefined {
  if (body.length !== wrappingIdBytes + 4) return undefined;
  const wrappingKeySpec = wrappingKeySpecCodes[body[wrappingIdBytes] ?? -1];
  const algorithm = wrappingCodes[body[wrappingIdBytes + 1] ?? -1];
  const key = readKey(body, wrappingIdBytes + 2);
  if (wrappingKeySpec === undefined || algorithm === undefined || key === undefined) return undefined;
  if (!mayWrap(key.keySpec, algorithm, wrappingKeySpec)) return undefined;
  const wrappingId = body.subarray(0, wrappingIdBytes);
  return { operation: 'createWrappingKey', wrappingId, wrappingKeySpec, algorithm, ...key };
}

/**
 * Material 32 B ‖ wrapping id 16 B ‖ algorithm 1 B ‖ key spec 1 B ‖ key usage 1 B ‖ length of the expected fingerprint 1 B
 * (0 or 32) ‖ that ‖ wrapped material.
 */
function readImportKey(body: Buffer): ImportRequest | undefined {
  const namesAt = materialBytes + wrappingIdBytes;
  const expectedAt = namesAt + 4;
  if (body.length <= expectedAt) return undefined;
  const algorithm = wrappingCodes[body[namesAt] ?? -1];
  const key = readKey(body, namesAt + 1);
  const expected = body[namesAt + 3];
  if (algorithm === undefined || key === undefined) return undefined;
  if (expected !== 0 && expected !== fingerprintBytes) return undefined;
  const wrapped = body.subarray(expectedAt + expected);
  if (wrapped.length < 1 || wrapped.length > wrappedLimit) return undefined;
  return {
    operation: 'importKey',
    material: body.subarray(0, materialBytes),
    wrappingId: body.subarray(materialBytes, namesAt),
    algorithm,
    ...key,
    expected: body.subarray(expectedAt, expectedAt + expected),
    wrapped,
  };
}

function readKey(body: Buffer, at: number): { keySpec: KeySpec; keyUsage: KeyUsage } | undefined {
  const keySpec = keySpecCodes[body[at] ?? -1];
  const keyUsage = keyUsageCodes[body[at + 1] ?? -1];
  if (keySpec === undefined || keyUsage === undefined) return undefined;
  return algorithmsOf(keySpec, keyUsage).length === 0 ? undefined : { keySpec, keyUsage };
}
