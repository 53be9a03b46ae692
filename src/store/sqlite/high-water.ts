import { closeSync, constants, fchmodSync, openSync, readFileSync, writeSync } from 'node:fs';

/**
 * How many encryptions have been reserved in all, beside the store: where the store says less, it was restored from
 * a backup, and what has been encrypted since is counted nowhere in it. Not synced: a mark that is behind after a
 * power failure says too little of a store that wasn't restored, which changes nothing.
 */
export interface HighWater {
  /** 0 where there is none. */
  readonly mark: number;
  /** Nothing happens where it is higher already. */
  raise(mark: number): void;
  close(): void;
}

/** 2^53 and more in decimal; always as many, so that a mark is written over the one before in one piece. */
const digits = 16;

/** @param file made, mode 0600, where there is none */
export function openHighWater(file: string): HighWater {
  const descriptor = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
  // The umask has no say, as with the store itself.
  fchmodSync(descriptor, 0o600);
  const text = readFileSync(descriptor, 'latin1');
  const mark = /^\d{16}$/.test(text) ? Number(text) : 0;
  let highest = mark;
  return {
    mark,
    raise(mark) {
      if (mark <= highest) return;
      highest = mark;
      writeSync(descriptor, String(mark).padStart(digits, '0'), 0, 'latin1');
    },
    close: () => closeSync(descriptor),
  };
}
