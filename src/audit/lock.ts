import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TrailError } from './error.ts';

const retryMilliseconds = 25;
/** Held until it is released or the process is gone, however it went. */
export interface Lock {
  release(): Promise<void>;
}

/**
 * Makes sure of a folder's only writer: a second one would take the first one's unfinished write for a torn tail.
 * Node has no file locks, so flock(1) takes one on a file that it inherits. The lock then belongs to the open file
 * (flock(2)), which this process alone still has: the kernel gives it up with the process, and never before its last
 * write. The file lies in the folder, mode 0600, so nobody else can take it.
 * @param patience milliseconds to wait for a writer that is on its way out
 * @throws TrailError `locked`
 */
export async function lockFolder(folder: string, patience: number): Promise<Lock> {
  if (process.platform !== 'linux') return { release: async () => undefined };
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  const file = await open(join(folder, 'lock'), O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    for (let waited = 0; !(await tryLock(file)); waited += retryMilliseconds) {
      if (waited >= patience) {
        throw new TrailError('locked', `another process writes the trail in \`${folder}\`: end it first`);
      }
      await sleep(retryMilliseconds);
    }
  } catch (cause) {
    await file.close();
    throw cause;
  }
  return { release: () => file.close() };
}

/** @returns whether the lock is held now */
async function tryLock(file: FileHandle): Promise<boolean> {
  const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', file.fd] });
  const [code, signal] = await once(child, 'close').catch((cause: unknown) => {
    throw new Error('the trail needs the command `flock` to be locked: install util-linux', { cause });
  });
  if (code === 0) return true;
  if (code === 1) return false;
  throw new Error(`\`flock\` can't lock the trail (${signal ?? `code ${code}`})`);
}
