/** The canary: the key that says whose a token is, and whose known answer says that the token decrypts. */
import { randomFillSync } from 'node:crypto';
import type graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { ivBytes, tagBytes } from '../../keys/ciphertext.ts';
import { OpenError } from './failure.ts';
import type { Gcm } from './gcm.ts';
import { attribute, canaryLabel, findKeys, isHalf } from './object.ts';

export interface FoundCanary {
  readonly key: graphene.SessionObject;
  /** 32 hex digits. */
  readonly storeId: string;
}

/** A ciphertext that the canary must decrypt, made when it was first seen. */
interface KnownAnswer {
  readonly storeId: string;
  readonly iv: Buffer;
  readonly ciphertext: Buffer;
}

const plaintext = Buffer.from('coffer known answer');

export class Canary {
  readonly #gcm: Gcm;
  #answer: KnownAnswer | undefined;

  constructor(gcm: Gcm) {
    this.#gcm = gcm;
  }

  /** Whether this token has had a canary. */
  get seen(): boolean {
    return this.#answer !== undefined;
  }

  /**
   * @returns `undefined` where there is none, or half of one, as a claim that was interrupted leaves it
   * @throws OpenError where there are several, or it is another than before; whatever the module does
   */
  find(session: graphene.Session): FoundCanary | undefined {
    const [key, second] = findKeys(session, { label: canaryLabel });
    if (key === undefined) return undefined;
    if (second !== undefined) throw new OpenError('refused', 'the token has more than one canary');
    const storeId = attribute(key, pkcs11.CKA_ID).toString('hex');
    if (this.#answer === undefined) {
      this.#answer = this.#make(session, key, storeId);
      if (this.#answer === undefined) return undefined;
    } else if (this.#answer.storeId !== storeId || !this.answers(session, key)) {
      throw new OpenError('absent', 'the token in the slot belongs to another store than before');
    }
    return { key, storeId };
  }

  /** Whether it still can be found. */
  shows(session: graphene.Session): boolean {
    return findKeys(session, { label: canaryLabel }).length > 0;
  }

  /** The known-answer decrypt. @throws whatever the module does */
  answers(session: graphene.Session, key: graphene.SessionObject): boolean {
    const answer = this.#answer;
    if (answer === undefined) return true;
    const target = Buffer.alloc(answer.ciphertext.length);
    answer.iv.copy(this.#gcm.iv);
    const length = this.#gcm.decrypt(session.handle, key.handle, plaintext, answer.ciphertext, target);
    return target.subarray(0, length).equals(plaintext);
  }

  #make(session: graphene.Session, key: graphene.SessionObject, storeId: string): KnownAnswer | undefined {
    const ciphertext = Buffer.alloc(plaintext.length + tagBytes);
    const iv = randomFillSync(Buffer.alloc(ivBytes));
    iv.copy(this.#gcm.iv);
    try {
      this.#gcm.encrypt(session.handle, key.handle, plaintext, plaintext, ciphertext);
    } catch (error) {
      // INVARIANT: only what the object itself lacks makes it half of one, never what an attempt came to: a canary
      // that failed in passing would make the token look like nobody's.
      if (isHalf(key)) return undefined;
      throw error;
    }
    return { storeId, iv, ciphertext };
  }
}
