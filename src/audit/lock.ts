import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TrailError } from './error.ts';

const retryMilliseconds = 25;

/** Held until it is released or the process is gone, however it went. */
export interface Lock {
  release(): Promise<void>;
}

/**
 * Makes sure of a folder's only writer on this machine: a second one would take the first one's unfinished write
 * for a torn tail. Node has no file locks, so the lock is a name in Linux's abstract socket namespace (unix(7)),
 * which the kernel gives up with the process and never before its last write.
 * @param patience milliseconds to wait for a writer that is on its way out
 * @throws TrailError `locked`
 */
export async function lockFolder(folder: string, patience: number): Promise<Lock> {
  if (process.platform !== 'linux') return { release: async () => undefined };
  const { dev, ino } = await stat(folder);
  const name = createHash('sha256').update(`coffer trail ${dev} ${ino}`).digest('hex').slice(0, 32);
  for (let waited = 0; ; waited += retryMilliseconds) {
    const server = await listen(`\0coffer-trail-${name}`);
    if (server !== undefined)
      return { release: () => new Promise((resolve) => server.close(() => resolve())) };
    if (waited >= patience) {
      throw new TrailError('locked', `another process writes the trail in \`${folder}\`: end it first`);
    }
    await sleep(retryMilliseconds);
  }
}

/** @returns `undefined` where the name is taken */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error) => {
      if ('code' in error && error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    // Exclusive: a worker of node:cluster would else be given the primary's socket, which is no lock at all.
    server.listen({ path, exclusive: true }, () => resolve(server.unref()));
  });
}
