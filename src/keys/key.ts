import type { Scope } from '../arn.ts';
import type { Tag } from '../tag.ts';
import type { Algorithm } from './spec/algorithm.ts';
import { algorithmsOf, type KeySpec, type KeyUsage } from './spec/key-spec.ts';

/**
 * `Creating`: the row is there, the token object may not be; nobody sees the key yet.
 * `Abandoning`: it won't be made; the token object, if there is one, is going. Nobody ever saw the key.
 * `Destroying`: the waiting period has ended and the token object is going; it can't be cancelled any more.
 * These are ours; the API shows `Destroying` as `PendingDeletion` and never shows the other two.
 */
export type KeyState =
  | 'Creating'
  | 'Abandoning'
  | 'Enabled'
  | 'Disabled'
  | 'PendingDeletion'
  | 'PendingImport'
  | 'Destroying';

export type { KeySpec, KeyUsage };
export type KeyOrigin = 'AWS_KMS' | 'EXTERNAL';

export type RotationType = 'AUTOMATIC' | 'ON_DEMAND';

/**
 * `Importing`: the token object may be there or not.
 * `Imported`: it is there.
 * `Deleting`: it is going, and nobody uses it any more.
 * `Deleted`: it is gone, and the same material may be imported again.
 */
export type ImportState = 'Importing' | 'Imported' | 'Deleting' | 'Deleted';

/** What is known of a material that was imported. */
export interface Import {
  readonly state: ImportState;
  /** 64 lower-case hex digits: tells this material from all other of the key, and nothing of what it is. */
  readonly fingerprint: string;
  /** When it expires, in milliseconds since the epoch; only while it is there, and where it does. */
  readonly validTo?: number;
  /** What was said of it when it was last imported with a description. */
  readonly description?: string;
}

/** One generation of a key's secret, an object in the token. */
export interface Material {
  /** 16 random bytes as 32 lower-case hex digits: the token object's CKA_ID. */
  readonly materialId: string;
  /** 64 lower-case hex digits: what the API calls `KeyMaterialId`. */
  readonly keyMaterialId: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** How it became the current one, and when (milliseconds since the epoch); the first never did. */
  readonly rotation?: { readonly type: RotationType; readonly date: number };
  /** Of material that the token didn't make. */
  readonly import?: Import;
}

/**
 * `Creating`: the row is there, the token object may not be.
 * `Abandoning`: it won't be made; the token object, if there is one, is going.
 * `PendingRotation`: imported, and becomes the current one when the key is rotated on demand.
 */
export type PendingMaterialState = 'Creating' | 'Abandoning' | 'PendingRotation';

/** A material that is not one of the key's yet: it neither encrypts nor decrypts. */
export interface PendingMaterial extends Omit<Material, 'rotation'> {
  readonly state: PendingMaterialState;
  /** The rotation that makes it. */
  readonly rotationType?: RotationType;
}

/** What the store knows of a key. Immutable: a change makes a new one. */
export interface Key extends Scope {
  /** A UUID, lower case. */
  readonly keyId: string;
  readonly state: KeyState;
  readonly description: string;
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
  readonly origin: KeyOrigin;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch; only while the state is `PendingDeletion` or `Destroying`. */
  readonly deletionDate?: number;
  /** The material that encrypts: one of `materials`. None where no material was ever imported. */
  readonly currentMaterialId?: string;
  /** Every material that decrypts, oldest first; while the key awaits an import, its object may be missing. */
  readonly materials: readonly Material[];
  /** At most one at a time. */
  readonly pending?: PendingMaterial;
  /** While the key rotates by itself. */
  readonly rotation?: {
    readonly periodInDays: number;
    /** Milliseconds since the epoch. */
    readonly next: number;
  };
  /** Of a pair, as SubjectPublicKeyInfo in DER. It outlives the material: no other can be imported after it. */
  readonly publicKey?: Buffer;
  /** Algorithms of its spec that the token couldn't do when the key was made, where there are any. */
  readonly lacking?: readonly Algorithm[];
  /** The key policy's JSON, where users and roles are named by their unique ids; `undefined` for the default policy. */
  readonly policy: string | undefined;
  readonly tags: readonly Tag[];
  /** Names of the aliases that name the key, in their order. */
  readonly aliases: readonly string[];
}

/** Whether all material is there that the key needs for what it does: else it awaits an import. */
export function hasItsMaterial({ currentMaterialId, materials }: Key): boolean {
  return (
    currentMaterialId !== undefined &&
    materials.every(({ import: given }) => given === undefined || given.state === 'Imported')
  );
}

export function currentMaterialOf({ currentMaterialId, materials }: Key): Material | undefined {
  return materials.find(({ materialId }) => materialId === currentMaterialId);
}

export interface Alias extends Scope {
  /** Begins with `alias/`. */
  readonly aliasName: string;
  readonly targetKeyId: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The algorithms of a key: those of its spec and usage that its token can do. */
export function algorithmsOfKey({ keySpec, keyUsage, lacking }: Key): readonly Algorithm[] {
  const all = algorithmsOf(keySpec, keyUsage);
  return lacking === undefined ? all : all.filter((algorithm) => !lacking.includes(algorithm));
}
