import type { Group, User } from '../../identity/entity.ts';
import { limits } from '../../identity/limits.ts';
import type { Caller, Operation, Result } from '../operation.ts';
import { operationOn } from './entity-operation.ts';
import { limitExceeded, noSuchEntity, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { groupKind, unknownEntity, userKind } from './kind.ts';
import { iamPage, shortPage } from './page.ts';
import { groupShape } from './shape.ts';

/** AddUserToGroup, RemoveUserFromGroup: need permission on the group alone (service authorization reference, IAM). */
function membership(
  name: 'AddUserToGroup' | 'RemoveUserFromGroup',
  result: (group: Group, user: User, caller: Caller) => Result,
): Operation {
  return operationOn(groupKind, {
    name,
    readOnly: false,
    input: { UserName: members.existingUserName },
    plan: ({ UserName: userName }, caller, { identities }) => ({
      async result(group) {
        const user = await identities.findUser(caller.scope.account, userName);
        if (user === undefined) throw unknownEntity(userKind, userName);
        return result(group, user, caller);
      },
    }),
  });
}

export const addUserToGroup = membership('AddUserToGroup', ({ id: groupId }, { id: userId }, { scope }) => ({
  type: 'change',
  change: { ...scope, type: 'member-added', groupId, userId, limit: limits.groupsOfUser },
  refused: refusedAs({ limit: limitExceeded('GroupsPerUser', limits.groupsOfUser) }),
}));

export const removeUserFromGroup = membership('RemoveUserFromGroup', (group, user, { scope }) => ({
  type: 'change',
  change: { ...scope, type: 'member-removed', groupId: group.id, userId: user.id },
  refused: refusedAs({ notFound: noSuchEntity(`User ${user.name} is not in group ${group.name}.`) }),
}));

export const listGroupsForUser = operationOn(userKind, {
  name: 'ListGroupsForUser',
  readOnly: true,
  input: pageMembers,
  plan: ({ MaxItems, Marker }, _caller, { identities }) => ({
    async result({ id }) {
      const groups = await identities.listGroupsOfUser(id);
      const { items, rest } = await iamPage('ListGroupsForUser', id, { MaxItems, Marker }, (range) =>
        shortPage(groups, ({ name }) => name.toLowerCase(), range),
      );
      return { type: 'answer', output: { Groups: items.map(groupShape), ...rest } };
    },
  }),
});
