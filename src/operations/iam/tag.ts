import { z } from 'zod';
import type { Role, User } from '../../identity/entity.ts';
import { limits } from '../../identity/limits.ts';
import type { Tag } from '../../tag.ts';
import { type Caller, defineOperation, type Operation, type Result } from '../operation.ts';
import { operationOn } from './entity-operation.ts';
import { refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { type Kind, roleKind, userKind } from './kind.ts';
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

function putTags(
  id: string,
  tags: readonly Tag[],
  type: 'User' | 'Role' | 'Policy',
  { scope }: Caller,
): Result {
  return {
    type: 'change',
    change: { ...scope, type: 'identity-tags-put', id, tags, limit: limits.tags },
    refused: refusedAs({ limit: tooManyTags(type) }),
  };
}

function removeTags(id: string, tagKeys: readonly string[], { scope }: Caller): Result {
  return { type: 'change', change: { ...scope, type: 'identity-tags-removed', id, tagKeys } };
}

function put(kind: Kind<User | Role>): Operation {
  return operationOn(kind, {
    name: `Tag${kind.type}`,
    readOnly: false,
    input: { Tags: members.tags },
    plan(input, caller) {
      const tags = readTags(input.Tags);
      return {
        result: ({ id }) => putTags(id, tags, kind.type, caller),
        facts: () => requestTagFacts(tags),
      };
    },
  });
}

function remove(kind: Kind<User | Role>): Operation {
  return operationOn(kind, {
    name: `Untag${kind.type}`,
    readOnly: false,
    input: { TagKeys: members.tagKeys },
    plan: ({ TagKeys: tagKeys }, caller) => ({
      result: ({ id }) => removeTags(id, tagKeys, caller),
      facts: () => ({ 'aws:tagkeys': tagKeys }),
    }),
  });
}

function list(kind: Kind<User | Role>): Operation {
  const action = `List${kind.type}Tags`;
  return operationOn(kind, {
    name: action,
    readOnly: true,
    input: pageMembers,
    plan: ({ MaxItems, Marker }) => ({
      result: ({ id, tags }) => answerTags(action, id, tags, { MaxItems, Marker }),
    }),
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
      ({ id }) => putTags(id, tags, 'Policy', caller),
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
      ({ id }) => removeTags(id, input.TagKeys, caller),
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
