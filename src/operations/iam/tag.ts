import { z } from 'zod';
import type { Role, User } from '../../identity/entity.ts';
import { limits } from '../../identity/limits.ts';
import type { Tag } from '../../tag.ts';
import { defineOperation, type Operation, type Result } from '../operation.ts';
import { refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { inputOn, type Kind, nameIn, planOn, roleKind, userKind } from './kind.ts';
import { planOnPolicy } from './managed.ts';
import { iamPage, type PageInput, shortPage } from './page.ts';
import { tagList } from './shape.ts';
import { readTags, requestTagFacts, tooManyTags } from './tags.ts';

async function answerTags(
  action: string,
  id: string,
  tags: readonly Tag[],
  input: PageInput,
): Promise<Result> {
  const { items, rest } = await iamPage(action, id, input, (range) =>
    shortPage(tags, ({ key }) => key, range),
  );
  return { type: 'answer', output: { Tags: tagList(items), ...rest } };
}

function put(kind: Kind<User> | Kind<Role>): Operation {
  const action = `Tag${kind.type}`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: false,
    input: inputOn(kind, { Tags: members.tags }),
    plan(input, caller, services) {
      const tags = readTags(input.Tags);
      return planOn<User | Role>(
        kind,
        action,
        nameIn(input, kind),
        caller,
        services,
        ({ id }) => ({
          type: 'change',
          change: { ...caller.scope, type: 'identity-tags-put', id, tags, limit: limits.tags },
          refused: refusedAs({ limit: tooManyTags(kind.type) }),
        }),
        () => requestTagFacts(tags),
      );
    },
  });
}

function remove(kind: Kind<User> | Kind<Role>): Operation {
  const action = `Untag${kind.type}`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: false,
    input: inputOn(kind, { TagKeys: members.tagKeys }),
    plan(input, caller, services) {
      const { TagKeys: tagKeys } = input;
      return planOn<User | Role>(
        kind,
        action,
        nameIn(input, kind),
        caller,
        services,
        ({ id }) => ({
          type: 'change',
          change: { ...caller.scope, type: 'identity-tags-removed', id, tagKeys },
        }),
        () => ({ 'aws:tagkeys': tagKeys }),
      );
    },
  });
}

function list(kind: Kind<User> | Kind<Role>): Operation {
  const action = `List${kind.type}Tags`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: true,
    input: inputOn(kind, { ...pageMembers }),
    plan(input, caller, services) {
      const { MaxItems, Marker } = input;
      return planOn<User | Role>(kind, action, nameIn(input, kind), caller, services, ({ id, tags }) =>
        answerTags(action, id, tags, { MaxItems, Marker }),
      );
    },
  });
}

const tagPolicy = defineOperation({
  service: 'iam',
  name: 'TagPolicy',
  readOnly: false,
  input: z.strictObject({ PolicyArn: members.arn, Tags: members.tags }),
  plan(input, caller, services) {
    const tags = readTags(input.Tags);
    return planOnPolicy(
      'TagPolicy',
      'change',
      input.PolicyArn,
      caller,
      services,
      ({ id }) => ({
        type: 'change',
        change: { ...caller.scope, type: 'identity-tags-put', id, tags, limit: limits.tags },
        refused: refusedAs({ limit: tooManyTags('Policy') }),
      }),
      requestTagFacts(tags),
    );
  },
});

const untagPolicy = defineOperation({
  service: 'iam',
  name: 'UntagPolicy',
  readOnly: false,
  input: z.strictObject({ PolicyArn: members.arn, TagKeys: members.tagKeys }),
  plan: (input, caller, services) =>
    planOnPolicy(
      'UntagPolicy',
      'change',
      input.PolicyArn,
      caller,
      services,
      ({ id }) => ({
        type: 'change',
        change: { ...caller.scope, type: 'identity-tags-removed', id, tagKeys: input.TagKeys },
      }),
      { 'aws:tagkeys': input.TagKeys },
    ),
});

const listPolicyTags = defineOperation({
  service: 'iam',
  name: 'ListPolicyTags',
  readOnly: true,
  input: z.strictObject({ PolicyArn: members.arn, ...pageMembers }),
  plan: (input, caller, services) =>
    planOnPolicy('ListPolicyTags', 'look', input.PolicyArn, caller, services, ({ id, tags }) =>
      answerTags('ListPolicyTags', id, tags, input),
    ),
});

/** TagUser, UntagRole, ListPolicyTags and so on. */
export const tagOperations: readonly Operation[] = [
  ...[userKind, roleKind].flatMap((kind) => [put(kind), remove(kind), list(kind)]),
  tagPolicy,
  untagPolicy,
  listPolicyTags,
];
