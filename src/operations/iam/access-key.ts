import { z } from 'zod';
import type { Scope } from '../../arn.ts';
import { sealingAad } from '../../identity/credential.ts';
import type { AccessKeyMetadata } from '../../identity/entity.ts';
import { newIdentifier } from '../../identity/identifier.ts';
import { limits } from '../../identity/limits.ts';
import { type Caller, defineOperation, type Plan, type Result, type Services } from '../operation.ts';
import { limitExceeded, noSuchEntity, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { iamPage, shortPage } from './page.ts';
import { planOnSelf } from './self.ts';

/** Whose access keys a request is about: a user's, or the root's. */
interface Owner {
  readonly id: string;
  /** Of a user. */
  readonly name: string | undefined;
}

function planOnOwner(
  action: string,
  given: string | undefined,
  caller: Caller,
  services: Services,
  result: (owner: Owner) => Result | Promise<Result>,
): Promise<Plan> {
  return planOnSelf(action, given, caller, services, (user) =>
    result({ id: user?.id ?? caller.scope.account, name: user?.name }),
  );
}

const statusOf = (active: boolean) => (active ? 'Active' : 'Inactive');

function metadata({ name }: Owner, { accessKeyId, active, createdAt }: AccessKeyMetadata) {
  return {
    UserName: name,
    AccessKeyId: accessKeyId,
    Status: statusOf(active),
    CreateDate: new Date(createdAt),
  };
}

export const createAccessKey = defineOperation({
  service: 'iam',
  name: 'CreateAccessKey',
  readOnly: false,
  input: z.strictObject({ UserName: members.existingUserName.optional() }),
  plan: (input, caller, services) =>
    planOnOwner('CreateAccessKey', input.UserName, caller, services, async (owner) => {
      const accessKeyId = newIdentifier('AKIA');
      const createdAt = services.clock.now();
      const { secret, sealed } = await services.hsm.createAccessKeySecret(sealingAad(accessKeyId, owner.id));
      const SecretAccessKey = secret.toString('ascii');
      secret.fill(0);
      const AccessKey = metadata(owner, { accessKeyId, active: true, createdAt });
      return {
        type: 'change',
        change: {
          ...caller.scope,
          type: 'access-key-created',
          accessKeyId,
          principalId: owner.id,
          sealedSecret: sealed,
          createdAt,
          limit: limits.accessKeys,
        },
        output: { AccessKey: { ...AccessKey, SecretAccessKey } },
        responseElements: { AccessKey },
        refused: refusedAs({ limit: limitExceeded('AccessKeysPerUser', limits.accessKeys) }),
      };
    }),
});

export const listAccessKeys = defineOperation({
  service: 'iam',
  name: 'ListAccessKeys',
  readOnly: true,
  input: z.strictObject({ UserName: members.existingUserName.optional(), ...pageMembers }),
  plan: (input, caller, services) =>
    planOnOwner('ListAccessKeys', input.UserName, caller, services, async (owner) => {
      const keys = await services.identities.listAccessKeyMetadata(owner.id);
      const { items, rest } = await iamPage('ListAccessKeys', owner.id, input, (range) =>
        shortPage(keys, ({ accessKeyId }) => accessKeyId, range),
      );
      return {
        type: 'answer',
        output: {
          UserName: owner.name,
          AccessKeyMetadata: items.map((key) => metadata(owner, key)),
          ...rest,
        },
      };
    }),
});

export const updateAccessKey = defineOperation({
  service: 'iam',
  name: 'UpdateAccessKey',
  readOnly: false,
  input: z.strictObject({
    UserName: members.existingUserName.optional(),
    AccessKeyId: members.accessKeyId,
    Status: z.enum(['Active', 'Inactive']),
  }),
  plan: (input, caller, services) =>
    planOnOwner('UpdateAccessKey', input.UserName, caller, services, ({ id }) => ({
      type: 'change',
      change: {
        ...keyOf(caller.scope, id, input.AccessKeyId),
        type: 'access-key-status',
        active: input.Status === 'Active',
      },
      refused: refusedAs({ notFound: unknownKey(input.AccessKeyId) }),
    })),
});

export const deleteAccessKey = defineOperation({
  service: 'iam',
  name: 'DeleteAccessKey',
  readOnly: false,
  input: z.strictObject({
    UserName: members.existingUserName.optional(),
    AccessKeyId: members.accessKeyId,
  }),
  plan: (input, caller, services) =>
    planOnOwner('DeleteAccessKey', input.UserName, caller, services, ({ id }) => ({
      type: 'change',
      change: { ...keyOf(caller.scope, id, input.AccessKeyId), type: 'access-key-deleted' },
      refused: refusedAs({ notFound: unknownKey(input.AccessKeyId) }),
    })),
});

function keyOf(scope: Scope, principalId: string, accessKeyId: string) {
  return { ...scope, accessKeyId, principalId };
}

function unknownKey(accessKeyId: string) {
  return noSuchEntity(`The Access Key with id ${accessKeyId} cannot be found.`);
}
