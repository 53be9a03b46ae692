import type { Page } from '../page.ts';
import type {
  AccessKeyMetadata,
  Entity,
  Group,
  InlinePolicy,
  ManagedPolicy,
  PolicyUsage,
  PolicyVersion,
  Role,
  User,
} from './entity.ts';

/** Which part of a list: what lies under a path, after a name, and how many. */
export interface Range {
  /** `/` is everything. */
  readonly pathPrefix: string;
  /** `next` of the page before. */
  readonly after: string | undefined;
  /** At least 1. */
  readonly limit: number;
}

/** Who has a managed policy: as one of its policies or as its boundary. */
export interface PolicyHolder {
  readonly type: 'User' | 'Group' | 'Role';
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly usage: 'attachment' | 'boundary';
}

/** How much of everything an account has. */
export interface IdentityCounts {
  readonly users: number;
  readonly groups: number;
  readonly roles: number;
  readonly policies: number;
  readonly policyVersions: number;
}

/**
 * What IAM's operations ask of identities. Never cached: nothing on the hot path needs it. Lists are in the
 * order of names, whatever their case; those without a range are short by IAM's limits.
 */
export interface Directory {
  findAccount(account: string): Promise<{ readonly name: string; readonly createdAt: number } | undefined>;
  findUser(account: string, name: string): Promise<User | undefined>;
  findGroup(account: string, name: string): Promise<Group | undefined>;
  findRole(account: string, name: string): Promise<Role | undefined>;
  /** By its unique id. */
  findEntity(id: string): Promise<Entity | undefined>;
  /** Also one of AWS's own. */
  findPolicy(arn: string): Promise<ManagedPolicy | undefined>;
  /** What of a policy is used in one account. */
  policyUsage(account: string, policyArn: string): Promise<PolicyUsage>;

  listUsers(account: string, range: Range): Promise<Page<User>>;
  listGroups(account: string, range: Range): Promise<Page<Group>>;
  listRoles(account: string, range: Range): Promise<Page<Role>>;
  /** Those of the account alone. */
  listPolicies(account: string, range: Range): Promise<Page<ManagedPolicy>>;
  listMembers(groupId: string, range: Range): Promise<Page<User>>;
  /** In no page: their order is that of type and name. */
  listPolicyHolders(account: string, policyArn: string): Promise<readonly PolicyHolder[]>;

  listGroupsOfUser(userId: string): Promise<readonly Group[]>;
  listInlinePolicies(id: string): Promise<readonly InlinePolicy[]>;
  /** ARNs of managed policies. */
  listAttachments(id: string): Promise<readonly string[]>;
  /** The newest first. */
  listPolicyVersions(policyArn: string): Promise<readonly PolicyVersion[]>;
  /** Of a user or root. */
  listAccessKeyMetadata(principalId: string): Promise<readonly AccessKeyMetadata[]>;
  counts(account: string): Promise<IdentityCounts>;
}
