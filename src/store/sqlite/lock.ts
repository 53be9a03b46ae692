import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '../error.ts';
import { resultCode, storeError } from './error.ts';
import { makePrivateFile } from './file.ts';

const busy = 5;

export interface Lock {
  release(): void;
}

/**
 * Holds a store for one writer as long as the process lives: an exclusive transaction on a file beside it,
 * whose lock the kernel releases, whatever the process dies of.
 * @throws StoreError `locked`
 */
export function lockStore(file: string): Lock {
  const held = new DatabaseSync(makePrivateFile(`${file}-lock`), { timeout: 0 });
  try {
    held.exec('begin exclusive');
  } catch (cause) {
    held.close();
    if (((resultCode(cause) ?? 0) & 0xff) !== busy) throw storeError(cause);
    throw new StoreError(
      'locked',
      `the store \`${file}\` is in use by another coffer: stop that one, or give this one a store of its own`,
      { cause },
    );
  }
  return { release: () => held.close() };
}
