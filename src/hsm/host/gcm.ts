/** AES-256-GCM through pkcs11js: the hot path, with parameters and buffers that are used again. */
import pkcs11 from 'pkcs11js';
import { ivBytes, tagBytes } from '../../keys/ciphertext.ts';

export class Gcm {
  readonly #lib: pkcs11.PKCS11;
  /** The IV of the next call, 12 bytes: the caller writes it here. */
  readonly iv = Buffer.allocUnsafeSlow(ivBytes);
  /**
   * What C_Decrypt threw last: that may be the ciphertext's fault. C_DecryptInit hasn't seen the ciphertext, and
   * pkcs11js doesn't say which of them an error is of.
   */
  refusal: unknown;
  // INVARIANT: every member has its right type whenever the library is called: pkcs11js reads them natively
  // and a wrong one can make it free what it never allocated.
  readonly #parameter: pkcs11.AesGCM;
  readonly #mechanism: pkcs11.Mechanism;

  constructor(lib: pkcs11.PKCS11) {
    this.#lib = lib;
    this.#parameter = {
      // The form that carries ulIvBits: without it pkcs11js leaves that member uninitialised, which NSS refuses.
      type: pkcs11.CK_PARAMS_AES_GCM_v240,
      iv: this.iv,
      ivBits: ivBytes * 8,
      aad: this.iv,
      tagBits: tagBytes * 8,
    };
    this.#mechanism = { mechanism: pkcs11.CKM_AES_GCM, parameter: this.#parameter };
  }

  /**
   * @param aad 1 byte at least @param plaintext 1 byte at least
   * @param target takes ciphertext and tag: 16 bytes more than the plaintext
   * @returns how many bytes were written
   */
  encrypt(session: Buffer, key: Buffer, aad: Buffer, plaintext: Buffer, target: Buffer): number {
    this.#parameter.aad = aad;
    this.#lib.C_EncryptInit(session, this.#mechanism, key);
    return this.#lib.C_Encrypt(session, plaintext, target).length;
  }

  /**
   * @param ciphertext ciphertext and tag
   * @param target takes the plaintext, and is as long as `ciphertext`: SoftHSM asks for that much
   * @returns how many bytes were written
   */
  decrypt(session: Buffer, key: Buffer, aad: Buffer, ciphertext: Buffer, target: Buffer): number {
    this.#parameter.aad = aad;
    this.#lib.C_DecryptInit(session, this.#mechanism, key);
    try {
      return this.#lib.C_Decrypt(session, ciphertext, target).length;
    } catch (error) {
      this.refusal = error;
      throw error;
    }
  }
}
