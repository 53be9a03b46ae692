import { z } from 'zod';
import { iamArn } from '../../arn.ts';
import type { Role } from '../../identity/entity.ts';
import { newIdentifier } from '../../identity/identifier.ts';
import { limits } from '../../identity/limits.ts';
import { defineOperation } from '../operation.ts';
import { requireBoundary } from './boundary.ts';
import { storedTrustPolicy } from './document.ts';
import { alreadyExists, limitExceeded, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { entitySubject, listSubject, planOn, roleKind } from './kind.ts';
import { iamPage } from './page.ts';
import { roleShape, roleSummary } from './shape.ts';
import { readTags, requestTagFacts } from './tags.ts';

/** Seconds: what a role has that wasn't told. */
const usualDuration = 3_600;

export const createRole = defineOperation({
  service: 'iam',
  name: 'CreateRole',
  readOnly: false,
  input: z.strictObject({
    RoleName: members.roleName,
    AssumeRolePolicyDocument: members.document,
    Path: members.path.optional(),
    Description: members.description.optional(),
    MaxSessionDuration: members.maxSessionDuration.optional(),
    PermissionsBoundary: members.arn.optional(),
    Tags: members.tags.optional(),
  }),
  plan(input, caller, services) {
    const { RoleName: name, Path: path = '/', PermissionsBoundary: boundary } = input;
    const { account } = caller.scope;
    const { identities, clock } = services;
    const tags = readTags(input.Tags);
    const facts = { ...requestTagFacts(tags), 'iam:permissionsboundary': boundary };
    const place = { name, path };
    return {
      subjects: [
        entitySubject(roleKind, 'CreateRole', account, place, facts),
        ...(tags.length > 0 ? [entitySubject(roleKind, 'TagRole', account, place, facts)] : []),
      ],
      async run() {
        if (boundary !== undefined) await requireBoundary(boundary, caller, services);
        const role: Role = {
          type: 'Role',
          account,
          id: newIdentifier('AROA'),
          name,
          path,
          arn: iamArn(account, 'role', path, name),
          createdAt: clock.now(),
          boundary,
          tags,
          trustPolicy: await storedTrustPolicy(input.AssumeRolePolicyDocument, identities),
          description: input.Description,
          maxSessionDuration: input.MaxSessionDuration ?? usualDuration,
        };
        const output = { Role: await roleShape(role, identities) };
        return {
          type: 'change',
          change: { ...caller.scope, type: 'role-created', role, limit: limits.roles },
          output,
          responseElements: output,
          refused: refusedAs({
            exists: alreadyExists(`Role with name ${name} already exists.`),
            limit: limitExceeded('RolesPerAccount', limits.roles),
          }),
        };
      },
    };
  },
});

export const getRole = defineOperation({
  service: 'iam',
  name: 'GetRole',
  readOnly: true,
  input: z.strictObject({ RoleName: members.roleName }),
  plan: (input, caller, services) =>
    planOn(roleKind, 'GetRole', input.RoleName, caller, services, async (role) => ({
      type: 'answer',
      output: { Role: await roleShape(role, services.identities) },
    })),
});

export const listRoles = defineOperation({
  service: 'iam',
  name: 'ListRoles',
  readOnly: true,
  input: z.strictObject({ PathPrefix: members.pathPrefix.optional(), ...pageMembers }),
  plan(input, caller, services) {
    const { account } = caller.scope;
    const { PathPrefix: pathPrefix = '/' } = input;
    return {
      subjects: [listSubject('role', 'ListRoles', account, pathPrefix)],
      async run() {
        const { items, rest } = await iamPage('ListRoles', `${account}${pathPrefix}`, input, (range) =>
          services.identities.listRoles(account, { pathPrefix, ...range }),
        );
        const Roles = await Promise.all(items.map((role) => roleSummary(role, services.identities)));
        return { type: 'answer', output: { Roles, ...rest } };
      },
    };
  },
});

export const updateRole = defineOperation({
  service: 'iam',
  name: 'UpdateRole',
  readOnly: false,
  input: z.strictObject({
    RoleName: members.roleName,
    Description: members.description.optional(),
    MaxSessionDuration: members.maxSessionDuration.optional(),
  }),
  plan: (input, caller, services) =>
    planOn(roleKind, 'UpdateRole', input.RoleName, caller, services, ({ id }) => ({
      type: 'change',
      change: {
        ...caller.scope,
        type: 'role-updated',
        id,
        ...(input.Description !== undefined && { description: input.Description }),
        ...(input.MaxSessionDuration !== undefined && { maxSessionDuration: input.MaxSessionDuration }),
      },
      output: {},
    })),
});

export const updateRoleDescription = defineOperation({
  service: 'iam',
  name: 'UpdateRoleDescription',
  readOnly: false,
  input: z.strictObject({ RoleName: members.roleName, Description: members.description }),
  plan: (input, caller, services) =>
    planOn(roleKind, 'UpdateRoleDescription', input.RoleName, caller, services, async (role) => ({
      type: 'change',
      change: { ...caller.scope, type: 'role-updated', id: role.id, description: input.Description },
      output: { Role: await roleShape({ ...role, description: input.Description }, services.identities) },
    })),
});

export const updateAssumeRolePolicy = defineOperation({
  service: 'iam',
  name: 'UpdateAssumeRolePolicy',
  readOnly: false,
  input: z.strictObject({ RoleName: members.roleName, PolicyDocument: members.document }),
  plan: (input, caller, services) =>
    planOn(roleKind, 'UpdateAssumeRolePolicy', input.RoleName, caller, services, async ({ id }) => ({
      type: 'change',
      change: {
        ...caller.scope,
        type: 'role-updated',
        id,
        trustPolicy: await storedTrustPolicy(input.PolicyDocument, services.identities),
      },
    })),
});

export const deleteRole = defineOperation({
  service: 'iam',
  name: 'DeleteRole',
  readOnly: false,
  input: z.strictObject({ RoleName: members.roleName }),
  plan: (input, caller, services) =>
    planOn(roleKind, 'DeleteRole', input.RoleName, caller, services, ({ id }) => ({
      type: 'change',
      change: { ...caller.scope, type: 'identity-deleted', id },
      refused: refusedAs({}),
    })),
});
