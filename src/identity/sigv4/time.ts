import { KmsError } from '../../errors.ts';

/** How far the clocks of client and server may be apart. */
const skew = 5 * 60_000;
/** The longest life of a presigned request, in seconds (a week). */
export const longestExpiry = 604_800;

function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

/** Reads `20260131T235959Z`. @returns milliseconds since the epoch, NaN where it is no such time */
export function parseBasicTime(text: string): number {
  if (text.length !== 16 || text[8] !== 'T' || text[15] !== 'Z') return Number.NaN;
  const year = digits(text, 0, 4);
  const month = digits(text, 4, 6);
  const day = digits(text, 6, 8);
  const hour = digits(text, 9, 11);
  const minute = digits(text, 11, 13);
  const second = digits(text, 13, 15);
  // Written so that NaN fails. Date.UTC would carry the 32nd, or the 29th of a short February, over.
  if (!(year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31)) return Number.NaN;
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return Number.NaN;
  if (day > 28 && new Date(Date.UTC(year, month - 1, day)).getUTCDate() !== day) return Number.NaN;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** @returns `20260131T235959Z`, or the empty text where `time` is NaN or out of range */
export function formatBasicTime(time: number): string {
  if (!(Math.abs(time) <= 8.64e15)) return '';
  const iso = new Date(time).toISOString();
  return iso.length === 24
    ? `${iso.slice(0, 4)}${iso.slice(5, 7)}${iso.slice(8, 13)}${iso.slice(14, 16)}${iso.slice(17, 19)}Z`
    : '';
}

/**
 * @param signed when it was signed, milliseconds since the epoch
 * @param expires seconds it lives after that, of a presigned request
 * @throws KmsError InvalidSignatureException
 */
export function checkTime(signed: number, expires: number | undefined, now: number): void {
  const expired = expires === undefined ? signed + skew < now : signed + expires * 1000 < now;
  if (expired) {
    const stale =
      expires === undefined
        ? `${formatBasicTime(now - skew)} (${formatBasicTime(now)} - 5 min.)`
        : `${formatBasicTime(now - expires * 1000)} (${formatBasicTime(now)} - ${expires} s.)`;
    throw new KmsError(
      'InvalidSignatureException',
      `Signature expired: ${formatBasicTime(signed)} is now earlier than ${stale}`,
    );
  }
  if (signed > now + skew) {
    throw new KmsError(
      'InvalidSignatureException',
      `Signature not yet current: ${formatBasicTime(signed)} is still later than ` +
        `${formatBasicTime(now + skew)} (${formatBasicTime(now)} + 5 min.)`,
    );
  }
}
