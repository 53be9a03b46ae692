/** The half of the client that works with keys of every spec. */
import { createPublicKey } from 'node:crypto';
import { encodeEcdsa } from '../der.ts';
import { type Capability, HsmError, type KeyHsm, type MaterialRef } from '../keys/hsm.ts';
import {
  type MacAlgorithm,
  messageLimit,
  type OaepAlgorithm,
  type SigningAlgorithm,
  signingAlgorithms,
} from '../keys/spec/algorithm.ts';
import { algorithmsOf, type DataKeyPairSpec, type KeySpec, type KeyUsage } from '../keys/spec/key-spec.ts';
import { keySpecCodes, keyUsageCodes, macCodes, oaepCodes, signingCodes } from './code.ts';
import type { FrameWriter } from './frame.ts';
import { operationCodes as codes, contextLimit } from './request.ts';
import { isModulusLength, isPoint, isSignable, isSlow, makingFactor, slowFactor } from './request-key.ts';
import {
  type ReadResult,
  readBytes,
  readDataKeyPair,
  readJson,
  readNothing,
  readPublicAndBlob,
} from './result.ts';

/** Which host must serve a request: any, the one that makes and destroys objects, or the one that makes what takes long. */
export type Where = 'any' | 'keeper' | 'maker';

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

  /** Of the token, which doesn't change while it is the same. */
  #capabilities: Promise<readonly Capability[]> | undefined;

  capabilities(): Promise<readonly Capability[]> {
    this.#capabilities ??= this.send(
      codes.capabilities,
      0,
      () => {},
      readJson<readonly Capability[]>,
      'maker',
      slowFactor,
    ).catch((error: unknown) => {
      this.#capabilities = undefined;
      throw error;
    });
    return this.#capabilities;
  }
}

export function refuse(what: string): Promise<never> {
  return Promise.reject(new HsmError('internal', `the token tier takes no ${what}`));
}

/** The point of an EC public key, uncompressed; `undefined` where it is none that agrees on a secret. */
function pointOf(publicKey: Buffer): Buffer | undefined {
  try {
    const { x = '', y = '' } = createPublicKey({ key: publicKey, format: 'der', type: 'spki' }).export({
      format: 'jwk',
    });
    const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
    return isPoint(point) ? point : undefined;
  } catch {
    return undefined;
  }
}
