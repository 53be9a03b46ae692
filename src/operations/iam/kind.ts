import type { z } from 'zod';
import { iamArn } from '../../arn.ts';
import type { KmsError } from '../../errors.ts';
import type { Entity, Group, Role, User } from '../../identity/entity.ts';
import type { IdentityRepository } from '../../identity/repository.ts';
import type { Tag } from '../../tag.ts';
import type { Caller, Facts, Plan, Result, Services, Subject } from '../operation.ts';
import { alreadyExists, noSuchEntity } from './errors.ts';
import { members } from './input.ts';
import { requestTagFacts } from './tags.ts';

/** Users, groups and roles, as far as IAM treats them alike. */
export interface Kind<T extends Entity = Entity> {
  readonly type: T['type'];
  readonly noun: 'user' | 'group' | 'role';
  /** The member of a request that names one. */
  readonly member: 'UserName' | 'GroupName' | 'RoleName';
  readonly name: z.ZodString;
  find(identities: IdentityRepository, account: string, name: string): Promise<T | undefined>;
}

export const userKind: Kind<User> = {
  type: 'User',
  noun: 'user',
  member: 'UserName',
  name: members.existingUserName,
  find: (identities, account, name) => identities.findUser(account, name),
};

export const groupKind: Kind<Group> = {
  type: 'Group',
  noun: 'group',
  member: 'GroupName',
  name: members.groupName,
  find: (identities, account, name) => identities.findGroup(account, name),
};

export const roleKind: Kind<Role> = {
  type: 'Role',
  noun: 'role',
  member: 'RoleName',
  name: members.roleName,
  find: (identities, account, name) => identities.findRole(account, name),
};

export const kinds: readonly Kind[] = [userKind, groupKind, roleKind];

export function unknownEntity({ noun }: Kind, name: string): KmsError {
  return noSuchEntity(`The ${noun} with name ${name} cannot be found.`);
}

export function nameTaken({ type }: Kind, name: string): KmsError {
  return alreadyExists(`${type} with name ${name} already exists.`);
}

/** `iam:ResourceTag/…`, which is `aws:ResourceTag/…` by its older name. */
export function resourceTagFacts(tags: readonly Tag[]): Facts {
  return Object.fromEntries(tags.map(({ key, value }) => [`iam:resourcetag/${key.toLowerCase()}`, value]));
}

/** What a statement of a policy may ask of the boundary that a user or role has. */
export function boundaryFacts(entity: Entity | undefined): Facts {
  if (entity === undefined || entity.type === 'Group') return {};
  return { 'iam:permissionsboundary': entity.boundary };
}

/** One user, group or role, there or not. Whoever may not ask learns nothing of which. */
export function entitySubject(
  { type, noun }: Kind,
  action: string,
  account: string,
  found: Entity | { readonly name: string; readonly path?: string; readonly arn?: string },
  facts: Facts = {},
): Subject {
  const tags = 'tags' in found ? found.tags : [];
  return {
    type: 'resource',
    action: `iam:${action}`,
    arn: found.arn ?? iamArn(account, noun, found.path ?? '/', found.name),
    account,
    resourceType: `AWS::IAM::${type}`,
    tags,
    facts: { ...resourceTagFacts(tags), ...facts },
  };
}

/** A user or role that is made: whoever makes it with tags must be allowed to tag it too. */
export function creationSubjects(
  kind: Kind<User | Role>,
  account: string,
  place: { readonly name: string; readonly path: string },
  tags: readonly Tag[],
  boundary: string | undefined,
): Subject[] {
  const facts = { ...requestTagFacts(tags), 'iam:permissionsboundary': boundary };
  const actions = [`Create${kind.type}`, ...(tags.length > 0 ? [`Tag${kind.type}`] : [])];
  return actions.map((action) => entitySubject(kind, action, account, place, facts));
}

/** Users, groups, roles or policies as a whole: what lies under a path. */
export function listSubject(
  noun: 'user' | 'group' | 'role' | 'policy',
  action: string,
  account: string,
  pathPrefix: string,
): Subject {
  const resourceType = {
    user: 'AWS::IAM::User',
    group: 'AWS::IAM::Group',
    role: 'AWS::IAM::Role',
    policy: 'AWS::IAM::Policy',
  }[noun];
  return {
    type: 'resource',
    action: `iam:${action}`,
    arn: iamArn(account, noun, pathPrefix, ''),
    account,
    resourceType,
  };
}

/**
 * The plan of an operation on one user, group or role of the caller's account, with its own permission on it.
 * @param name what the request names
 * @param facts what conditions may ask besides
 */
export async function planOn<T extends Entity>(
  kind: Kind<T>,
  action: string,
  name: string,
  caller: Caller,
  services: Services,
  result: (entity: T) => Result | Promise<Result>,
  facts: (entity: T | undefined) => Facts = () => ({}),
): Promise<Plan> {
  const { account } = caller.scope;
  const entity = await kind.find(services.identities, account, name);
  return {
    subjects: [entitySubject(kind, action, account, entity ?? { name }, facts(entity))],
    run() {
      if (entity === undefined) throw unknownEntity(kind, name);
      return result(entity);
    },
  };
}
