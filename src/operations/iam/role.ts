import { z } from 'zod';
import { iamArn } from '../../arn.ts';
import type { Role } from '../../identity/entity.ts';
import { newIdentifier } from '../../identity/identifier.ts';
import { limits } from '../../identity/limits.ts';
import { defineOperation } from '../operation.ts';
import { requireBoundary } from './boundary.ts';
import { storedTrustPolicy } from './document.ts';
import { deleteEntity, listEntities, operationOn } from './entity-operation.ts';
import { limitExceeded, refusedAs } from './errors.ts';
import { members } from './input.ts';
import { creationSubjects, nameTaken, roleKind } from './kind.ts';
import { roleShape, roleSummary } from './shape.ts';
import { readTags } from './tags.ts';

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
    return {
      subjects: creationSubjects(roleKind, account, { name, path }, tags, boundary),
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
            exists: nameTaken(roleKind, name),
            limit: limitExceeded('RolesPerAccount', limits.roles),
          }),
        };
      },
    };
  },
});

export const getRole = operationOn(roleKind, {
  name: 'GetRole',
  readOnly: true,
  input: {},
  plan: (_input, _caller, { identities }) => ({
    result: async (role) => ({ type: 'answer', output: { Role: await roleShape(role, identities) } }),
  }),
});

export const listRoles = listEntities(
  roleKind,
  (identities, account, range) => identities.listRoles(account, range),
  roleSummary,
);

export const updateRole = operationOn(roleKind, {
  name: 'UpdateRole',
  readOnly: false,
  input: {
    Description: members.description.optional(),
    MaxSessionDuration: members.maxSessionDuration.optional(),
  },
  plan: ({ Description: description, MaxSessionDuration: maxSessionDuration }, caller) => ({
    result: ({ id }) => ({
      type: 'change',
      change: {
        ...caller.scope,
        type: 'role-updated',
        id,
        ...(description !== undefined && { description }),
        ...(maxSessionDuration !== undefined && { maxSessionDuration }),
      },
      output: {},
    }),
  }),
});

export const updateRoleDescription = operationOn(roleKind, {
  name: 'UpdateRoleDescription',
  readOnly: false,
  input: { Description: members.description },
  plan: ({ Description: description }, caller, { identities }) => ({
    result: async (role) => ({
      type: 'change',
      change: { ...caller.scope, type: 'role-updated', id: role.id, description },
      output: { Role: await roleShape({ ...role, description }, identities) },
    }),
  }),
});

export const updateAssumeRolePolicy = operationOn(roleKind, {
  name: 'UpdateAssumeRolePolicy',
  readOnly: false,
  input: { PolicyDocument: members.document },
  plan: ({ PolicyDocument: document }, caller, { identities }) => ({
    result: async ({ id }) => ({
      type: 'change',
      change: {
        ...caller.scope,
        type: 'role-updated',
        id,
        trustPolicy: await storedTrustPolicy(document, identities),
      },
    }),
  }),
});

export const deleteRole = deleteEntity(roleKind);
