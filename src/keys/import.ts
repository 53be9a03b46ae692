import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { abandonMaterial } from './abandon.ts';
import type { Hsm, ImportedKey, ImportResult } from './hsm.ts';
import { currentMaterialOf, type Key, type KeyState, type Material, type PendingMaterial } from './key.ts';
import { newImportedMaterial } from './material.ts';
import type { ChangeWriter, KeyChange } from './repository.ts';
import type { WrappingKey } from './wrapping-key.ts';

export interface ImportParts {
  readonly changes: ChangeWriter;
  readonly hsm: Hsm;
  readonly clock: Clock;
}

/** What is to be imported into a key, and what is said of it. */
export interface Parcel {
  readonly wrappingKey: WrappingKey;
  readonly wrapped: Buffer;
  /** Whether it must be new to the key, or one of its own. */
  readonly isNew: boolean;
  /** The name that it must have. */
  readonly keyMaterialId: string | undefined;
  /** Milliseconds since the epoch. */
  readonly validTo: number | undefined;
  readonly description: string | undefined;
}

export type BegunImport =
  | {
      readonly type: 'made';
      readonly material: Material | PendingMaterial;
      /** What makes it the key's: to be applied with its record. */
      readonly change: KeyChange;
      /** Whether it was unwrapped inside the token. */
      readonly inToken: boolean;
      /** Takes back what was made in the token. */
      readonly undo?: () => Promise<boolean>;
    }
  /** It is not what the key takes. */
  | { readonly type: 'incorrect' }
  /** The key has another material already that awaits its rotation. */
  | { readonly type: 'waiting' }
  /** A material of the key is being imported, or going. */
  | { readonly type: 'busy' }
  /** The key is no longer as it was read. */
  | { readonly type: 'conflict' };

/** No material has this fingerprint: what is imported under it is looked at, and nothing is made of it. */
const noFingerprint = Buffer.alloc(32);

/**
 * Makes the object of an imported material: first it is looked at, then its row keeps any other import of it out, then
 * the token makes the object of exactly this material. What fails is taken back; what dies half-way is taken back by the
 * next start (jobs/reconcile.ts). What is in the token already stays as it is, and only what is said of it changes.
 */
export async function beginImport(
  key: Key,
  from: readonly KeyState[],
  parcel: Parcel,
  { changes, hsm, clock }: ImportParts,
): Promise<BegunImport> {
  const { region, account, keyId } = key;
  const row = { region, account, keyId, from };
  const { validTo, description } = parcel;
  const looked = await hsm.importKey(imported(key, parcel, randomBytes(16).toString('hex'), noFingerprint));
  const fingerprint = looked.fingerprint.toString('hex');
  const known = [...key.materials, ...(key.pending ? [key.pending] : [])].find(
    ({ import: given }) => given?.fingerprint === fingerprint,
  );
  const named = parcel.keyMaterialId;
  if (parcel.isNew ? known !== undefined : known === undefined) return { type: 'incorrect' };
  if (named !== undefined && known?.keyMaterialId !== named) return { type: 'incorrect' };
  if (known?.import?.state === 'Imported') {
    const { materialId } = known;
    const change: KeyChange = {
      ...row,
      type: 'material-imported',
      materialId,
      was: 'Imported',
      validTo,
      description,
    };
    return { type: 'made', material: known, change, inToken: looked.inToken };
  }
  if (known !== undefined && known.import?.state !== 'Deleted') return { type: 'busy' };
  if (known === undefined && key.pending?.state === 'PendingRotation') return { type: 'waiting' };
  const material = known ?? newImportedMaterial(keyId, fingerprint, clock.now());
  const { materialId } = material;
  const begun = await changes.apply(
    known === undefined
      ? {
          ...row,
          type: 'material-importing',
          material,
          currentMaterialId: currentMaterialOf(key)?.materialId,
        }
      : { ...row, type: 'material-importing-again', materialId },
    undefined,
  );
  if (begun.type === 'conflict') return begun;
  if (begun.type === 'exists') return { type: 'busy' };
  if (begun.type !== 'done') throw new Error(`an import was refused as \`${begun.type}\``);
  const undo = () => abandonMaterial(key, materialId, changes, hsm);
  let made: ImportResult;
  try {
    made = await hsm.importKey(imported(key, parcel, materialId, looked.fingerprint));
    if (!made.imported) throw new Error('what is wrapped was one material, and then another');
  } catch (cause) {
    // Where even this fails, the material is nobody's, and the primary's job clears it up.
    await undo().catch(() => false);
    throw cause;
  }
  const { inToken, publicKey } = made;
  return {
    type: 'made',
    material,
    change: {
      ...row,
      type: 'material-imported',
      materialId,
      was: 'Importing',
      validTo,
      description,
      ...(publicKey !== undefined && { publicKey }),
    },
    inToken,
    undo,
  };
}

function imported(
  { keyId, keySpec, keyUsage }: Key,
  { wrappingKey, wrapped }: Parcel,
  materialId: string,
  expectedFingerprint: Buffer,
): ImportedKey {
  const { wrappingId, algorithm } = wrappingKey;
  return {
    material: { keyId, materialId },
    keySpec,
    keyUsage,
    wrappingId,
    wrappingAlgorithm: algorithm,
    wrapped,
    expectedFingerprint,
  };
}
