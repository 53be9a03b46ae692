import type { Group, ManagedPolicy, PolicyUsage, Role, User } from '../../identity/entity.ts';
import type { IdentityRepository } from '../../identity/repository.ts';
import type { Tag } from '../../tag.ts';
import { shownPolicy } from '../key-policy.ts';

/** Identities as IAM's answers have them. */

/** Policy documents are percent-encoded by RFC 3986 (IAM API reference, GetPolicyVersion). */
export function encodeDocument(document: string): string {
  return encodeURIComponent(document).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function tagList(tags: readonly Tag[]): { Key: string; Value: string }[] {
  return tags.map(({ key, value }) => ({ Key: key, Value: value }));
}

function boundary({ boundary: arn }: User | Role) {
  return (
    arn !== undefined && {
      PermissionsBoundary: { PermissionsBoundaryType: 'Policy', PermissionsBoundaryArn: arn },
    }
  );
}

/** As lists have it: without boundary and tags. */
export function userSummary({ path, name, id, arn, createdAt }: User) {
  return { Path: path, UserName: name, UserId: id, Arn: arn, CreateDate: new Date(createdAt) };
}

export function userShape(user: User) {
  return { ...userSummary(user), ...boundary(user), Tags: tagsOf(user.tags) };
}

export function groupShape({ path, name, id, arn, createdAt }: Group) {
  return { Path: path, GroupName: name, GroupId: id, Arn: arn, CreateDate: new Date(createdAt) };
}

/** As lists have it: without boundary and tags. */
export async function roleSummary(role: Role, identities: IdentityRepository) {
  const { path, name, id, arn, createdAt, description, maxSessionDuration } = role;
  return {
    Path: path,
    RoleName: name,
    RoleId: id,
    Arn: arn,
    CreateDate: new Date(createdAt),
    AssumeRolePolicyDocument: encodeDocument(await shownPolicy(role.trustPolicy, 'trust', identities)),
    Description: description,
    MaxSessionDuration: maxSessionDuration,
  };
}

export async function roleShape(role: Role, identities: IdentityRepository) {
  return { ...(await roleSummary(role, identities)), ...boundary(role), Tags: tagsOf(role.tags) };
}

/** AWS leaves out an empty list of tags. */
function tagsOf(tags: readonly Tag[]) {
  return tags.length === 0 ? undefined : tagList(tags);
}

/** As lists have it: without description and tags. */
export function policySummary(policy: ManagedPolicy, usage: PolicyUsage) {
  const { name, id, arn, path, defaultVersion, createdAt, updatedAt } = policy;
  return {
    PolicyName: name,
    PolicyId: id,
    Arn: arn,
    Path: path,
    DefaultVersionId: `v${defaultVersion}`,
    AttachmentCount: usage.attachments,
    PermissionsBoundaryUsageCount: usage.boundaries,
    IsAttachable: true,
    CreateDate: new Date(createdAt),
    UpdateDate: new Date(updatedAt),
  };
}

export function policyShape(policy: ManagedPolicy, usage: PolicyUsage) {
  return {
    ...policySummary(policy, usage),
    Description: policy.description,
    Tags: tagsOf(policy.tags),
  };
}

/** The name at the end of a managed policy's ARN. */
export function policyNameOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1);
}

/** The path in a managed policy's ARN. */
export function policyPathOf(arn: string): string {
  return arn.slice(arn.indexOf('/'), arn.lastIndexOf('/') + 1);
}
