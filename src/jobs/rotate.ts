import { abandonMaterial } from '../keys/abandon.ts';
import { HsmError } from '../keys/hsm.ts';
import type { Key } from '../keys/key.ts';
import { beginRotation, nextRotation, type RotationParts, type RotationReason } from '../keys/rotate.ts';
import { recordRotation } from '../operations/rotation.ts';
import type { DueTime } from './due.ts';

/**
 * Keys a run rotates at most: when thousands fall due together (a fleet that was set up in one day, a clock that was
 * wrong), they take hours, and neither the token nor who waits for it notices. Their dates are days.
 */
export const rotationsPerRun = 60;

export interface RotateJob extends RotationParts {
  readonly store: {
    dueForRotation(now: number, limit: number): Promise<readonly Key[]>;
    wornOut(encryptions: number, limit: number): Promise<readonly Key[]>;
  };
  readonly due: DueTime;
  /** Encryptions after which a material is replaced whatever the schedule says. */
  readonly wornAt: number;
  /** Whether to stop after the key in hand. */
  readonly ending?: () => boolean;
}

export interface Rotations {
  readonly rotated: number;
  /** Due, but held: see `DueTime`. */
  readonly held: number;
  readonly failures: readonly { readonly keyId: string; readonly cause: unknown }[];
}

/**
 * Rotates the keys whose date has come, and those whose material has encrypted enough, which can't wait.
 *
 * INVARIANT: each date rotates a key once, however many processes do this and wherever they die: the row of a new
 * material keeps every other rotation of its key out, and it becomes the current one only together with the key's
 * next date and only where the date is still the one that was reached.
 *
 * Time is `DueTime`'s: the wall clock of a running process that jumps ahead makes nothing due, and what seems due at
 * start waits an hour, so that a clock that is wrong at boot can be set right. A rotation harms no ciphertext, so a
 * key that rotates under a wrong clock all the same is rotated once too often; its next date is then as far off as that
 * clock was ahead, until EnableKeyRotation is called again.
 */
export async function rotateDueKeys(job: RotateJob): Promise<Rotations> {
  const now = job.due.now();
  let held = 0;
  const wanted: { key: Key; reason: RotationReason }[] = [];
  for (const key of await job.store.wornOut(job.wornAt, rotationsPerRun)) {
    wanted.push({ key, reason: { type: 'AUTOMATIC' } });
  }
  for (const key of await job.store.dueForRotation(now, rotationsPerRun)) {
    const { rotation } = key;
    if (rotation === undefined || wanted.some((other) => other.key.keyId === key.keyId)) continue;
    const schedule = { due: rotation.next, next: nextRotation(rotation.next, rotation.periodInDays, now) };
    if (job.due.isDue(schedule.due)) wanted.push({ key, reason: { type: 'AUTOMATIC', schedule } });
    else held += 1;
  }
  let rotated = 0;
  const failures: { keyId: string; cause: unknown }[] = [];
  for (const { key, reason } of wanted.slice(0, rotationsPerRun)) {
    if (job.ending?.()) break;
    try {
      if (await rotate(key, reason, job)) rotated += 1;
    } catch (cause) {
      failures.push({ keyId: key.keyId, cause });
      // Without a token the next would only wait as long again.
      if (cause instanceof HsmError && (cause.kind === 'unavailable' || cause.kind === 'timeout')) break;
    }
  }
  return { rotated, held, failures };
}

/** @returns false where somebody else rotates it, or it is no longer to be rotated */
async function rotate(key: Key, reason: RotationReason, job: RotateJob): Promise<boolean> {
  const begun = await beginRotation(key, reason, job);
  if (begun.type !== 'made') return false;
  let done = false;
  try {
    const record = recordRotation(job.clock, key, begun.material, reason.type);
    done = (await job.changes.apply(begun.change, record)).type === 'done';
  } finally {
    if (!done) await abandonMaterial(key, begun.material.materialId, job.changes, job.hsm).catch(() => false);
  }
  return done;
}
