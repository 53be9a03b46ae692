/** Does what a request on a key of any spec asks. */
import type { OaepAlgorithm } from '../../keys/spec/algorithm.ts';
import { algorithmsOf, type KeyUsage } from '../../keys/spec/key-spec.ts';
import type { ImportRequest } from '../request-import.ts';
import type { KeyRequest } from '../request-key.ts';
import { Capabilities } from './capability.ts';
import { Failure } from './failure.ts';
import { type FoundKey, findKey, findPublicKey, specOf } from './found.ts';
import { Importer } from './import.ts';
import { generateKey } from './material.ts';
import type { Leave } from './mechanism.ts';
import { isNative } from './proof.ts';
import { fromModulus, publicKeyOf, spki } from './public-key.ts';
import type { Token } from './token.ts';
import {
  agreeWith,
  decryptRaw,
  decryptWith,
  isBelowModulus,
  type KeyInSession,
  macWith,
  signWith,
} from './use.ts';
import { destroyWrappingKey } from './wrapping.ts';

/** Requests whose answer is bytes: all but those that need what the hot path has. */
export type BytesRequest =
  | ImportRequest
  | Exclude<
      KeyRequest,
      { readonly operation: 'generateDataKeyPair' | 'generateDataKeyPairWithoutPlaintext' | 'wake' }
    >;

export class KeyPerformer {
  readonly #capabilities: Capabilities;
  readonly #importer: Importer;
  readonly #token: Token;
  readonly #leave: Leave;
  /** Which paddings the token takes off itself, found with the first key that decrypts. */
  readonly #native = new Map<OaepAlgorithm, boolean>();

  constructor(token: Token, leave: Leave) {
    this.#token = token;
    this.#leave = leave;
    this.#capabilities = new Capabilities(token, leave);
    this.#importer = new Importer(token, leave, this.#capabilities);
  }

  /** @returns the answer's body; where it is secret, the caller zeroes it */
  perform(request: BytesRequest): Buffer {
    const token = this.#token;
    switch (request.operation) {
      case 'makeKey': {
        const { material, keySpec, keyUsage } = request;
        const publicKey = generateKey(token, this.#capabilities, material, keySpec, keyUsage);
        return publicKey ?? Buffer.alloc(0);
      }
      case 'publicKey':
        return token.run(() => {
          const half = findPublicKey(token, request.material);
          return spki(publicKeyOf(half, specOf(half)));
        });
      case 'sign': {
        const { algorithm, data } = request;
        return token.run(() =>
          signWith(this.#find(request.material, 'SIGN_VERIFY', algorithm), algorithm, data),
        );
      }
      case 'mac': {
        const { algorithm, message } = request;
        return token.run(() =>
          macWith(this.#find(request.material, 'GENERATE_VERIFY_MAC', algorithm), algorithm, message),
        );
      }
      case 'deriveSharedSecret':
        return token.run(() =>
          agreeWith(this.#find(request.material, 'KEY_AGREEMENT', 'ECDH'), request.point),
        );
      case 'rsaDecrypt':
        return this.#decrypt(request.material, request.algorithm, request.ciphertext);
      case 'capabilities': {
        const found = { keys: this.#capabilities.all(), imports: this.#importer.ways() };
        return Buffer.from(JSON.stringify(found), 'utf8');
      }
      case 'createWrappingKey': {
        const { inToken, publicKey } = this.#importer.createWrappingKey(request);
        return Buffer.concat([flag(inToken), publicKey]);
      }
      case 'destroyWrappingKey':
        return flag(destroyWrappingKey(token, request.wrappingId));
      case 'importKey': {
        const { imported, inToken, fingerprint, publicKey } = this.#importer.importKey(request);
        return Buffer.concat([flag(imported), flag(inToken), fingerprint, publicKey ?? Buffer.alloc(0)]);
      }
      default:
        return request satisfies never;
    }
  }

  /** INVARIANT: whatever is wrong with the ciphertext, the answer is the same. */
  #decrypt(material: Buffer, algorithm: OaepAlgorithm, ciphertext: Buffer): Buffer {
    const token = this.#token;
    const plaintext = token.run(() => {
      const key = this.#find(material, 'ENCRYPT_DECRYPT', algorithm);
      if (!isBelowModulus(ciphertext, key.modulus)) return undefined;
      const native = this.#isNative(key, algorithm);
      try {
        return native ? decryptWith(key, algorithm, ciphertext) : decryptRaw(key, algorithm, ciphertext);
      } catch (error) {
        token.refusal = error;
        throw error;
      }
    }, true);
    if (plaintext === undefined) throw new Failure('invalid-ciphertext', 'the ciphertext is none of the key');
    return plaintext;
  }

  #isNative(key: KeyInSession & FoundKey, algorithm: OaepAlgorithm): boolean {
    const known = this.#native.get(algorithm);
    if (known !== undefined) return known;
    const native = this.#token.apart((session) =>
      isNative({ ...key, session: session.handle }, fromModulus(key.modulus), algorithm),
    );
    // What a token says that is gone isn't kept.
    if (!native) this.#token.assertHealthy();
    if (!native && !this.#leave.hostOaep) throw new Failure('unsupported', `the token can't do ${algorithm}`);
    this.#native.set(algorithm, native);
    return native;
  }

  /** @throws Failure `internal` where the key isn't for that: who asks knows what it is for */
  #find(material: Buffer, keyUsage: KeyUsage, algorithm: string): KeyInSession & FoundKey {
    const token = this.#token;
    const key = findKey(token, material);
    const algorithms: readonly string[] = algorithmsOf(key.keySpec, keyUsage);
    if (key.keyUsage !== keyUsage || !algorithms.includes(algorithm)) {
      throw new Failure('internal', `a key of ${key.keySpec} for ${key.keyUsage} doesn't do ${algorithm}`);
    }
    return { ...key, lib: token.lib, session: token.session };
  }
}

function flag(value: boolean): Buffer {
  return Buffer.of(value ? 1 : 0);
}
