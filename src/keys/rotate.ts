import type { Clock } from '../clock.ts';
import { abandonMaterial } from './abandon.ts';
import type { Hsm } from './hsm.ts';
import type { Key, Material, RotationType } from './key.ts';
import { newMaterial } from './material.ts';
import type { ChangeWriter, KeyChange } from './repository.ts';

/** Rotations on demand that a key may have in all (AWS KMS developer guide, "Resource quotas"). */
export const onDemandLimit = 25;
/** (AWS KMS API reference, EnableKeyRotation) */
export const defaultPeriodDays = 365;
export const dayMilliseconds = 86_400_000;

export interface RotationParts {
  readonly changes: ChangeWriter;
  readonly hsm: Hsm;
  readonly clock: Clock;
}

/** Why a key rotates. */
export interface RotationReason {
  readonly type: RotationType;
  /** The date that was reached, and the next one, where the key's schedule is why. */
  readonly schedule?: { readonly due: number; readonly next: number };
}

export type Begun =
  | {
      readonly type: 'made';
      /** Its object is in the token, and nobody encrypts with it yet. */
      readonly material: Material;
      /** What makes it the current one: to be applied with its record. */
      readonly change: KeyChange;
    }
  /** The key is no longer as it was read. */
  | { readonly type: 'conflict' }
  /** Another rotation is under way. */
  | { readonly type: 'exists' }
  | { readonly type: 'limit' };

/**
 * Makes the next material of a key: its row, which keeps any other rotation out, then its object. What fails is
 * taken back; what dies half-way is taken back by the next start (jobs/reconcile.ts).
 */
export async function beginRotation(key: Key, reason: RotationReason, parts: RotationParts): Promise<Begun> {
  const { region, account, keyId, currentMaterialId } = key;
  const { changes, hsm, clock } = parts;
  // It has none to replace: it awaits its first import.
  if (currentMaterialId === undefined) return { type: 'conflict' };
  const { type: rotationType, schedule } = reason;
  const material = newMaterial(keyId, clock.now());
  const rotation = {
    region,
    account,
    keyId,
    from: ['Enabled'],
    rotationType,
    currentMaterialId,
    ...(rotationType === 'ON_DEMAND' && { limit: onDemandLimit }),
  } as const;
  const begun = await changes.apply(
    { ...rotation, type: 'material-creating', material, ...(schedule && { due: schedule.due }) },
    undefined,
  );
  switch (begun.type) {
    case 'done':
      break;
    case 'conflict':
    case 'exists':
    case 'limit':
      return { type: begun.type };
    case 'not-found':
    case 'in-use':
      throw new Error(`a rotation was refused as \`${begun.type}\``);
  }
  try {
    await hsm.generateKey({ keyId, materialId: material.materialId });
  } catch (cause) {
    // Where even this fails, the material is nobody's, and the primary's job clears it up.
    await abandonMaterial(key, material.materialId, changes, hsm).catch(() => false);
    throw cause;
  }
  const { materialId } = material;
  return {
    type: 'made',
    material,
    change: {
      ...rotation,
      type: 'material-rotated',
      materialId,
      date: clock.now(),
      ...(schedule && { schedule }),
    },
  };
}

/**
 * The first date of the schedule that is still to come: whole periods after the one that was reached, however many
 * were missed, so that a service which was down rotates once and a late job moves no date.
 * @param due milliseconds since the epoch, as are `now` and the result
 */
export function nextRotation(due: number, periodInDays: number, now: number): number {
  const period = periodInDays * dayMilliseconds;
  return due + Math.max(1, Math.floor((now - due) / period) + 1) * period;
}
