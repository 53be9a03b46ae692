import { z } from 'zod';
import { iamArn } from '../../arn.ts';
import { KmsError } from '../../errors.ts';
import type { ManagedPolicy } from '../../identity/entity.ts';
import { newIdentifier } from '../../identity/identifier.ts';
import { limits } from '../../identity/limits.ts';
import { awsManagedPolicies } from '../../identity/managed.ts';
import type { Page } from '../../page.ts';
import { defineOperation, type Services } from '../operation.ts';
import { boolean } from '../query-input.ts';
import { checkManagedDocument } from './document.ts';
import { alreadyExists, conflictOf, limitExceeded, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { listSubject } from './kind.ts';
import { planOnPolicy, policySubject } from './managed.ts';
import { iamPage, shortPage } from './page.ts';
import { policyShape, policySummary } from './shape.ts';
import { readTags, requestTagFacts } from './tags.ts';

export const createPolicy = defineOperation({
  service: 'iam',
  name: 'CreatePolicy',
  readOnly: false,
  input: z.strictObject({
    PolicyName: members.policyName,
    PolicyDocument: members.document,
    Path: members.path.optional(),
    Description: members.description.optional(),
    Tags: members.tags.optional(),
  }),
  plan(input, caller, services) {
    const { PolicyName: name, Path: path = '/', PolicyDocument: document } = input;
    const { account } = caller.scope;
    const tags = readTags(input.Tags);
    const arn = iamArn(account, 'policy', path, name);
    const facts = requestTagFacts(tags);
    const now = services.clock.now();
    return {
      subjects: [
        policySubject('CreatePolicy', arn, caller, 'change', undefined, facts),
        ...(tags.length > 0 ? [policySubject('TagPolicy', arn, caller, 'change', undefined, facts)] : []),
      ],
      run() {
        checkManagedDocument(document);
        const policy: ManagedPolicy = {
          account,
          id: newIdentifier('ANPA'),
          name,
          path,
          arn,
          createdAt: now,
          description: input.Description,
          defaultVersion: 1,
          lastVersion: 1,
          updatedAt: now,
          tags,
        };
        const output = { Policy: policyShape(policy, { attachments: 0, boundaries: 0 }) };
        return {
          type: 'change',
          change: { ...caller.scope, type: 'policy-created', policy, document, limit: limits.policies },
          output,
          responseElements: output,
          refused: refusedAs({
            exists: alreadyExists(`A policy called ${name} already exists. Duplicate names are not allowed.`),
            limit: limitExceeded('PoliciesPerAccount', limits.policies),
          }),
        };
      },
    };
  },
});

export const getPolicy = defineOperation({
  service: 'iam',
  name: 'GetPolicy',
  readOnly: true,
  input: z.strictObject({ PolicyArn: members.arn }),
  plan: (input, caller, services) =>
    planOnPolicy('GetPolicy', 'look', input.PolicyArn, caller, services, async (policy) => {
      const usage = await services.identities.policyUsage(caller.scope.account, policy.arn);
      return { type: 'answer', output: { Policy: policyShape(policy, usage) } };
    }),
});

export const deletePolicy = defineOperation({
  service: 'iam',
  name: 'DeletePolicy',
  readOnly: false,
  input: z.strictObject({ PolicyArn: members.arn }),
  plan: (input, caller, services) =>
    planOnPolicy('DeletePolicy', 'change', input.PolicyArn, caller, services, ({ id }) => ({
      type: 'change',
      change: { ...caller.scope, type: 'policy-deleted', id },
      refused: (refusal) =>
        refusal.type === 'in-use' && refusal.by === 'attachments'
          ? new KmsError('DeleteConflictException', 'Cannot delete a policy attached to entities.')
          : refusal.type === 'in-use'
            ? conflictOf(refusal)
            : refusedAs({})(refusal),
    })),
});

interface Filter {
  readonly scope: 'All' | 'AWS' | 'Local';
  readonly pathPrefix: string;
  readonly onlyAttached: boolean;
  readonly usage: 'PermissionsPolicy' | 'PermissionsBoundary' | undefined;
}

export const listPolicies = defineOperation({
  service: 'iam',
  name: 'ListPolicies',
  readOnly: true,
  input: z.strictObject({
    Scope: z.enum(['All', 'AWS', 'Local']).optional(),
    OnlyAttached: boolean.optional(),
    PathPrefix: members.pathPrefix.optional(),
    PolicyUsageFilter: z.enum(['PermissionsPolicy', 'PermissionsBoundary']).optional(),
    ...pageMembers,
  }),
  plan(input, caller, services) {
    const { account } = caller.scope;
    const filter: Filter = {
      scope: input.Scope ?? 'All',
      pathPrefix: input.PathPrefix ?? '/',
      onlyAttached: input.OnlyAttached ?? false,
      usage: input.PolicyUsageFilter,
    };
    return {
      subjects: [listSubject('policy', 'ListPolicies', account, filter.pathPrefix)],
      async run() {
        const { items, rest } = await iamPage(
          'ListPolicies',
          `${account} ${Object.values(filter).join(' ')}`,
          input,
          (range) => policies(account, filter, range, services),
        );
        const all = await Promise.all(
          items.map(async (policy) => ({
            policy,
            usage: await services.identities.policyUsage(account, policy.arn),
          })),
        );
        // A page may be shorter than it could be, and there is more: IAM's lists are allowed that.
        const Policies = all
          .filter(({ usage: { attachments, boundaries } }) => {
            if (filter.onlyAttached && attachments + boundaries === 0) return false;
            if (filter.usage === 'PermissionsBoundary') return boundaries > 0;
            return filter.usage === undefined || attachments > 0;
          })
          .map(({ policy, usage }) => policySummary(policy, usage));
        return { type: 'answer', output: { Policies, ...rest } };
      },
    };
  },
});

const none: Page<ManagedPolicy> = { items: [], next: undefined };

/** AWS's own first, then the account's: places in the list are `aws/<name>` and `own/<name>`. */
async function policies(
  account: string,
  { scope, pathPrefix }: Filter,
  { after, limit }: { after: string | undefined; limit: number },
  { identities }: Services,
): Promise<Page<ManagedPolicy>> {
  const key = (policy: ManagedPolicy) =>
    `${policy.account === 'aws' ? 'aws' : 'own'}/${policy.name.toLowerCase()}`;
  const begun = after?.startsWith('own/') === true;
  const ofAws =
    scope === 'Local' || begun ? [] : awsManagedPolicies.filter(({ path }) => path.startsWith(pathPrefix));
  const range = { pathPrefix, after: begun ? after?.slice('own/'.length) : undefined, limit };
  const own = scope === 'AWS' ? none : await identities.listPolicies(account, range);
  const found = shortPage([...ofAws, ...own.items], key, { after, limit });
  if (found.next !== undefined || own.next === undefined) return found;
  const last = found.items.at(-1);
  return { items: found.items, next: last && key(last) };
}

export const listEntitiesForPolicy = defineOperation({
  service: 'iam',
  name: 'ListEntitiesForPolicy',
  readOnly: true,
  input: z.strictObject({
    PolicyArn: members.arn,
    EntityFilter: z.enum(['User', 'Role', 'Group', 'LocalManagedPolicy', 'AWSManagedPolicy']).optional(),
    PathPrefix: members.pathPrefix.optional(),
    PolicyUsageFilter: z.enum(['PermissionsPolicy', 'PermissionsBoundary']).optional(),
    ...pageMembers,
  }),
  plan(input, caller, services) {
    const { PolicyArn: arn, EntityFilter, PathPrefix = '/', PolicyUsageFilter } = input;
    return planOnPolicy('ListEntitiesForPolicy', 'look', arn, caller, services, async () => {
      const usage = PolicyUsageFilter === 'PermissionsBoundary' ? 'boundary' : 'attachment';
      const holders = (await services.identities.listPolicyHolders(caller.scope.account, arn)).filter(
        (holder) =>
          (EntityFilter === undefined || holder.type === EntityFilter) &&
          (PolicyUsageFilter === undefined || holder.usage === usage) &&
          holder.path.startsWith(PathPrefix),
      );
      const each = [...new Map(holders.map((holder) => [`${holder.type}/${holder.name}`, holder])).values()];
      const filter = `${arn} ${EntityFilter} ${PathPrefix} ${PolicyUsageFilter}`;
      const { items, rest } = await iamPage('ListEntitiesForPolicy', filter, input, (range) =>
        shortPage(each, ({ type, name }) => `${type}/${name}`, range),
      );
      const of = (wanted: string) => items.filter(({ type }) => type === wanted);
      return {
        type: 'answer',
        output: {
          PolicyGroups: of('Group').map(({ name, id }) => ({ GroupName: name, GroupId: id })),
          PolicyUsers: of('User').map(({ name, id }) => ({ UserName: name, UserId: id })),
          PolicyRoles: of('Role').map(({ name, id }) => ({ RoleName: name, RoleId: id })),
          ...rest,
        },
      };
    });
  },
});
