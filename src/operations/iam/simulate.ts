import { setImmediate as immediate } from 'node:timers/promises';
import { z } from 'zod';
import { contextKeys } from '../../policy/simulate.ts';
import { text } from '../input.ts';
import { type Caller, defineOperation, type Result, type Services } from '../operation.ts';
import { list } from '../query-input.ts';
import { members, pageMembers } from './input.ts';
import { entitySubject, unknownEntity } from './kind.ts';
import { iamPage, numberedPlace, type PageInput } from './page.ts';
import {
  findSource,
  nobodyOf,
  policiesOf,
  principalOf,
  readCaller,
  readDocument,
  readGiven,
  readPolicy,
  readSource,
  type Simulated,
} from './simulated.ts';
import { type SimulationInput, simulation } from './simulation.ts';

const documents = list(members.document, 100);

const contextKeyTypes = [
  'string',
  'stringList',
  'numeric',
  'numericList',
  'boolean',
  'booleanList',
  'ip',
  'ipList',
  'binary',
  'binaryList',
  'date',
  'dateList',
] as const;

const simulated = {
  ActionNames: list(text(3, 128).regex(/^[\w-]+:[\w*?]+$/), 1_000),
  ResourceArns: list(text(1, 2048), 1_000).optional(),
  ResourcePolicy: members.document.optional(),
  ResourceOwner: text(1, 2048).optional(),
  CallerArn: text(1, 2048).optional(),
  ContextEntries: list(
    z.strictObject({
      ContextKeyName: text(5, 256),
      ContextKeyValues: list(z.string(), 1_000),
      ContextKeyType: z.enum(contextKeyTypes),
    }),
    1_000,
  ).optional(),
  PermissionsBoundaryPolicyInputList: documents.optional(),
  ...pageMembers,
};

interface Given extends SimulationInput, PageInput {
  readonly PermissionsBoundaryPolicyInputList?: readonly string[] | undefined;
}

async function answer(
  operation: string,
  input: Given,
  simulated: Simulated,
  caller: Caller,
  services: Services,
): Promise<Result> {
  const { count, result } = await simulation(input, simulated, caller, services);
  const subject = JSON.stringify([simulated.principal.arn, input.ActionNames, input.ResourceArns]);
  const { items, rest } = await iamPage(operation, subject, input, async ({ after, limit }) => {
    const from = after === undefined ? 0 : numberedPlace(after, count);
    const to = Math.min(from + limit, count);
    const page: object[] = [];
    for (let index = from; index < to; index += 1) {
      page.push(await result(index));
      // Each takes as long as its policies are many: whoever else waits comes in between.
      await immediate();
    }
    return { items: page, next: to < count ? String(to) : undefined };
  });
  return { type: 'answer', output: { EvaluationResults: items, ...rest } };
}

function givenBoundary({ PermissionsBoundaryPolicyInputList: [document] = [] }: Given) {
  return document === undefined
    ? undefined
    : readPolicy(document, 'boundary', {
        type: 'permissions boundary',
        id: 'PermissionsBoundaryPolicyInputList.1',
      });
}

export const simulateCustomPolicy = defineOperation({
  service: 'iam',
  name: 'SimulateCustomPolicy',
  readOnly: true,
  input: z.strictObject({ PolicyInputList: documents, ...simulated }),
  plan: (input, caller, services) => ({
    subjects: [{ type: 'account', action: 'iam:SimulateCustomPolicy' }],
    async run() {
      const principal =
        input.CallerArn === undefined
          ? nobodyOf(caller.scope.account)
          : await readCaller(input.CallerArn, caller, services);
      const identity = readGiven(input.PolicyInputList);
      const boundary = givenBoundary(input);
      const whose = { principal, tags: [], identity, boundary };
      return answer('SimulateCustomPolicy', input, whose, caller, services);
    },
  }),
});

export const simulatePrincipalPolicy = defineOperation({
  service: 'iam',
  name: 'SimulatePrincipalPolicy',
  readOnly: true,
  input: z.strictObject({
    PolicySourceArn: members.arn,
    PolicyInputList: documents.optional(),
    ...simulated,
  }),
  async plan(input, caller, services) {
    const source = readSource(input.PolicySourceArn);
    const entity = await findSource(source, caller, services);
    const found = entity ?? { arn: source.arn, name: source.name };
    return {
      subjects: [entitySubject(source.kind, 'SimulatePrincipalPolicy', source.account, found)],
      async run() {
        if (entity === undefined) throw unknownEntity(source.kind, source.name);
        const { policies, boundary } = await policiesOf(entity, services);
        const whose: Simulated = {
          principal:
            input.CallerArn === undefined
              ? principalOf(entity)
              : await readCaller(input.CallerArn, caller, services),
          tags: entity.type === 'Group' ? [] : entity.tags,
          identity: [
            ...policies.map(({ type, id, document }) => readPolicy(document, 'identity', { type, id })),
            ...readGiven(input.PolicyInputList ?? []),
          ],
          boundary:
            givenBoundary(input) ??
            (boundary &&
              readPolicy(boundary.document, 'boundary', { type: 'permissions boundary', id: boundary.id })),
        };
        return answer('SimulatePrincipalPolicy', input, whose, caller, services);
      },
    };
  },
});

function contextKeysOf(texts: readonly string[]): Result {
  const keys = texts.flatMap((text) => contextKeys(readDocument(text, 'identity')));
  const first = new Map<string, string>();
  for (const key of keys) if (!first.has(key.toLowerCase())) first.set(key.toLowerCase(), key);
  return { type: 'answer', output: { ContextKeyNames: [...first.values()] } };
}

export const getContextKeysForCustomPolicy = defineOperation({
  service: 'iam',
  name: 'GetContextKeysForCustomPolicy',
  readOnly: true,
  input: z.strictObject({ PolicyInputList: documents }),
  plan: (input) => ({
    subjects: [{ type: 'account', action: 'iam:GetContextKeysForCustomPolicy' }],
    run: () => contextKeysOf(input.PolicyInputList),
  }),
});

export const getContextKeysForPrincipalPolicy = defineOperation({
  service: 'iam',
  name: 'GetContextKeysForPrincipalPolicy',
  readOnly: true,
  input: z.strictObject({ PolicySourceArn: members.arn, PolicyInputList: documents.optional() }),
  async plan(input, caller, services) {
    const source = readSource(input.PolicySourceArn);
    const entity = await findSource(source, caller, services);
    const found = entity ?? { arn: source.arn, name: source.name };
    return {
      subjects: [entitySubject(source.kind, 'GetContextKeysForPrincipalPolicy', source.account, found)],
      async run() {
        if (entity === undefined) throw unknownEntity(source.kind, source.name);
        const { policies } = await policiesOf(entity, services);
        const own = policies.map(({ document }) => document);
        return contextKeysOf([...own, ...(input.PolicyInputList ?? [])]);
      },
    };
  },
});
