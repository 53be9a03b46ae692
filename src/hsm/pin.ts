/** The PIN: read where the operator put it, held in a Buffer, handed to the hosts alone. */
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import type { TokenConfig } from '../config.ts';

export class PinError extends Error {
  override readonly name = 'PinError';
}

export type ReadPin = () => Buffer;

/**
 * @returns what reads the PIN for one host: a Buffer that the caller zeroes. A file is read each time; a
 * descriptor once, now. A line end after the PIN isn't part of it.
 * @throws PinError
 */
export function pinSource({
  pinFile,
  pinDescriptor,
}: Pick<TokenConfig, 'pinFile' | 'pinDescriptor'>): ReadPin {
  if (pinFile !== undefined) return () => readPinFile(pinFile);
  if (pinDescriptor === undefined)
    throw new PinError('give the PIN by `token.pinFile` or `token.pinDescriptor`');
  let pin: Buffer;
  try {
    pin = trimmed(readFileSync(pinDescriptor));
    closeSync(pinDescriptor);
  } catch (cause) {
    throw new PinError(`can't read the PIN from the descriptor ${pinDescriptor}: pass it open for reading`, {
      cause,
    });
  }
  return () => Buffer.from(pin);
}

function readPinFile(file: string): Buffer {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (cause) {
    throw new PinError(
      `can't read the PIN file \`${file}\`: correct \`token.pinFile\`, or make it readable`,
      { cause },
    );
  }
  try {
    const mode = fstatSync(descriptor).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw new PinError(
        `the PIN file \`${file}\` is open to others (mode ${mode.toString(8)}): run \`chmod 600\` on it, and ` +
          'change the PIN if others were there',
      );
    }
    return trimmed(readFileSync(descriptor));
  } finally {
    closeSync(descriptor);
  }
}

function trimmed(read: Buffer): Buffer {
  let end = read.length;
  while (end > 0 && (read[end - 1] === 0x0a || read[end - 1] === 0x0d)) end--;
  if (end === 0)
    throw new PinError('the PIN is empty: put it where `token.pinFile` or `token.pinDescriptor` says');
  const pin = Buffer.from(read.subarray(0, end));
  read.fill(0);
  return pin;
}
