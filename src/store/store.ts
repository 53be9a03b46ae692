import type { Scope } from '../arn.ts';
import type { AuditRecord } from '../audit/record.ts';
import type { IdentityChange } from '../identity/change.ts';
import type { AccessKey } from '../identity/credential.ts';
import type { Principal } from '../identity/principal.ts';
import type { IdentityRepository } from '../identity/repository.ts';
import type { MaterialRef } from '../keys/hsm.ts';
import type { ImportState, Key, KeyState } from '../keys/key.ts';
import type {
  ChangeOutcome,
  ChangeRecord,
  Invalidation,
  KeyChange,
  KeyRepository,
} from '../keys/repository.ts';
import type { KeySpec } from '../keys/spec/key-spec.ts';
import type { KeyUse, UseReader } from '../keys/uses.ts';
import type { WrappingKey } from '../keys/wrapping-key.ts';
import type { MaterialState } from './schema.ts';

/** All that a store changes. */
export type Change = KeyChange | IdentityChange;

export interface Account {
  /** Twelve digits. */
  readonly account: string;
  readonly name: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** What a change came to, and what it made stale: `undefined` unless the outcome is `done`. */
export interface Applied {
  readonly outcome: ChangeOutcome;
  readonly invalidation: Invalidation | undefined;
}

export interface PendingRecord {
  /** Its place in the outbox. */
  readonly id: number;
  readonly record: AuditRecord;
}

/** Which key a material in the token belongs to. */
export interface StoredMaterial extends Scope {
  readonly keySpec: KeySpec;
  readonly keyId: string;
  readonly materialId: string;
  readonly state: KeyState;
  readonly materialState: MaterialState;
  /** Null where it was not imported. */
  readonly importState: ImportState | null;
}

export interface ExpiringMaterial {
  readonly key: Key;
  readonly materialId: string;
  /** As the key's material has it. */
  readonly validTo: number;
}

/** Reads what is committed, in any process. Every method rejects with a StoreError where the store fails. */
export interface StoreReader extends KeyRepository, IdentityRepository, UseReader {
  /** The number of the last change. */
  changeSequence(): Promise<number>;
  listAccounts(): Promise<readonly Account[]>;
  close(): Promise<void>;
}

/**
 * The one writer of a store. Every method rejects with a StoreError where the store fails, and then nothing has
 * changed; it works again when the cause (a full disk) is gone. What has resolved is on the disk.
 */
export interface StoreWriter {
  /** 32 hex digits, made with the store. */
  readonly storeId: string;
  /**
   * Encryptions that this store, restored from a backup, knew nothing of: they have been added to the count of every
   * material, since any of them may have made them all. 0 where it was not.
   */
  readonly uncounted: number;
  /** How much there is, keys in every state. */
  count(): Promise<{ accounts: number; keys: number }>;
  changeSequence(): Promise<number>;
  /** One transaction: what the change presumes, the change, its number, and its records in the outbox. */
  apply(change: Change, record: ChangeRecord): Promise<Applied>;

  /** Keeps what was done last with keys. No cache holds it, so it is no change. */
  recordUses(uses: readonly KeyUse[]): Promise<void>;

  /** Records that are not known to be in the trail, oldest first. @param limit at least 1 */
  pendingRecords(limit: number): Promise<readonly PendingRecord[]>;
  /** To be called when the trail has them. @param ids as `pendingRecords` gave them */
  removeRecords(ids: readonly number[]): Promise<void>;

  /** Keys whose waiting period has ended, and those in `Destroying`. @param now milliseconds since the epoch */
  dueForDeletion(now: number): Promise<readonly Key[]>;
  /** Keys in `Creating`, being made or left behind by a process that died, and in `Abandoning`. */
  unfinishedCreations(): Promise<readonly Key[]>;
  /** Enabled keys whose rotation is due, longest first. @param now milliseconds since the epoch */
  dueForRotation(now: number, limit: number): Promise<readonly Key[]>;
  /**
   * Enabled symmetric keys, of those that Coffer generated, whose current material may have encrypted so often: no other
   * rotates by itself. The most worn first.
   */
  wornOut(encryptions: number, limit: number): Promise<readonly Key[]>;
  /**
   * Keys with a material that is being made, imported or deleted, or was when a process died: a pending one in `Creating`
   * or `Abandoning`, or one whose import is `Importing` or `Deleting`.
   */
  unfinishedMaterials(): Promise<readonly Key[]>;
  /** Imported materials that have expired, longest first, each with its key. @param now milliseconds since the epoch */
  dueForExpiry(now: number, limit: number): Promise<readonly ExpiringMaterial[]>;
  /** When the next imported material expires, in milliseconds since the epoch. */
  nextExpiry(): Promise<number | undefined>;
  /** Wrapping keys that may be in the token: of one key, or every one. */
  wrappingKeys(key?: Scope & { readonly keyId: string }): Promise<readonly WrappingKey[]>;
  /** Wrapping keys that were in the token until then, at least. */
  destroyedWrappingKeys(validTo: number, limit: number): Promise<readonly WrappingKey[]>;
  /**
   * Adds to the count of one of a key's materials.
   * @returns false where it would pass the limit, or there is no such material: then nothing was added
   */
  reserveEncryptions(material: Scope & MaterialRef, encryptions: number, limit: number): Promise<boolean>;
  /** The highest count of a material that is the current one of its key. */
  mostEncryptions(): Promise<number>;
  /** Every material that should have an object in the token, in pages. */
  allMaterials(): AsyncIterable<readonly StoredMaterial[]>;

  listAccounts(): Promise<readonly Account[]>;
  /** A user, or where no name is given the root of an account. */
  findPrincipal(account: string, userName: string | undefined): Promise<Principal | undefined>;
  listAccessKeys(principalId: string): Promise<readonly AccessKey[]>;
  /** With its root. @throws StoreError `constraint` where the account or its name is taken */
  createAccount(account: string, name: string): Promise<void>;

  /** Waits for what is under way, then lets go of the store. */
  close(): Promise<void>;
}
