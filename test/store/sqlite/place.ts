import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A new folder that goes after the test, and the processes started in it before. */
export function makeFolder(): { folder: string; file: string; remove: () => void } {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'coffer-store-'));
  return { folder, file: join(folder, 'coffer.db'), remove: () => rmSync(folder, { recursive: true }) };
}

export interface Child {
  readonly lines: AsyncIterator<string>;
  /** Resolves when the process is gone. */
  kill(): Promise<void>;
}

/** Runs `child.ts`, which writes to the store in a loop. */
export function startChild(file: string): Child {
  const script = fileURLToPath(new URL('./child.ts', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [script, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  if (child.stdout === null) throw new Error('the child has no output');
  return {
    lines: createInterface(child.stdout)[Symbol.asyncIterator](),
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}
