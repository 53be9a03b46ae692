import type { Scope } from '../arn.ts';
import type { Tag } from '../tag.ts';
import type { Group, ManagedPolicy, Role, User } from './entity.ts';

/**
 * One change to identities, as plain data. Everything is named by its unique id, so that a change decided on
 * one user never reaches another that has its name meanwhile; an id that is gone is a conflict. A `limit` is of
 * how many there may be after the change.
 */
export type IdentityChange = Scope &
  (
    | { readonly type: 'account-created'; readonly name: string; readonly createdAt: number }
    | {
        readonly type: 'user-created';
        readonly user: User;
        readonly limit: number;
        /** Managed policies that the user has from the beginning: AWS's own. */
        readonly attachments?: readonly string[];
      }
    | { readonly type: 'group-created'; readonly group: Group; readonly limit: number }
    | { readonly type: 'role-created'; readonly role: Role; readonly limit: number }
    /** Of a user or group: another name, another path, or both. */
    | {
        readonly type: 'identity-renamed';
        readonly id: string;
        readonly name: string;
        readonly path: string;
        readonly arn: string;
      }
    /** What isn't given stays. */
    | {
        readonly type: 'role-updated';
        readonly id: string;
        readonly trustPolicy?: string;
        readonly description?: string;
        readonly maxSessionDuration?: number;
      }
    /** In use where anything but tags and a boundary belongs to it. */
    | { readonly type: 'identity-deleted'; readonly id: string }
    | {
        readonly type: 'member-added';
        readonly groupId: string;
        readonly userId: string;
        /** Groups a user may be in. */
        readonly limit: number;
      }
    | { readonly type: 'member-removed'; readonly groupId: string; readonly userId: string }
    | { readonly type: 'boundary-set'; readonly id: string; readonly policyArn: string | undefined }
    /** Of a user, a role or a managed policy. Keys of tags know no case. */
    | {
        readonly type: 'identity-tags-put';
        readonly id: string;
        readonly tags: readonly Tag[];
        readonly limit: number;
      }
    | { readonly type: 'identity-tags-removed'; readonly id: string; readonly tagKeys: readonly string[] }
    | {
        readonly type: 'inline-policy-put';
        readonly id: string;
        readonly name: string;
        readonly document: string;
        /** Characters of all inline policies together, white space not counted. */
        readonly limit: number;
      }
    | { readonly type: 'inline-policy-deleted'; readonly id: string; readonly name: string }
    | {
        readonly type: 'policy-created';
        readonly policy: ManagedPolicy;
        readonly document: string;
        readonly limit: number;
      }
    /** In use where it is attached, bounds anybody or has more than its default version. */
    | { readonly type: 'policy-deleted'; readonly id: string }
    | {
        readonly type: 'policy-version-created';
        readonly id: string;
        /** Must be the one after the last. */
        readonly version: number;
        readonly document: string;
        readonly isDefault: boolean;
        readonly createdAt: number;
        readonly limit: number;
      }
    /** In use where it is the default. */
    | { readonly type: 'policy-version-deleted'; readonly id: string; readonly version: number }
    | {
        readonly type: 'policy-default-set';
        readonly id: string;
        readonly version: number;
        readonly updatedAt: number;
      }
    /** Attaching again what is attached is done. */
    | {
        readonly type: 'policy-attached';
        readonly id: string;
        readonly policyArn: string;
        readonly limit: number;
      }
    | { readonly type: 'policy-detached'; readonly id: string; readonly policyArn: string }
    | {
        readonly type: 'access-key-created';
        readonly accessKeyId: string;
        /** A user or root. */
        readonly principalId: string;
        readonly sealedSecret: Buffer;
        readonly createdAt: number;
        readonly limit: number;
      }
    | {
        readonly type: 'access-key-status';
        readonly accessKeyId: string;
        readonly principalId: string;
        readonly active: boolean;
      }
    | { readonly type: 'access-key-deleted'; readonly accessKeyId: string; readonly principalId: string }
  );
