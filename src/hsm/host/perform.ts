/** Does what a request asks, and writes the answer. */
import pkcs11 from 'pkcs11js';
import { headerBytes, ivBytes, tagBytes, writeHeader } from '../../keys/ciphertext.ts';
import { errorCode, okCode } from '../answer.ts';
import type { FrameWriter } from '../frame.ts';
import { plaintextLimit, type Request, type SealedParts } from '../request.ts';
import { checkpointSpki, signCheckpoint } from './checkpoint.ts';
import { ckrText } from './ckr.ts';
import { claim, identity } from './claim.ts';
import { makeDataKeyPair } from './data-key-pair.ts';
import { Entropy } from './entropy.ts';
import { Failure } from './failure.ts';
import { labelHandle, materialHandle } from './handle.ts';
import { destroyMaterial, generateCipher } from './material.ts';
import type { Leave } from './mechanism.ts';
import { trailLabel } from './object.ts';
import { KeyPerformer } from './perform-key.ts';
import { Shells } from './shell.ts';
import { drawSecret, isDerivable, seal, signingKey, signingKeyBytes, unseal } from './signing.ts';
import type { Token } from './token.ts';

export class Performer {
  readonly entropy: Entropy;
  readonly #token: Token;
  readonly #restarts: number;
  readonly #keys: KeyPerformer;
  readonly #shells: Shells;
  readonly #wake: () => void;
  /** Header and context of the request in hand. */
  #aad = Buffer.allocUnsafeSlow(16 * 1024);
  /** A plaintext that doesn't come from or go to the client. */
  readonly #scratch = Buffer.allocUnsafeSlow(plaintextLimit + 6144);
  /** The IV of the request in hand; `gcm.iv` is also the health check's. */
  readonly #iv = Buffer.allocUnsafeSlow(ivBytes);
  readonly #mac = { mechanism: pkcs11.CKM_SHA256_HMAC };

  /** @param wake asks for the host that makes what takes long */
  constructor(token: Token, restarts: number, leave: Leave, wake: () => void) {
    this.#token = token;
    this.#restarts = restarts;
    this.#keys = new KeyPerformer(token, leave);
    this.#shells = new Shells(token);
    this.#wake = wake;
    this.entropy = new Entropy((target) => {
      token.run(() => token.lib.C_GenerateRandom(token.session, target));
    });
  }

  /** Always writes one answer. */
  perform(request: Request, id: number, writer: FrameWriter): void {
    const before = writer.length;
    try {
      this.#perform(request, id, writer);
    } catch (error) {
      writer.rewind(before);
      const failure = error instanceof Failure ? error : new Failure('internal', ckrText(error));
      const message = Buffer.from(failure.message, 'utf8');
      writer.begin(errorCode(failure.kind), id, message.length);
      writer.bytes(message);
    }
    writer.end();
  }

  #perform(request: Request, id: number, writer: FrameWriter): void {
    switch (request.operation) {
      case 'encrypt': {
        const { material, context, plaintext } = request;
        writer.begin(okCode, id, headerBytes + plaintext.length + tagBytes);
        this.#encrypt(material, context, plaintext, writer);
        return;
      }
      case 'decrypt': {
        const size = request.sealed.ciphertext.length;
        writer.begin(okCode, id, size);
        const room = writer.room(size);
        const length = this.#decrypt(request.sealed, room);
        writer.skip(length);
        room.fill(0, length);
        return;
      }
      case 'generateDataKey': {
        const { material, context, length } = request;
        const plaintext = this.#scratch.subarray(0, length);
        try {
          this.entropy.fill(plaintext);
          writer.begin(okCode, id, 2 + length + headerBytes + length + tagBytes);
          writer.u16(length);
          writer.bytes(plaintext);
          this.#encrypt(material, context, plaintext, writer);
        } finally {
          plaintext.fill(0);
        }
        return;
      }
      case 'generateDataKeyWithoutPlaintext': {
        const { material, context, length } = request;
        const plaintext = this.#scratch.subarray(0, length);
        try {
          this.entropy.fill(plaintext);
          writer.begin(okCode, id, headerBytes + length + tagBytes);
          this.#encrypt(material, context, plaintext, writer);
        } finally {
          plaintext.fill(0);
        }
        return;
      }
      case 'reEncrypt': {
        const room = this.#scratch.subarray(0, request.sealed.ciphertext.length);
        try {
          const plaintext = room.subarray(0, this.#decrypt(request.sealed, room));
          writer.begin(okCode, id, headerBytes + plaintext.length + tagBytes);
          this.#encrypt(request.material, request.context, plaintext, writer);
        } finally {
          room.fill(0);
        }
        return;
      }
      case 'random': {
        writer.begin(okCode, id, request.length);
        const room = writer.room(request.length);
        writer.skip(request.length);
        this.entropy.fill(room);
        return;
      }
      case 'trailMac': {
        writer.begin(okCode, id, 64);
        const room = writer.room(64);
        const token = this.#token;
        const length = token.run(() => {
          const key = labelHandle(token, trailLabel);
          token.lib.C_SignInit(token.session, this.#mac, key);
          return token.lib.C_Sign(token.session, request.data, room).length;
        });
        writer.skip(length);
        return;
      }
      case 'trailSign': {
        const signature = signCheckpoint(this.#token, request.data);
        writer.begin(okCode, id, signature.length);
        writer.bytes(signature);
        return;
      }
      case 'trailPublicKey': {
        const publicKey = checkpointSpki(this.#token);
        writer.begin(okCode, id, publicKey.length);
        writer.bytes(publicKey);
        return;
      }
      case 'createAccessKeySecret': {
        const secret = drawSecret(this.entropy);
        try {
          const sealed = seal(this.#token, this.entropy, request.aad, secret);
          writer.begin(okCode, id, 2 + secret.length + sealed.length);
          writer.u16(secret.length);
          writer.bytes(secret);
          writer.bytes(sealed);
        } finally {
          secret.fill(0);
        }
        return;
      }
      case 'deriveSigningKey': {
        const { date, region, service } = request;
        if (!isDerivable(date, region, service, Date.now())) {
          throw new Failure('internal', 'no signing key is derived for this date, region and service');
        }
        writer.begin(okCode, id, signingKeyBytes);
        const secret = unseal(this.#token, request.aad, request.sealed);
        try {
          const key = signingKey(secret, date, region, service);
          writer.bytes(key);
          key.fill(0);
        } finally {
          secret.fill(0);
        }
        return;
      }
      case 'generateKey':
        generateCipher(this.#token, request.material);
        writer.begin(okCode, id, 0);
        return;
      case 'destroyKey': {
        const existed = destroyMaterial(this.#token, request.material);
        writer.begin(okCode, id, 1);
        writer.u8(existed ? 1 : 0);
        return;
      }
      case 'claim':
        this.#token.run(() => claim(this.#token, Buffer.from(request.storeId)));
        writer.begin(okCode, id, 0);
        return;
      case 'identity':
        this.#json(
          this.#token.run(() => identity(this.#token)),
          id,
          writer,
        );
        return;
      case 'destroyShells':
        this.#json(
          this.#token.run(() => this.#shells.sweep()),
          id,
          writer,
        );
        return;
      case 'listObjects':
        this.#json(
          this.#token.run(() => this.#token.list()),
          id,
          writer,
        );
        return;
      case 'health': {
        const problem = this.#health();
        this.#json({ restarts: this.#restarts, ...(problem !== undefined && { problem }) }, id, writer);
        return;
      }
      case 'wake':
        this.#wake();
        writer.begin(okCode, id, 0);
        return;
      case 'generateDataKeyPair':
      case 'generateDataKeyPairWithoutPlaintext': {
        const { material, context, pairSpec } = request;
        const { publicKey, privateKey } = makeDataKeyPair(pairSpec);
        try {
          writer.begin(okCode, id, 4 + publicKey.length + 2 * privateKey.length + headerBytes + tagBytes);
          writer.u16(publicKey.length);
          writer.bytes(publicKey);
          if (request.operation === 'generateDataKeyPair') {
            writer.u16(privateKey.length);
            writer.bytes(privateKey);
          }
          this.#encrypt(material, context, privateKey, writer);
        } finally {
          privateKey.fill(0);
        }
        return;
      }
      default: {
        const answer = this.#keys.perform(request);
        try {
          writer.begin(okCode, id, answer.length);
          writer.bytes(answer);
        } finally {
          answer.fill(0);
        }
      }
    }
  }

  /** Appends the blob. The IV is drawn here and nowhere else. */
  #encrypt(material: Buffer, context: Buffer, plaintext: Buffer, writer: FrameWriter): void {
    const token = this.#token;
    const length = headerBytes + context.length;
    if (this.#aad.length < length) this.#aad = Buffer.allocUnsafeSlow(2 * length);
    const aad = this.#aad.subarray(0, length);
    const room = writer.room(headerBytes + plaintext.length + tagBytes);
    const iv = this.#iv;
    const size = token.run(() => {
      // INVARIANT: drawn before the look-up. Drawing may open the token anew, after which a handle of before can
      // name another key; and into a buffer of its own, since opening uses `gcm.iv`.
      this.entropy.fill(iv);
      const key = materialHandle(token, material, 'internal');
      writeHeader(aad, material, iv, 0);
      context.copy(aad, headerBytes);
      iv.copy(token.gcm.iv);
      return token.gcm.encrypt(token.session, key, aad, plaintext, room.subarray(headerBytes));
    });
    if (size !== plaintext.length + tagBytes) {
      throw new Failure('unsupported', `the token made ${size} bytes of ${plaintext.length} under AES-GCM`);
    }
    aad.copy(room, 0, 0, headerBytes);
    writer.skip(headerBytes + size);
  }

  /** @returns the plaintext's length; where it throws, the room is zeroed */
  #decrypt(sealed: SealedParts, room: Buffer): number {
    const token = this.#token;
    try {
      return token.run(() => {
        const key = materialHandle(token, sealed.material, 'invalid-ciphertext');
        sealed.iv.copy(token.gcm.iv);
        return token.gcm.decrypt(token.session, key, sealed.aad, sealed.ciphertext, room);
      }, true);
    } catch (error) {
      room.fill(0);
      throw error;
    }
  }

  #health(): string | undefined {
    if (this.#token.problem !== undefined) return this.#token.problem;
    try {
      this.#token.assertHealthy();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #json(value: unknown, id: number, writer: FrameWriter): void {
    const bytes = Buffer.from(JSON.stringify(value), 'utf8');
    writer.begin(okCode, id, bytes.length);
    writer.bytes(bytes);
  }
}
