import { z } from 'zod';
import { iamArn, rootArn } from '../../arn.ts';
import { KmsError } from '../../errors.ts';
import type { User } from '../../identity/entity.ts';
import { newIdentifier } from '../../identity/identifier.ts';
import { limits } from '../../identity/limits.ts';
import { type Caller, defineOperation, type Services } from '../operation.ts';
import { requireBoundary } from './boundary.ts';
import { alreadyExists, limitExceeded, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { entitySubject, listSubject, planOn, unknownEntity, userKind } from './kind.ts';
import { iamPage } from './page.ts';
import { userShape, userSummary } from './shape.ts';
import { readTags, requestTagFacts } from './tags.ts';

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
    const facts = { ...requestTagFacts(tags), 'iam:permissionsboundary': boundary };
    const place = { name, path };
    return {
      subjects: [
        entitySubject(userKind, 'CreateUser', account, place, facts),
        ...(tags.length > 0 ? [entitySubject(userKind, 'TagUser', account, place, facts)] : []),
      ],
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
            exists: alreadyExists(`User with name ${name} already exists.`),
            limit: limitExceeded('UsersPerAccount', limits.users),
          }),
        };
      },
    };
  },
});

/** The user that a request is about: the one it names, else its own. `undefined` is the account's root. */
export function userNameOf(given: string | undefined, { principal }: Caller): string | undefined {
  if (given !== undefined) return given;
  switch (principal.type) {
    case 'IAMUser':
      return principal.userName;
    case 'Root':
      return undefined;
    case 'AssumedRole':
      throw new KmsError(
        'ValidationException',
        'Must specify userName when calling with non-User credentials',
      );
  }
}

export const getUser = defineOperation({
  service: 'iam',
  name: 'GetUser',
  readOnly: true,
  input: z.strictObject({ UserName: members.existingUserName.optional() }),
  async plan(input, caller, services) {
    const name = userNameOf(input.UserName, caller);
    if (name === undefined) return planRoot('GetUser', caller, services);
    return planOn(userKind, 'GetUser', name, caller, services, (user) => ({
      type: 'answer',
      output: { User: userShape(user) },
    }));
  },
});

async function planRoot(action: string, caller: Caller, services: Services) {
  const { account } = caller.scope;
  const created = await services.identities.findAccount(account);
  return {
    subjects: [{ type: 'account', action: `iam:${action}` }] as const,
    run: () => ({
      type: 'answer' as const,
      output: {
        User: { UserId: account, Arn: rootArn(account), CreateDate: new Date(created?.createdAt ?? 0) },
      },
    }),
  };
}

export const listUsers = defineOperation({
  service: 'iam',
  name: 'ListUsers',
  readOnly: true,
  input: z.strictObject({ PathPrefix: members.pathPrefix.optional(), ...pageMembers }),
  plan(input, caller, services) {
    const { account } = caller.scope;
    const { PathPrefix: pathPrefix = '/' } = input;
    return {
      subjects: [listSubject('user', 'ListUsers', account, pathPrefix)],
      async run() {
        const { items, rest } = await iamPage('ListUsers', `${account}${pathPrefix}`, input, (range) =>
          services.identities.listUsers(account, { pathPrefix, ...range }),
        );
        return { type: 'answer', output: { Users: items.map(userSummary), ...rest } };
      },
    };
  },
});

export const updateUser = defineOperation({
  service: 'iam',
  name: 'UpdateUser',
  readOnly: false,
  input: z.strictObject({
    UserName: members.existingUserName,
    NewPath: members.path.optional(),
    NewUserName: members.userName.optional(),
  }),
  async plan(input, caller, services) {
    const { account } = caller.scope;
    const user = await services.identities.findUser(account, input.UserName);
    const name = input.NewUserName ?? input.UserName;
    const path = input.NewPath ?? user?.path ?? '/';
    return {
      // What it is and what it becomes (IAM user guide, "Managing IAM users": renaming).
      subjects: [
        entitySubject(userKind, 'UpdateUser', account, user ?? { name: input.UserName }),
        entitySubject(userKind, 'UpdateUser', account, { name, path }),
      ],
      run() {
        if (user === undefined) throw unknownEntity(userKind, input.UserName);
        return {
          type: 'change',
          change: {
            ...caller.scope,
            type: 'identity-renamed',
            id: user.id,
            name,
            path,
            arn: iamArn(account, 'user', path, name),
          },
          refused: refusedAs({ exists: alreadyExists(`User with name ${name} already exists.`) }),
        };
      },
    };
  },
});

export const deleteUser = defineOperation({
  service: 'iam',
  name: 'DeleteUser',
  readOnly: false,
  input: z.strictObject({ UserName: members.existingUserName }),
  plan: (input, caller, services) =>
    planOn(userKind, 'DeleteUser', input.UserName, caller, services, ({ id }) => ({
      type: 'change',
      change: { ...caller.scope, type: 'identity-deleted', id },
      refused: refusedAs({}),
    })),
});
