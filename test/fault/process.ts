import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as rest } from 'node:timers/promises';

/** Child processes, in the order in which they were started. */
export function children(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  const lists = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'));
  return lists.flatMap((list) => list.trim().split(' ').filter(Boolean).map(Number));
}

/** Whether a process is there and not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/**
 * Asks until the answer is yes.
 * @param what for the error where it is never yes
 * @returns how long it took, in milliseconds
 */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMilliseconds: number,
): Promise<number> {
  const begin = performance.now();
  for (;;) {
    if (await isSo()) return performance.now() - begin;
    if (performance.now() - begin > withinMilliseconds) {
      throw new Error(`not within ${withinMilliseconds} ms: ${what}`);
    }
    await rest(10);
  }
}
