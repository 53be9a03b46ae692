import { chmodSync, closeSync, fsyncSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { StoreError } from '../error.ts';

function isThere(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

function makeFolder(folder: string): void {
  if (mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) chmodSync(folder, 0o700);
  const status = statSync(folder);
  if ((status.mode & 0o022) !== 0) {
    throw new StoreError(
      'missing',
      `the folder \`${folder}\` may be written by others than its owner, who could replace the store: \`chmod 700\` it`,
    );
  }
}

/**
 * Makes a file, empty, mode 0600, in a folder that only its owner writes; the umask has no say. SQLite gives
 * `-wal` and `-shm` the mode of the file itself.
 *
 * INVARIANT: a file that is there is never opened here: closing any descriptor of it would release the locks
 * that this process holds on it (fcntl(2)).
 * @returns the path without symbolic links, so that one store has one name
 * @throws StoreError `missing` or `io`
 */
export function makePrivateFile(file: string): string {
  try {
    makeFolder(dirname(file));
    const path = join(realpathSync(dirname(file)), basename(file));
    try {
      closeSync(openSync(path, 'wx', 0o600));
    } catch (error) {
      if (!isThere(error)) throw error;
    }
    const resolved = realpathSync(path);
    chmodSync(resolved, 0o600);
    const folder = openSync(dirname(resolved), 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
    return resolved;
  } catch (cause) {
    if (cause instanceof StoreError) throw cause;
    throw new StoreError('io', `the store \`${file}\` can't be made: ${String(cause)}`, { cause });
  }
}
