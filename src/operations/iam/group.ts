import { z } from 'zod';
import { iamArn } from '../../arn.ts';
import type { Group } from '../../identity/entity.ts';
import { newIdentifier } from '../../identity/identifier.ts';
import { limits } from '../../identity/limits.ts';
import { defineOperation } from '../operation.ts';
import { alreadyExists, limitExceeded, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { entitySubject, groupKind, listSubject, planOn, unknownEntity } from './kind.ts';
import { iamPage } from './page.ts';
import { groupShape, userSummary } from './shape.ts';

export const createGroup = defineOperation({
  service: 'iam',
  name: 'CreateGroup',
  readOnly: false,
  input: z.strictObject({ GroupName: members.groupName, Path: members.path.optional() }),
  plan(input, caller, services) {
    const { GroupName: name, Path: path = '/' } = input;
    const { account } = caller.scope;
    return {
      subjects: [entitySubject(groupKind, 'CreateGroup', account, { name, path })],
      run() {
        const group: Group = {
          type: 'Group',
          account,
          id: newIdentifier('AGPA'),
          name,
          path,
          arn: iamArn(account, 'group', path, name),
          createdAt: services.clock.now(),
        };
        const output = { Group: groupShape(group) };
        return {
          type: 'change',
          change: { ...caller.scope, type: 'group-created', group, limit: limits.groups },
          output,
          responseElements: output,
          refused: refusedAs({
            exists: alreadyExists(`Group with name ${name} already exists.`),
            limit: limitExceeded('GroupsPerAccount', limits.groups),
          }),
        };
      },
    };
  },
});

export const getGroup = defineOperation({
  service: 'iam',
  name: 'GetGroup',
  readOnly: true,
  input: z.strictObject({ GroupName: members.groupName, ...pageMembers }),
  plan: (input, caller, services) =>
    planOn(groupKind, 'GetGroup', input.GroupName, caller, services, async (group) => {
      const { items, rest } = await iamPage('GetGroup', group.id, input, (range) =>
        services.identities.listMembers(group.id, { pathPrefix: '/', ...range }),
      );
      const output = { Group: groupShape(group), Users: items.map(userSummary), ...rest };
      return { type: 'answer', output };
    }),
});

export const listGroups = defineOperation({
  service: 'iam',
  name: 'ListGroups',
  readOnly: true,
  input: z.strictObject({ PathPrefix: members.pathPrefix.optional(), ...pageMembers }),
  plan(input, caller, services) {
    const { account } = caller.scope;
    const { PathPrefix: pathPrefix = '/' } = input;
    return {
      subjects: [listSubject('group', 'ListGroups', account, pathPrefix)],
      async run() {
        const { items, rest } = await iamPage('ListGroups', `${account}${pathPrefix}`, input, (range) =>
          services.identities.listGroups(account, { pathPrefix, ...range }),
        );
        return { type: 'answer', output: { Groups: items.map(groupShape), ...rest } };
      },
    };
  },
});

export const updateGroup = defineOperation({
  service: 'iam',
  name: 'UpdateGroup',
  readOnly: false,
  input: z.strictObject({
    GroupName: members.groupName,
    NewPath: members.path.optional(),
    NewGroupName: members.groupName.optional(),
  }),
  async plan(input, caller, services) {
    const { account } = caller.scope;
    const group = await services.identities.findGroup(account, input.GroupName);
    const name = input.NewGroupName ?? input.GroupName;
    const path = input.NewPath ?? group?.path ?? '/';
    return {
      subjects: [
        entitySubject(groupKind, 'UpdateGroup', account, group ?? { name: input.GroupName }),
        entitySubject(groupKind, 'UpdateGroup', account, { name, path }),
      ],
      run() {
        if (group === undefined) throw unknownEntity(groupKind, input.GroupName);
        return {
          type: 'change',
          change: {
            ...caller.scope,
            type: 'identity-renamed',
            id: group.id,
            name,
            path,
            arn: iamArn(account, 'group', path, name),
          },
          refused: refusedAs({ exists: alreadyExists(`Group with name ${name} already exists.`) }),
        };
      },
    };
  },
});

export const deleteGroup = defineOperation({
  service: 'iam',
  name: 'DeleteGroup',
  readOnly: false,
  input: z.strictObject({ GroupName: members.groupName }),
  plan: (input, caller, services) =>
    planOn(groupKind, 'DeleteGroup', input.GroupName, caller, services, ({ id }) => ({
      type: 'change',
      change: { ...caller.scope, type: 'identity-deleted', id },
      refused: refusedAs({}),
    })),
});
