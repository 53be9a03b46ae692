import { z } from 'zod';
import type { Group, User } from '../../identity/entity.ts';
import { limits } from '../../identity/limits.ts';
import { type Caller, defineOperation, type Plan, type Result, type Services } from '../operation.ts';
import { limitExceeded, noSuchEntity, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { groupKind, planOn, unknownEntity, userKind } from './kind.ts';
import { iamPage, shortPage } from './page.ts';
import { groupShape } from './shape.ts';

const input = z.strictObject({ GroupName: members.groupName, UserName: members.existingUserName });

/** Needs permission on the group alone (service authorization reference, IAM). */
function planMembership(
  action: 'AddUserToGroup' | 'RemoveUserFromGroup',
  given: z.output<typeof input>,
  caller: Caller,
  services: Services,
  result: (group: Group, user: User) => Result,
): Promise<Plan> {
  return planOn(groupKind, action, given.GroupName, caller, services, async (group) => {
    const user = await services.identities.findUser(caller.scope.account, given.UserName);
    if (user === undefined) throw unknownEntity(userKind, given.UserName);
    return result(group, user);
  });
}

export const addUserToGroup = defineOperation({
  service: 'iam',
  name: 'AddUserToGroup',
  readOnly: false,
  input,
  plan: (input, caller, services) =>
    planMembership('AddUserToGroup', input, caller, services, (group, user) => ({
      type: 'change',
      change: {
        ...caller.scope,
        type: 'member-added',
        groupId: group.id,
        userId: user.id,
        limit: limits.groupsOfUser,
      },
      refused: refusedAs({ limit: limitExceeded('GroupsPerUser', limits.groupsOfUser) }),
    })),
});

export const removeUserFromGroup = defineOperation({
  service: 'iam',
  name: 'RemoveUserFromGroup',
  readOnly: false,
  input,
  plan: (input, caller, services) =>
    planMembership('RemoveUserFromGroup', input, caller, services, (group, user) => ({
      type: 'change',
      change: { ...caller.scope, type: 'member-removed', groupId: group.id, userId: user.id },
      refused: refusedAs({
        notFound: noSuchEntity(`User ${user.name} is not in group ${group.name}.`),
      }),
    })),
});

export const listGroupsForUser = defineOperation({
  service: 'iam',
  name: 'ListGroupsForUser',
  readOnly: true,
  input: z.strictObject({ UserName: members.existingUserName, ...pageMembers }),
  plan: (input, caller, services) =>
    planOn(userKind, 'ListGroupsForUser', input.UserName, caller, services, async (user) => {
      const groups = await services.identities.listGroupsOfUser(user.id);
      const { items, rest } = await iamPage('ListGroupsForUser', user.id, input, (range) =>
        shortPage(groups, ({ name }) => name.toLowerCase(), range),
      );
      return { type: 'answer', output: { Groups: items.map(groupShape), ...rest } };
    }),
});
