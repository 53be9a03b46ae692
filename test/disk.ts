import { execFileSync } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk of 16 MiB, and a file on it that takes what is left. */
export interface Disk {
  readonly folder: string;
  /** Takes all but so many bytes. */
  fill(left: number): void;
  free(): void;
  unmount(): void;
}

export function mountDisk(): Disk | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'coffer-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true, force: true });
    return undefined;
  }
  const ballast = join(folder, 'ballast');
  return {
    folder,
    fill(left) {
      const file = openSync(ballast, 'a');
      for (const chunk of [Buffer.alloc(65_536, 1), Buffer.alloc(1_024, 1)]) {
        try {
          for (;;) writeSync(file, chunk);
        } catch {
          // full, to this size of chunk
        }
      }
      ftruncateSync(file, Math.max(0, fstatSync(file).size - left));
      closeSync(file);
    },
    free: () => rmSync(ballast, { force: true }),
    unmount() {
      execFileSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
