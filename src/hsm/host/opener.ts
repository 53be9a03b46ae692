/** Taking material out of its wrapping: inside the token, or in the host's memory. */
import { createHmac, type KeyObject } from 'node:crypto';
import type graphene from 'graphene-pk11';
import { macAlgorithms, type OaepAlgorithm } from '../../keys/spec/algorithm.ts';
import type { KeySpec } from '../../keys/spec/key-spec.ts';
import { wrappingAlgorithms } from '../../keys/spec/wrapping.ts';
import { ckrClass } from './ckr.ts';
import { Failure } from './failure.ts';
import { identityLabel, type Material, malformed, privateKeyInMemory, secretInMemory } from './imported.ts';
import type { Kind, Leave } from './mechanism.ts';
import { isNative } from './proof.ts';
import type { Token } from './token.ts';
import { identityAlgorithm, type Parcel, Unwrapper } from './unwrap.ts';
import { decryptRaw, decryptWith, isBelowModulus } from './use.ts';
import { unwrapAes } from './wrap.ts';

export class Opener {
  readonly #token: Token;
  readonly #leave: Leave;
  readonly #unwrapper: Unwrapper;

  constructor(token: Token, leave: Leave) {
    this.#token = token;
    this.#leave = leave;
    this.#unwrapper = new Unwrapper(token);
  }

  /** The way that the wrapping key was made for. @throws Failure `invalid-ciphertext`, or whatever the module does */
  open(parcel: Parcel, keySpec: KeySpec, kind: Kind): Material {
    return parcel.wrapping.where === 'token'
      ? this.#unwrapper.open(parcel, keySpec, kind)
      : this.#openInMemory(parcel, keySpec, kind);
  }

  /** As open, with a wrapping key that was proved to do it: what can't be taken out then is not what it should be. */
  openProven(parcel: Parcel, keySpec: KeySpec, kind: Kind): Material {
    try {
      return this.open(parcel, keySpec, kind);
    } catch (error) {
      throw ckrClass(error) === 'unsupported' ? malformed() : error;
    }
  }

  /** Through the host's memory. @throws Failure `unsupported` where an operator forbids it */
  #openInMemory({ session, wrapping, algorithm, wrapped }: Parcel, keySpec: KeySpec, kind: Kind): Material {
    const { quirk } = this.#token;
    if (!this.#leave.hostUnwrap) {
      throw new Failure(
        'unsupported',
        'the token can not unwrap that, and hosts may not (`token.hostUnwrap`)',
      );
    }
    const { oaep, aesKeyWrap } = wrappingAlgorithms[algorithm];
    const size = wrapping.modulus.length;
    if (!isBelowModulus(wrapped.subarray(0, size), wrapping.modulus)) throw malformed();
    if (!aesKeyWrap && wrapped.length !== size) throw malformed();
    const first = this.#decrypt(
      session,
      wrapping.handle,
      wrapping.publicKey,
      oaep,
      wrapped.subarray(0, size),
    );
    if (first === undefined) throw malformed();
    const bytes = aesKeyWrap ? unwrapAes(first, wrapped.subarray(size)) : first;
    if (aesKeyWrap) first.fill(0);
    if (bytes === undefined) throw malformed();
    try {
      if ('secret' in kind) {
        const identity = secretIdentity(bytes, kind.secret.bytes);
        return secretInMemory(Buffer.from(bytes), kind.secret, identity, quirk);
      }
      return privateKeyInMemory(bytes, keySpec, kind.pair, quirk);
    } finally {
      bytes.fill(0);
    }
  }

  /** @returns `undefined` where it isn't padded */
  #decrypt(
    session: graphene.Session,
    handle: Buffer,
    publicKey: KeyObject,
    algorithm: OaepAlgorithm,
    ciphertext: Buffer,
  ): Buffer | undefined {
    const key = { lib: this.#token.lib, session: session.handle, handle, keySpec: 'RSA_2048' } as const;
    const native = this.#token.apart((other) =>
      isNative({ ...key, session: other.handle }, publicKey, algorithm),
    );
    try {
      return native ? decryptWith(key, algorithm, ciphertext) : decryptRaw(key, algorithm, ciphertext);
    } catch (error) {
      this.#token.refusal = error;
      throw error;
    }
  }
}

function secretIdentity(secret: Buffer, bytes: number): Buffer {
  const { hash } = macAlgorithms[identityAlgorithm(bytes)];
  return createHmac(hash, secret).update(identityLabel).digest();
}
