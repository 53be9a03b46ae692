import { z } from 'zod';
import { iamArn } from '../../arn.ts';
import type { Entity, Group, User } from '../../identity/entity.ts';
import type { IdentityRepository } from '../../identity/repository.ts';
import type { Page } from '../../page.ts';
import { internalError } from '../failure.ts';
import {
  type Caller,
  defineOperation,
  type Facts,
  type Operation,
  type Result,
  type Services,
} from '../operation.ts';
import { refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { entitySubject, type Kind, listSubject, nameTaken, planOn, unknownEntity } from './kind.ts';
import { iamPage } from './page.ts';

type Given<Shape extends z.ZodRawShape> = z.output<z.ZodObject<Shape>> & Record<string, unknown>;

/**
 * An operation on one user, group or role of the caller's account, which the request names in the kind's own member,
 * with its own permission on it.
 * @param definition.input what the request has besides the name
 * @param definition.plan what is known of the request before it is allowed: what it comes to for one that is there, and
 *   what conditions may ask besides; `name` is the one that the request gives
 */
export function operationOn<T extends Entity, Shape extends z.ZodRawShape>(
  kind: Kind<T>,
  definition: {
    readonly name: string;
    readonly readOnly: boolean;
    readonly input: Shape;
    plan(
      input: Given<Shape>,
      caller: Caller,
      services: Services,
      name: string,
    ): {
      result(entity: T): Result | Promise<Result>;
      facts?(entity: T | undefined): Facts;
    };
  },
): Operation {
  return defineOperation({
    service: 'iam',
    name: definition.name,
    readOnly: definition.readOnly,
    input: inputOn(kind, definition.input),
    plan(input, caller, services) {
      const name = nameIn(input, kind.member);
      const { result, facts } = definition.plan(input, caller, services, name);
      return planOn(kind, definition.name, name, caller, services, result, facts);
    },
  });
}

function inputOn<Shape extends z.ZodRawShape>({ member, name }: Kind, shape: Shape): z.ZodType<Given<Shape>> {
  const input: z.ZodType = z.strictObject({ [member]: name, ...shape });
  // The compiler takes the computed name for any name, and so loses what the others hold.
  return input as z.ZodType<Given<Shape>>;
}

function nameIn(input: Readonly<Record<string, unknown>>, member: string): string {
  const name = input[member];
  if (typeof name !== 'string') throw internalError(`the schema let a request without ${member} pass`);
  return name;
}

/** ListUsers, ListGroups, ListRoles. */
export function listEntities<T extends Entity>(
  kind: Kind<T>,
  read: (
    identities: IdentityRepository,
    account: string,
    range: { pathPrefix: string; after: string | undefined; limit: number },
  ) => Promise<Page<T>>,
  summary: (entity: T, identities: IdentityRepository) => object | Promise<object>,
): Operation {
  const member = `${kind.type}s`;
  const action = `List${member}`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: true,
    input: z.strictObject({ PathPrefix: members.pathPrefix.optional(), ...pageMembers }),
    plan(input, caller, { identities }) {
      const { account } = caller.scope;
      const { PathPrefix: pathPrefix = '/' } = input;
      return {
        subjects: [listSubject(kind.noun, action, account, pathPrefix)],
        async run() {
          const { items, rest } = await iamPage(action, `${account}${pathPrefix}`, input, (range) =>
            read(identities, account, { pathPrefix, ...range }),
          );
          const summaries = await Promise.all(items.map((entity) => summary(entity, identities)));
          return { type: 'answer', output: { [member]: summaries, ...rest } };
        },
      };
    },
  });
}

/** UpdateUser, UpdateGroup: another name, another path. */
export function renameEntity(kind: Kind<User | Group>, newName: z.ZodString): Operation {
  const action = `Update${kind.type}`;
  const newMember = `New${kind.member}`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: false,
    input: inputOn(kind, { NewPath: members.path.optional(), [newMember]: newName.optional() }),
    async plan(input, caller, services) {
      const { account } = caller.scope;
      const given = nameIn(input, kind.member);
      const entity = await kind.find(services.identities, account, given);
      const name = input[newMember] === undefined ? given : nameIn(input, newMember);
      const path = input.NewPath ?? entity?.path ?? '/';
      return {
        // What it is and what it becomes (IAM user guide, "Managing IAM users": renaming).
        subjects: [
          entitySubject(kind, action, account, entity ?? { name: given }),
          entitySubject(kind, action, account, { name, path }),
        ],
        run() {
          if (entity === undefined) throw unknownEntity(kind, given);
          return {
            type: 'change',
            change: {
              ...caller.scope,
              type: 'identity-renamed',
              id: entity.id,
              name,
              path,
              arn: iamArn(account, kind.noun, path, name),
            },
            refused: refusedAs({ exists: nameTaken(kind, name) }),
          };
        },
      };
    },
  });
}

/** DeleteUser, DeleteGroup, DeleteRole. */
export function deleteEntity(kind: Kind): Operation {
  return operationOn(kind, {
    name: `Delete${kind.type}`,
    readOnly: false,
    input: {},
    plan: (_input, caller) => ({
      result: ({ id }) => ({
        type: 'change',
        change: { ...caller.scope, type: 'identity-deleted', id },
        refused: refusedAs({}),
      }),
    }),
  });
}
