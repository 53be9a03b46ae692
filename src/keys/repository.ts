import type { Scope } from '../arn.ts';
import type { AuditRecord } from '../audit/record.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { Page } from '../page.ts';
import type { Tag } from '../tag.ts';
import type { Grant } from './grant.ts';
import type { GrantIndex, GrantsSought } from './grant-index.ts';
import type { Alias, Key, KeyState, Material, RotationType } from './key.ts';
import type { WrappingKey } from './wrapping-key.ts';

/** What a grantee was given on a key. */
export interface GrantsFound {
  readonly grants: readonly Grant[];
  /** Whether there are more than a node keeps of one grantee: then they are to be sought for each request. */
  readonly more: boolean;
}

/** What may be read, in every process. Keys in states `Creating` and `Abandoning` are not there. */
export interface KeyRepository {
  /** At once where it is cached, which spares the hot path a promise. */
  findKey(scope: Scope, keyId: string): MaybePromise<Key | undefined>;
  /** A key whose account isn't known, as a ciphertext names it: ids are unique in a region. */
  findKeyAnywhere(region: string, keyId: string): MaybePromise<Key | undefined>;
  /** At once where it is cached. */
  findAlias(scope: Scope, aliasName: string): MaybePromise<Alias | undefined>;
  /** Key ids in their order. @param after the last id of the page before @param limit 1 to 1,000 */
  listKeyIds(scope: Scope, after: string | undefined, limit: number): Promise<Page<string>>;
  /** Aliases by name, of one key where `keyId` is given. */
  listAliases(
    scope: Scope,
    keyId: string | undefined,
    after: string | undefined,
    limit: number,
  ): Promise<Page<Alias>>;
  /** Tags by key. */
  listTags(scope: Scope, keyId: string, after: string | undefined, limit: number): Promise<Page<Tag>>;
  /** In whatever state it is. */
  findWrappingKey(scope: Scope, wrappingId: string): Promise<WrappingKey | undefined>;
  /** The grants on a key that name a grantee by exactly this id. At once where they are cached. */
  findGrants(scope: Scope, keyId: string, granteeId: string): MaybePromise<GrantsFound>;
  /** Of those, the ones that are sought, however many there are. */
  findGrantsSought(
    scope: Scope,
    keyId: string,
    granteeId: string,
    sought: GrantsSought,
  ): Promise<readonly Grant[]>;
  findGrant(scope: Scope, keyId: string, grantId: string): Promise<Grant | undefined>;
  /** The id of the grant that was made with this fingerprint. */
  findGrantId(scope: Scope, keyId: string, fingerprint: string): Promise<string | undefined>;
  /** Grants on a key by their ids, of one grantee where `granteeId` is given. */
  listGrants(
    scope: Scope,
    keyId: string,
    granteeId: string | undefined,
    after: string | undefined,
    limit: number,
  ): Promise<Page<Grant>>;
  /** Grants by their ids, on any key of a region, that name somebody to retire them. */
  listRetirableGrants(
    region: string,
    retiringId: string,
    after: string | undefined,
    limit: number,
  ): Promise<Page<Grant>>;
}

/**
 * One change to the store, as plain data: it crosses from an API worker to the primary. It names what must
 * hold (`from`), so that a change decided on what a cache said is refused where that is no longer so.
 */
export type KeyChange = Scope &
  /** With its policy and tags. */
  (
    | { readonly type: 'key-creating'; readonly key: Key }
    | { readonly type: 'key-created'; readonly keyId: string /** Of a pair. */; readonly publicKey?: Buffer }
    /** Gives up making a key: from here it can't become `Enabled`, and its object may go. */
    | { readonly type: 'key-abandoning'; readonly keyId: string }
    /** Removes an `Abandoning` row. */
    | { readonly type: 'key-abandoned'; readonly keyId: string }
    | {
        readonly type: 'key-state';
        readonly keyId: string;
        readonly from: readonly KeyState[];
        readonly to: KeyState;
        /** Set with `PendingDeletion`; must be the key's with `Destroying`, where given; cleared with any other state. */
        readonly deletionDate?: number;
      }
    /** Removes a `Destroying` key with its materials, aliases, tags and grants. */
    | { readonly type: 'key-destroyed'; readonly keyId: string }
    | {
        readonly type: 'key-description';
        readonly keyId: string;
        readonly from: readonly KeyState[];
        readonly description: string;
      }
    | {
        readonly type: 'key-policy';
        readonly keyId: string;
        readonly from: readonly KeyState[];
        /** As `Key.policy`. */
        readonly policy: string;
      }
    | {
        readonly type: 'rotation-enabled';
        readonly keyId: string;
        readonly from: readonly KeyState[];
        /** What `Key.rotation.next` must still be. */
        readonly due: number | undefined;
        readonly periodInDays: number;
        /** Milliseconds since the epoch. */
        readonly next: number;
      }
    | { readonly type: 'rotation-disabled'; readonly keyId: string; readonly from: readonly KeyState[] }
    | MaterialChange
    | ImportChange
    | { readonly type: 'alias-created'; readonly alias: Alias; readonly from: readonly KeyState[] }
    | {
        readonly type: 'alias-updated';
        readonly aliasName: string;
        /** The key the alias must still name. */
        readonly fromKeyId: string;
        readonly targetKeyId: string;
        readonly from: readonly KeyState[];
        readonly updatedAt: number;
      }
    | { readonly type: 'alias-deleted'; readonly aliasName: string; readonly fromKeyId: string }
    | {
        readonly type: 'tags-put';
        readonly keyId: string;
        readonly from: readonly KeyState[];
        readonly tags: readonly Tag[];
        /** How many tags a key may have in all. */
        readonly limit: number;
      }
    | {
        readonly type: 'tags-removed';
        readonly keyId: string;
        readonly from: readonly KeyState[];
        readonly tagKeys: readonly string[];
      }
    | {
        readonly type: 'grant-created';
        readonly grant: Grant;
        readonly from: readonly KeyState[];
        /** A conflict where the key has a grant of the same fingerprint. */
        readonly index: GrantIndex;
        /** How many grants a key may have in all. */
        readonly limit: number;
      }
    | { readonly type: 'grant-removed'; readonly keyId: string; readonly grantId: string }
    /** Changes nothing in the store: what was done to the token is in the record. */
    | { readonly type: 'recorded' }
  );

/**
 * The steps of an import, and of the way back. A material that is new to the key is `Creating` while the token makes
 * its object; then it is the current one, where it is the first, or awaits a rotation. A material that the key had before
 * keeps its row. What comes to nothing is taken back as of a rotation: `material-abandoning`, `material-abandoned`.
 *
 * INVARIANT: a key is `PendingImport` where it lacks a material, and there alone, but for what is going.
 */
export type ImportChange =
  | {
      readonly type: 'material-importing';
      readonly keyId: string;
      readonly from: readonly KeyState[];
      /** Its import is `Importing`; a conflict where the key has one of the same fingerprint. */
      readonly material: Material;
      /** What the current material must still be: `undefined` where there is none yet. */
      readonly currentMaterialId: string | undefined;
    }
  /** A material that was `Deleted` is `Importing`. */
  | {
      readonly type: 'material-importing-again';
      readonly keyId: string;
      readonly from: readonly KeyState[];
      readonly materialId: string;
    }
  | {
      readonly type: 'material-imported';
      readonly keyId: string;
      readonly from: readonly KeyState[];
      readonly materialId: string;
      /** What its import must still be: `Imported` where only this changes. */
      readonly was: 'Importing' | 'Imported';
      readonly validTo: number | undefined;
      /** The one it had where there is none. */
      readonly description: string | undefined;
      /** Of a pair. */
      readonly publicKey?: Buffer | undefined;
    }
  /** From here nobody uses the material, and its object may go. One that awaits its rotation is none of the key's any more. */
  | {
      readonly type: 'material-deleting';
      readonly keyId: string;
      readonly from: readonly KeyState[];
      readonly materialId: string;
      /** What its `validTo` must still be, where that is why. */
      readonly expired?: number;
    }
  | {
      readonly type: 'wrapping-key-creating';
      readonly wrappingKey: WrappingKey;
      readonly from: readonly KeyState[];
      /** How many a key may have in all that are in the token. */
      readonly limit: number;
    }
  | { readonly type: 'wrapping-key-created'; readonly wrappingId: string }
  /** Done also where it is `Destroying` already: from here nobody unwraps with it, and its object may go. */
  | { readonly type: 'wrapping-key-destroying'; readonly wrappingId: string }
  | { readonly type: 'wrapping-key-destroyed'; readonly wrappingId: string }
  /** Removes a `Destroyed` row. */
  | { readonly type: 'wrapping-key-forgotten'; readonly wrappingId: string };

/**
 * The steps of a rotation. The material is `Creating` while the token makes its object, then it is the current one;
 * or it is `Abandoning` while the object goes, then there is none.
 */
export type MaterialChange = { readonly keyId: string } & (
  | {
      readonly type: 'material-creating';
      readonly from: readonly KeyState[];
      readonly material: Material;
      readonly rotationType: RotationType;
      /** What the current material must still be. */
      readonly currentMaterialId: string;
      /** What `Key.rotation.next` must still be, where that is why. */
      readonly due?: number;
      /** How many rotations of this type a key may have in all. */
      readonly limit?: number;
    }
  /** Makes a `Creating` or `PendingRotation` material the current one. */
  | {
      readonly type: 'material-rotated';
      readonly from: readonly KeyState[];
      readonly materialId: string;
      readonly rotationType: RotationType;
      /** Milliseconds since the epoch. */
      readonly date: number;
      readonly currentMaterialId: string;
      /** The date that the rotation was due, which must still be the key's, and the next one. */
      readonly schedule?: { readonly due: number; readonly next: number };
      /** As above: a material that was imported has not been counted. */
      readonly limit?: number;
    }
  /** Done also where it is abandoned already, or gone: a conflict means that it is one of the key's. */
  | { readonly type: 'material-abandoning'; readonly materialId: string }
  /** Removes an `Abandoning` row. */
  | { readonly type: 'material-abandoned'; readonly materialId: string }
);

export type ChangeOutcome =
  | { readonly type: 'done' }
  /** What the change names as given no longer holds: read again and decide again. */
  | { readonly type: 'conflict' }
  | Refusal;

/** Why a change can't be made, which the caller is told. */
export type Refusal =
  /** The name is taken. */
  | { readonly type: 'exists' }
  /** More of something than `limit`. */
  | { readonly type: 'limit' }
  /** What belongs to the thing that the change is about isn't there: a policy of a user, an attachment. */
  | { readonly type: 'not-found' }
  /** Something else must go before. */
  | { readonly type: 'in-use'; readonly by: Dependent };

export type Dependent =
  | 'access-keys'
  | 'attachments'
  | 'inline-policies'
  | 'memberships'
  | 'members'
  | 'policy-versions'
  /** It is a policy's default version. */
  | 'default-version';

/**
 * Makes changes. One transaction holds the change, the next number of the change sequence and, where given,
 * the record in the outbox; when the promise resolves to `done` it is durable and every worker of this node
 * sees it.
 */
export interface ChangeWriter<Change extends Scope = KeyChange> {
  apply(change: Change, record: ChangeRecord): Promise<ChangeOutcome>;
}

/** What the trail tells of a change: nothing of a step that changes nothing for anybody. */
export type ChangeRecord = AuditRecord | readonly AuditRecord[] | undefined;

/** What a change makes stale. */
export interface Invalidation {
  readonly sequence: number;
  /** `<region>/<account>/<key id>`. */
  readonly keys: readonly string[];
  /** `<region>/<account>/<alias name>`. */
  readonly aliases: readonly string[];
  /** `<region>/<account>/<key id>/<grantee's id>`: all grants on the key that name the grantee. */
  readonly grants: readonly string[];
  /** Access key ids. */
  readonly credentials: readonly string[];
  /** Accounts of which a user, role, group or policy changed: all that is known of their identities is stale. */
  readonly accounts: readonly string[];
}
