import { z } from 'zod';
import type { Entity, ManagedPolicy } from '../../identity/entity.ts';
import { awsManagedPolicies } from '../../identity/managed.ts';
import type { IdentityRepository } from '../../identity/repository.ts';
import type { Page } from '../../page.ts';
import { defineOperation } from '../operation.ts';
import { list } from '../query-input.ts';
import { pageMembers } from './input.ts';
import { iamPage, numberedPlace, shortPage } from './page.ts';
import { encodeDocument, groupShape, policyNameOf, policyShape, roleShape, userShape } from './shape.ts';

const sections = ['User', 'Group', 'Role', 'LocalManagedPolicy', 'AWSManagedPolicy'] as const;
type Section = (typeof sections)[number];
type Item = Entity | (ManagedPolicy & { readonly type?: undefined });

/** Everything about everybody of an account, and the managed policies in use. */
export const getAccountAuthorizationDetails = defineOperation({
  service: 'iam',
  name: 'GetAccountAuthorizationDetails',
  readOnly: true,
  input: z.strictObject({ Filter: list(z.enum(sections), 5).optional(), ...pageMembers }),
  plan: (input, caller, services) => ({
    subjects: [{ type: 'account', action: 'iam:GetAccountAuthorizationDetails' }],
    async run() {
      const { account } = caller.scope;
      const { identities } = services;
      const wanted = sections.filter((section) => input.Filter?.includes(section) ?? true);
      const { items, rest } = await iamPage(
        'GetAccountAuthorizationDetails',
        `${account} ${wanted.join(' ')}`,
        input,
        (range) => everything(account, wanted, range, identities),
      );
      const details = await Promise.all(items.map((item) => detail(item, account, identities)));
      const of = (member: string) =>
        details.filter((each) => each.member === member).map(({ shape }) => shape);
      return {
        type: 'answer',
        output: {
          UserDetailList: of('users'),
          GroupDetailList: of('groups'),
          RoleDetailList: of('roles'),
          Policies: of('policies'),
          ...rest,
        },
      };
    },
  }),
});

/** One section after the other: a place in the list is `<section's number> <name>`. */
async function everything(
  account: string,
  wanted: readonly Section[],
  { after, limit }: { after: string | undefined; limit: number },
  identities: IdentityRepository,
): Promise<Page<Item>> {
  const [number, name] = after?.split(' ', 2) ?? [];
  const first = number === undefined ? 0 : numberedPlace(number, wanted.length);
  const items: Item[] = [];
  for (let index = first; index < wanted.length; index += 1) {
    const from = index === first ? name : undefined;
    const range = { pathPrefix: '/', after: from, limit: limit - items.length };
    const section = wanted[index];
    const found = section && (await read(account, section, range, identities));
    items.push(...(found?.items ?? []));
    if (found?.next !== undefined) return { items, next: `${index} ${found.next}` };
    if (items.length >= limit && index + 1 < wanted.length) return { items, next: `${index + 1}` };
  }
  return { items, next: undefined };
}

async function read(
  account: string,
  section: Section,
  range: { pathPrefix: string; after: string | undefined; limit: number },
  identities: IdentityRepository,
): Promise<Page<Item>> {
  switch (section) {
    case 'User':
      return identities.listUsers(account, range);
    case 'Group':
      return identities.listGroups(account, range);
    case 'Role':
      return identities.listRoles(account, range);
    case 'LocalManagedPolicy':
      return identities.listPolicies(account, range);
    case 'AWSManagedPolicy': {
      const usages = await Promise.all(
        awsManagedPolicies.map(({ arn }) => identities.policyUsage(account, arn)),
      );
      const used = awsManagedPolicies.filter((_policy, index) => {
        const { attachments = 0, boundaries = 0 } = usages[index] ?? {};
        return attachments + boundaries > 0;
      });
      return shortPage(used, ({ name }) => name.toLowerCase(), range);
    }
  }
}

type Detail = { readonly member: 'users' | 'groups' | 'roles' | 'policies'; readonly shape: object };

async function detail(item: Item, account: string, identities: IdentityRepository): Promise<Detail> {
  switch (item.type) {
    case undefined:
      return { member: 'policies', shape: await policyDetail(item, account, identities) };
    case 'User': {
      const [UserPolicyList, AttachedManagedPolicies] = await held(item, identities);
      const groups = await identities.listGroupsOfUser(item.id);
      const GroupList = groups.map(({ name }) => name);
      return {
        member: 'users',
        shape: { ...userShape(item), UserPolicyList, GroupList, AttachedManagedPolicies },
      };
    }
    case 'Group': {
      const [GroupPolicyList, AttachedManagedPolicies] = await held(item, identities);
      return {
        member: 'groups',
        shape: { ...groupShape(item), GroupPolicyList, AttachedManagedPolicies },
      };
    }
    case 'Role': {
      const [RolePolicyList, AttachedManagedPolicies] = await held(item, identities);
      const role = await roleShape(item, identities);
      return {
        member: 'roles',
        shape: { ...role, InstanceProfileList: [], RolePolicyList, AttachedManagedPolicies },
      };
    }
  }
}

async function held({ id }: Entity, identities: IdentityRepository) {
  const inline = await identities.listInlinePolicies(id);
  const attached = await identities.listAttachments(id);
  return [
    inline.map(({ name, document }) => ({ PolicyName: name, PolicyDocument: encodeDocument(document) })),
    attached.map((arn) => ({ PolicyName: policyNameOf(arn), PolicyArn: arn })),
  ] as const;
}

async function policyDetail(policy: ManagedPolicy, account: string, identities: IdentityRepository) {
  const usage = await identities.policyUsage(account, policy.arn);
  const versions = await identities.listPolicyVersions(policy.arn);
  const { Tags: _tags, ...shape } = policyShape(policy, usage);
  return {
    ...shape,
    PolicyVersionList: versions.map(({ version, document, createdAt }) => ({
      Document: encodeDocument(document),
      VersionId: `v${version}`,
      IsDefaultVersion: version === policy.defaultVersion,
      CreateDate: new Date(createdAt),
    })),
  };
}
