import { z } from 'zod';
import { iamArn } from '../../arn.ts';
import type { Group } from '../../identity/entity.ts';
import { newIdentifier } from '../../identity/identifier.ts';
import { limits } from '../../identity/limits.ts';
import { defineOperation } from '../operation.ts';
import { deleteEntity, listEntities, operationOn, renameEntity } from './entity-operation.ts';
import { limitExceeded, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { entitySubject, groupKind, nameTaken } from './kind.ts';
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
            exists: nameTaken(groupKind, name),
            limit: limitExceeded('GroupsPerAccount', limits.groups),
          }),
        };
      },
    };
  },
});

export const getGroup = operationOn(groupKind, {
  name: 'GetGroup',
  readOnly: true,
  input: pageMembers,
  plan: ({ MaxItems, Marker }, _caller, { identities }) => ({
    async result(group) {
      const { items, rest } = await iamPage('GetGroup', group.id, { MaxItems, Marker }, (range) =>
        identities.listMembers(group.id, { pathPrefix: '/', ...range }),
      );
      const output = { Group: groupShape(group), Users: items.map(userSummary), ...rest };
      return { type: 'answer', output };
    },
  }),
});

export const listGroups = listEntities(
  groupKind,
  (identities, account, range) => identities.listGroups(account, range),
  groupShape,
);

export const updateGroup = renameEntity(groupKind, members.groupName);

export const deleteGroup = deleteEntity(groupKind);
