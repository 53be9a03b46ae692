/** What the readers of trail and checkpoints take a JSON value for. */

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Lower-case hex of exactly so many digits. */
export const isHex = (value: unknown, digits: number): value is string =>
  typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value);

/** A whole number from 1 on. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 1;
