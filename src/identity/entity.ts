import type { Tag } from '../tag.ts';

/** What users, groups, roles and managed policies have in common. */
interface Named {
  readonly account: string;
  /** Never given again: what is deleted and made anew under its name has another. */
  readonly id: string;
  /** Unique in its account among its kind, whatever its case. */
  readonly name: string;
  /** Begins and ends with a slash. */
  readonly path: string;
  /** Account, path and name. */
  readonly arn: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

export interface User extends Named {
  readonly type: 'User';
  /** The ARN of the managed policy that bounds what the user's policies can give. */
  readonly boundary: string | undefined;
  readonly tags: readonly Tag[];
}

export interface Group extends Named {
  readonly type: 'Group';
}

export interface Role extends Named {
  readonly type: 'Role';
  readonly boundary: string | undefined;
  readonly tags: readonly Tag[];
  /** JSON, in which users and roles have their unique ids. */
  readonly trustPolicy: string;
  readonly description: string | undefined;
  /** Seconds. */
  readonly maxSessionDuration: number;
}

export type Entity = User | Group | Role;

export interface ManagedPolicy extends Named {
  readonly description: string | undefined;
  /** Of version `v<number>`. */
  readonly defaultVersion: number;
  /** The highest number that a version has had. */
  readonly lastVersion: number;
  readonly updatedAt: number;
  readonly tags: readonly Tag[];
}

export interface PolicyVersion {
  readonly version: number;
  /** JSON. */
  readonly document: string;
  readonly createdAt: number;
}

/** How many users, groups and roles have a managed policy. */
export interface PolicyUsage {
  readonly attachments: number;
  readonly boundaries: number;
}

export interface InlinePolicy {
  readonly name: string;
  /** JSON. */
  readonly document: string;
}

/** An access key as its owner may see it. */
export interface AccessKeyMetadata {
  readonly accessKeyId: string;
  readonly active: boolean;
  readonly createdAt: number;
}
