/** The half of the client that works with keys of every spec. */
import { createPublicKey } from 'node:crypto';
import { encodeEcdsa } from '../der.ts';
import {
  type Capabilities,
  HsmError,
  type ImportedKey,
  type ImportResult,
  type KeyHsm,
  type MaterialRef,
} from '../keys/hsm.ts';
import {
  type MacAlgorithm,
  messageLimit,
  type OaepAlgorithm,
  type SigningAlgorithm,
  signingAlgorithms,
} from '../keys/spec/algorithm.ts';
import { algorithmsOf, type DataKeyPairSpec, type KeySpec, type KeyUsage } from '../keys/spec/key-spec.ts';
import {
  mayWrap,
  type WrappingAlgorithm,
  type WrappingKeySpec,
  wrappedLimit,
} from '../keys/spec/wrapping.ts';
import {
  keySpecCodes,
  keyUsageCodes,
  macCodes,
  oaepCodes,
  signingCodes,
  wrappingCodes,
  wrappingKeySpecCodes,
} from './code.ts';
import type { FrameWriter } from './frame.ts';
import { operationCodes as codes, contextLimit, severalFactor } from './request.ts';
import { fingerprintBytes } from './request-import.ts';
import { isModulusLength, isPoint, isSignable, isSlow, makingFactor, slowFactor } from './request-key.ts';
import {
  type ReadResult,
  readBoolean,
  readBytes,
  readDataKeyPair,
  readImport,
  readJson,
  readNothing,
  readPublicAndBlob,
  readWrappingKey,
} from './result.ts';

/** Which host must serve a request: any, the one that makes and destroys objects, or the one that makes what takes long. */
export type Where = 'any' | 'keeper' | 'maker';

const capabilityMilliseconds = 60_000;

export abstract class KeyClient implements KeyHsm {
  /** Sends a request. @param size the body's, at most @param factor how many times the usual deadline it may take */
  protected abstract send<T>(
    code: number,
    size: number,
    write: (writer: FrameWriter) => void,
    read: ReadResult<T>,
    where?: Where,
    factor?: number,
  ): Promise<T>;

  async generateKey(
    material: MaterialRef,
    keySpec: KeySpec = 'SYMMETRIC_DEFAULT',
    keyUsage: KeyUsage = 'ENCRYPT_DECRYPT',
  ): Promise<Buffer | undefined> {
    if (algorithmsOf(keySpec, keyUsage).length === 0) return refuse(`a key of ${keySpec} for ${keyUsage}`);
    if (keySpec === 'SYMMETRIC_DEFAULT') {
      await this.send(codes.generateKey, 32, (writer) => writer.material(material), readNothing, 'keeper');
      return undefined;
    }
    const publicKey = await this.send(
      codes.makeKey,
      34,
      (writer) => {
        writer.material(material);
        writer.u8(keySpecCodes.indexOf(keySpec));
        writer.u8(keyUsageCodes.indexOf(keyUsage));
      },
      readBytes,
      isSlow(keySpec) ? 'maker' : 'keeper',
      makingFactor(keySpec),
    );
    return publicKey.length === 0 ? undefined : publicKey;
  }

  publicKey(material: MaterialRef): Promise<Buffer> {
    return this.send(codes.publicKey, 32, (writer) => writer.material(material), readBytes);
  }

  async sign(material: MaterialRef, algorithm: SigningAlgorithm, data: Buffer): Promise<Buffer> {
    if (!isSignable(algorithm, data)) return refuse(`${data.length} bytes to sign with ${algorithm}`);
    const signature = await this.#use(codes.sign, material, signingCodes.indexOf(algorithm), data);
    return signingAlgorithms[algorithm].scheme === 'ECDSA' ? encodeEcdsa(signature) : signature;
  }

  mac(material: MaterialRef, algorithm: MacAlgorithm, message: Buffer): Promise<Buffer> {
    const { length } = message;
    if (length < 1 || length > messageLimit) return refuse(`a message of ${length} bytes`);
    return this.#use(codes.mac, material, macCodes.indexOf(algorithm), message);
  }

  rsaDecrypt(material: MaterialRef, algorithm: OaepAlgorithm, ciphertext: Buffer): Promise<Buffer> {
    if (!isModulusLength(ciphertext.length)) {
      return Promise.reject(new HsmError('invalid-ciphertext', 'not as long as a modulus'));
    }
    return this.#use(codes.rsaDecrypt, material, oaepCodes.indexOf(algorithm), ciphertext);
  }

  #use(code: number, material: MaterialRef, algorithm: number, data: Buffer): Promise<Buffer> {
    return this.send(
      code,
      33 + data.length,
      (writer) => {
        writer.material(material);
        writer.u8(algorithm);
        writer.bytes(data);
      },
      readBytes,
    );
  }

  deriveSharedSecret(material: MaterialRef, publicKey: Buffer): Promise<Buffer> {
    const point = pointOf(publicKey);
    if (point === undefined) return refuse('a public key but one of a NIST curve');
    return this.send(
      codes.deriveSharedSecret,
      32 + point.length,
      (writer) => {
        writer.material(material);
        writer.bytes(point);
      },
      readBytes,
    );
  }

  generateDataKeyPair(
    material: MaterialRef,
    context: Buffer,
    pairSpec: DataKeyPairSpec,
  ): Promise<{ publicKey: Buffer; privateKeyPlaintext: Buffer; privateKeyBlob: Buffer }> {
    return this.#dataKeyPair(codes.generateDataKeyPair, material, context, pairSpec, readDataKeyPair);
  }

  generateDataKeyPairWithoutPlaintext(
    material: MaterialRef,
    context: Buffer,
    pairSpec: DataKeyPairSpec,
  ): Promise<{ publicKey: Buffer; privateKeyBlob: Buffer }> {
    const code = codes.generateDataKeyPairWithoutPlaintext;
    return this.#dataKeyPair(code, material, context, pairSpec, readPublicAndBlob);
  }

  #dataKeyPair<T>(
    code: number,
    material: MaterialRef,
    context: Buffer,
    pairSpec: DataKeyPairSpec,
    read: ReadResult<T>,
  ): Promise<T> {
    if (context.length > contextLimit) return refuse(`a context of ${context.length} bytes`);
    return this.send(
      code,
      33 + context.length,
      (writer) => {
        writer.material(material);
        writer.u8(keySpecCodes.indexOf(pairSpec));
        writer.bytes(context);
      },
      read,
      isSlow(pairSpec) ? 'maker' : 'any',
      makingFactor(pairSpec),
    );
  }

  createWrappingKey(
    wrappingId: string,
    wrappingKeySpec: WrappingKeySpec,
    wrappingAlgorithm: WrappingAlgorithm,
    keySpec: KeySpec,
    keyUsage: KeyUsage,
  ): Promise<{ publicKey: Buffer; inToken: boolean }> {
    if (!isWrappingId(wrappingId)) return refuse(`a wrapping id \`${wrappingId}\``);
    const fits =
      mayWrap(keySpec, wrappingAlgorithm, wrappingKeySpec) && algorithmsOf(keySpec, keyUsage).length > 0;
    if (!fits) return refuse(`material of ${keySpec} by ${wrappingAlgorithm} under ${wrappingKeySpec}`);
    return this.send(
      codes.createWrappingKey,
      20,
      (writer) => {
        writer.bytes(Buffer.from(wrappingId, 'hex'));
        writer.u8(wrappingKeySpecCodes.indexOf(wrappingKeySpec));
        writer.u8(wrappingCodes.indexOf(wrappingAlgorithm));
        writer.u8(keySpecCodes.indexOf(keySpec));
        writer.u8(keyUsageCodes.indexOf(keyUsage));
      },
      readWrappingKey,
      'maker',
      slowFactor,
    );
  }

  destroyWrappingKey(wrappingId: string): Promise<boolean> {
    if (!isWrappingId(wrappingId)) return refuse(`a wrapping id \`${wrappingId}\``);
    const id = Buffer.from(wrappingId, 'hex');
    return this.send(codes.destroyWrappingKey, 16, (writer) => writer.bytes(id), readBoolean, 'keeper');
  }

  importKey(imported: ImportedKey): Promise<ImportResult> {
    const { material, keySpec, keyUsage, wrappingId, wrappingAlgorithm, wrapped, expectedFingerprint } =
      imported;
    const expected = expectedFingerprint ?? Buffer.alloc(0);
    if (!isWrappingId(wrappingId)) return refuse(`a wrapping id \`${wrappingId}\``);
    if (algorithmsOf(keySpec, keyUsage).length === 0) return refuse(`a key of ${keySpec} for ${keyUsage}`);
    if (expected.length !== 0 && expected.length !== fingerprintBytes) {
      return refuse(`a fingerprint of ${expected.length} bytes`);
    }
    if (wrapped.length < 1 || wrapped.length > wrappedLimit) {
      return refuse(`wrapped material of ${wrapped.length} bytes`);
    }
    return this.send(
      codes.importKey,
      52 + expected.length + wrapped.length,
      (writer) => {
        writer.material(material);
        writer.bytes(Buffer.from(wrappingId, 'hex'));
        writer.u8(wrappingCodes.indexOf(wrappingAlgorithm));
        writer.u8(keySpecCodes.indexOf(keySpec));
        writer.u8(keyUsageCodes.indexOf(keyUsage));
        writer.u8(expected.length);
        writer.bytes(expected);
        writer.bytes(wrapped);
      },
      readImport,
      'keeper',
      severalFactor,
    );
  }

  #capabilities: { readonly at: number; readonly found: Promise<Capabilities> } | undefined;

  /** Asked for again after a minute: the token tier may have been started anew, with another configuration. */
  capabilities(): Promise<Capabilities> {
    const now = performance.now();
    const known = this.#capabilities;
    if (known !== undefined && now - known.at < capabilityMilliseconds) return known.found;
    const found = this.send(codes.capabilities, 0, () => {}, readJson<Capabilities>, 'maker', slowFactor);
    const asked = { at: now, found };
    this.#capabilities = asked;
    found.catch(() => {
      if (this.#capabilities === asked) this.#capabilities = undefined;
    });
    return found;
  }
}

export function refuse(what: string): Promise<never> {
  return Promise.reject(new HsmError('internal', `the token tier takes no ${what}`));
}

function isWrappingId(wrappingId: string): boolean {
  return /^[0-9a-f]{32}$/.test(wrappingId);
}

/**
 * The point of an EC public key, uncompressed; `undefined` where it is none that agrees on a secret, or isn't encoded as
 * RFC 5480 has it: with a named curve and an uncompressed point, in DER.
 */
function pointOf(publicKey: Buffer): Buffer | undefined {
  try {
    const jwk = createPublicKey({ key: publicKey, format: 'der', type: 'spki' }).export({ format: 'jwk' });
    const again = createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' });
    const { x = '', y = '' } = jwk;
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
    return isPoint(point) && again.equals(publicKey) ? point : undefined;
  } catch {
    return undefined;
  }
}
