import { z } from 'zod';
import { iamArn, rootArn } from '../../arn.ts';
import type { User } from '../../identity/entity.ts';
import { newIdentifier } from '../../identity/identifier.ts';
import { limits } from '../../identity/limits.ts';
import { type Caller, defineOperation, type Services } from '../operation.ts';
import { requireBoundary } from './boundary.ts';
import { deleteEntity, listEntities, renameEntity } from './entity-operation.ts';
import { limitExceeded, refusedAs } from './errors.ts';
import { members } from './input.ts';
import { creationSubjects, nameTaken, userKind } from './kind.ts';
import { planOnSelf } from './self.ts';
import { userShape, userSummary } from './shape.ts';
import { readTags } from './tags.ts';

export const createUser = defineOperation({
  service: 'iam',
  name: 'CreateUser',
  readOnly: false,
  input: z.strictObject({
    UserName: members.userName,
    Path: members.path.optional(),
    PermissionsBoundary: members.arn.optional(),
    Tags: members.tags.optional(),
  }),
  plan(input, caller, services) {
    const { UserName: name, Path: path = '/', PermissionsBoundary: boundary } = input;
    const { account } = caller.scope;
    const tags = readTags(input.Tags);
    return {
      subjects: creationSubjects(userKind, account, { name, path }, tags, boundary),
      async run() {
        if (boundary !== undefined) await requireBoundary(boundary, caller, services);
        const user: User = {
          type: 'User',
          account,
          id: newIdentifier('AIDA'),
          name,
          path,
          arn: iamArn(account, 'user', path, name),
          createdAt: services.clock.now(),
          boundary,
          tags,
        };
        const output = { User: userShape(user) };
        return {
          type: 'change',
          change: { ...caller.scope, type: 'user-created', user, limit: limits.users },
          output,
          responseElements: output,
          refused: refusedAs({
            exists: nameTaken(userKind, name),
            limit: limitExceeded('UsersPerAccount', limits.users),
          }),
        };
      },
    };
  },
});

export const getUser = defineOperation({
  service: 'iam',
  name: 'GetUser',
  readOnly: true,
  input: z.strictObject({ UserName: members.existingUserName.optional() }),
  plan: (input, caller, services) =>
    planOnSelf('GetUser', input.UserName, caller, services, async (user) => ({
      type: 'answer',
      output: { User: user === undefined ? await rootShape(caller, services) : userShape(user) },
    })),
});

async function rootShape({ scope: { account } }: Caller, { identities }: Services) {
  const created = await identities.findAccount(account);
  return { UserId: account, Arn: rootArn(account), CreateDate: new Date(created?.createdAt ?? 0) };
}

export const listUsers = listEntities(
  userKind,
  (identities, account, range) => identities.listUsers(account, range),
  userSummary,
);

export const updateUser = renameEntity(userKind, members.userName);

export const deleteUser = deleteEntity(userKind);
