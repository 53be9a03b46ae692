/** Access-key secrets: sealed under a token key, opened only to derive a SigV4 signing key. */
import { createHmac } from 'node:crypto';
import { ivBytes, tagBytes } from '../../keys/ciphertext.ts';
import type { Entropy } from './entropy.ts';
import { labelHandle } from './handle.ts';
import { sealingLabel } from './object.ts';
import type { Token } from './token.ts';

const secretCharacters = 40;
const alphabet = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 'latin1');

/** @returns 40 characters, each of 64 with the same chance: six bits of a byte */
export function drawSecret(entropy: Entropy): Buffer {
  const secret = Buffer.allocUnsafeSlow(secretCharacters);
  entropy.fill(secret);
  for (let index = 0; index < secret.length; index++) {
    secret[index] = alphabet[(secret[index] ?? 0) & 63] ?? 0;
  }
  return secret;
}

/** @returns IV ‖ ciphertext ‖ tag */
export function seal(token: Token, entropy: Entropy, aad: Buffer, secret: Buffer): Buffer {
  const sealed = Buffer.alloc(ivBytes + secret.length + tagBytes);
  token.run(() => {
    // INVARIANT: drawn before the look-up and into a buffer of its own, as where a material encrypts.
    entropy.fill(sealed.subarray(0, ivBytes));
    const key = labelHandle(token, sealingLabel);
    sealed.copy(token.gcm.iv, 0, 0, ivBytes);
    token.gcm.encrypt(token.session, key, aad, secret, sealed.subarray(ivBytes));
  });
  return sealed;
}

/** @returns the secret, which the caller zeroes @throws Failure `invalid-ciphertext` */
export function unseal(token: Token, aad: Buffer, sealed: Buffer): Buffer {
  const ciphertext = sealed.subarray(ivBytes);
  const secret = Buffer.alloc(ciphertext.length);
  try {
    const length = token.run(() => {
      const key = labelHandle(token, sealingLabel);
      sealed.copy(token.gcm.iv, 0, 0, ivBytes);
      return token.gcm.decrypt(token.session, key, aad, ciphertext, secret);
    }, true);
    return secret.subarray(0, length);
  } catch (error) {
    secret.fill(0);
    throw error;
  }
}

export const signingKeyBytes = 32;
/** A presigned request lives 7 days (AWS general reference, "X-Amz-Expires"), and clocks differ. */
const pastDays = 8;
const futureDays = 2;
/** Those whose API the service answers. */
const services: ReadonlySet<string> = new Set(['kms', 'iam', 'sts', 'cloudtrail']);
const dayMilliseconds = 86_400_000;

/**
 * Whether a signing key is derived for a scope: whoever takes an API process over must not carry off the keys of
 * years to come, or of services that there aren't.
 * @param date YYYYMMDD @param now by the host's own clock
 */
export function isDerivable(date: string, region: string, service: string, now: number): boolean {
  if (!services.has(service) || region.length > 64 || !/^[a-z]{2}(-[a-z]+)+-\d+$/.test(region)) return false;
  for (let day = -pastDays; day <= futureDays; day++) {
    const there = new Date(now + day * dayMilliseconds).toISOString().slice(0, 10).replaceAll('-', '');
    if (there === date) return true;
  }
  return false;
}

/**
 * The signing key of a day, region and service (AWS general reference, "Create a signed AWS API request",
 * step 4). @returns 32 bytes
 */
export function signingKey(secret: Buffer, date: string, region: string, service: string): Buffer {
  let key = Buffer.concat([Buffer.from('AWS4', 'latin1'), secret]);
  for (const part of [date, region, service, 'aws4_request']) {
    const next = createHmac('sha256', key).update(part, 'utf8').digest();
    key.fill(0);
    key = next;
  }
  return key;
}
