/** One tier a folder: a socket that answers says that another is there, however it was started. */
import { randomBytes } from 'node:crypto';
import { linkSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { FolderError, lockSocketFile } from './folder.ts';

export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Locks the folder. The socket listens under a name of its own before it gets the one that all look for, and that
 * name is given by a link, which fails where it is taken: of two at once one wins.
 * @throws FolderError where another tier holds it
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, lockSocketFile);
  // No longer than the name of the lock: a socket's address has little room.
  const ownName = () => join(folder, `${randomBytes(4).toString('hex')}.sock`);
  const own = ownName();
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new FolderError(`can't listen on \`${own}\`: ${error.message}`)));
    server.listen(own, resolve);
  });
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  try {
    for (;;) {
      if (give(own, path)) break;
      const aside = ownName();
      // Taken away before it is asked: what is removed is then what was found dead, and not another's of just now.
      if (!(await answers(path)) && move(path, aside)) {
        if (await answers(aside)) give(aside, path);
        rmSync(aside, { force: true });
      }
      if (await answers(path)) {
        throw new FolderError(`another token tier runs in \`${folder}\`: end it, or name another folder`);
      }
    }
  } catch (error) {
    await close();
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
  return {
    release() {
      // While it still answers: once it doesn't, the name may be another's.
      rmSync(path, { force: true });
      return close();
    },
  };
}

/** @returns false where the name is taken @throws FolderError */
function give(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    const message = error instanceof Error ? error.message : String(error);
    throw new FolderError(`can't make \`${path}\`: ${message}`);
  }
}

/** @returns false where another was faster */
function move(path: string, aside: string): boolean {
  try {
    renameSync(path, aside);
    return true;
  } catch (error) {
    if (isCode(error, 'ENOENT')) return false;
    throw error;
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const other = connect(path);
    other.once('connect', () => {
      other.destroy();
      resolve(true);
    });
    other.once('error', () => resolve(false));
  });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
