import { z } from 'zod';
import { KmsError } from '../../errors.ts';
import type { ManagedPolicy, PolicyVersion } from '../../identity/entity.ts';
import { limits } from '../../identity/limits.ts';
import { defineOperation } from '../operation.ts';
import { boolean } from '../query-input.ts';
import { checkManagedDocument } from './document.ts';
import { noSuchEntity, refusedAs } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { planOnPolicy } from './managed.ts';
import { iamPage } from './page.ts';
import { encodeDocument } from './shape.ts';

function versionShape({ defaultVersion }: ManagedPolicy, { version, createdAt }: PolicyVersion) {
  return {
    VersionId: `v${version}`,
    IsDefaultVersion: version === defaultVersion,
    CreateDate: new Date(createdAt),
  };
}

function numberOf(versionId: string): number {
  return Number(versionId.slice(1).split('.')[0]);
}

function unknownVersion(arn: string, versionId: string): KmsError {
  return noSuchEntity(`Policy ${arn} version ${versionId} does not exist or is not attachable.`);
}

export const createPolicyVersion = defineOperation({
  service: 'iam',
  name: 'CreatePolicyVersion',
  readOnly: false,
  input: z.strictObject({
    PolicyArn: members.arn,
    PolicyDocument: members.document,
    SetAsDefault: boolean.optional(),
  }),
  plan: (input, caller, services) =>
    planOnPolicy('CreatePolicyVersion', 'change', input.PolicyArn, caller, services, (policy) => {
      const { PolicyDocument: document, SetAsDefault: isDefault = false } = input;
      checkManagedDocument(document);
      const version = policy.lastVersion + 1;
      const createdAt = services.clock.now();
      const defaultVersion = isDefault ? version : policy.defaultVersion;
      const output = {
        PolicyVersion: versionShape({ ...policy, defaultVersion }, { version, document, createdAt }),
      };
      return {
        type: 'change',
        change: {
          ...caller.scope,
          type: 'policy-version-created',
          id: policy.id,
          version,
          document,
          isDefault,
          createdAt,
          limit: limits.policyVersions,
        },
        output,
        responseElements: output,
        refused: refusedAs({
          limit: new KmsError(
            'LimitExceededException',
            `A managed policy can have up to ${limits.policyVersions} versions. Before you create a new version, you must delete an existing version.`,
          ),
        }),
      };
    }),
});

export const getPolicyVersion = defineOperation({
  service: 'iam',
  name: 'GetPolicyVersion',
  readOnly: true,
  input: z.strictObject({ PolicyArn: members.arn, VersionId: members.versionId }),
  plan: (input, caller, services) =>
    planOnPolicy('GetPolicyVersion', 'look', input.PolicyArn, caller, services, async (policy) => {
      const versions = await services.identities.listPolicyVersions(policy.arn);
      const found = versions.find(({ version }) => `v${version}` === input.VersionId);
      if (found === undefined) throw unknownVersion(policy.arn, input.VersionId);
      const PolicyVersion = { Document: encodeDocument(found.document), ...versionShape(policy, found) };
      return { type: 'answer', output: { PolicyVersion } };
    }),
});

export const listPolicyVersions = defineOperation({
  service: 'iam',
  name: 'ListPolicyVersions',
  readOnly: true,
  input: z.strictObject({ PolicyArn: members.arn, ...pageMembers }),
  plan: (input, caller, services) =>
    planOnPolicy('ListPolicyVersions', 'look', input.PolicyArn, caller, services, async (policy) => {
      const versions = await services.identities.listPolicyVersions(policy.arn);
      const { items, rest } = await iamPage('ListPolicyVersions', policy.id, input, ({ after, limit }) => {
        const left = versions.filter(({ version }) => after === undefined || version < Number(after));
        const items = left.slice(0, limit);
        return { items, next: left.length > limit ? String(items.at(-1)?.version) : undefined };
      });
      const Versions = items.map((version) => versionShape(policy, version));
      return { type: 'answer', output: { Versions, ...rest } };
    }),
});

export const deletePolicyVersion = defineOperation({
  service: 'iam',
  name: 'DeletePolicyVersion',
  readOnly: false,
  input: z.strictObject({ PolicyArn: members.arn, VersionId: members.versionId }),
  plan: (input, caller, services) =>
    planOnPolicy('DeletePolicyVersion', 'change', input.PolicyArn, caller, services, ({ id, arn }) => ({
      type: 'change',
      change: {
        ...caller.scope,
        type: 'policy-version-deleted',
        id,
        version: numberOf(input.VersionId),
      },
      refused: refusedAs({ notFound: unknownVersion(arn, input.VersionId) }),
    })),
});

export const setDefaultPolicyVersion = defineOperation({
  service: 'iam',
  name: 'SetDefaultPolicyVersion',
  readOnly: false,
  input: z.strictObject({ PolicyArn: members.arn, VersionId: members.versionId }),
  plan: (input, caller, services) =>
    planOnPolicy('SetDefaultPolicyVersion', 'change', input.PolicyArn, caller, services, ({ id, arn }) => ({
      type: 'change',
      change: {
        ...caller.scope,
        type: 'policy-default-set',
        id,
        version: numberOf(input.VersionId),
        updatedAt: services.clock.now(),
      },
      refused: refusedAs({ notFound: unknownVersion(arn, input.VersionId) }),
    })),
});
