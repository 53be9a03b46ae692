import { z } from 'zod';
import { limits } from '../../identity/limits.ts';
import { defineOperation } from '../operation.ts';

export const getAccountSummary = defineOperation({
  service: 'iam',
  name: 'GetAccountSummary',
  readOnly: true,
  input: z.strictObject({}),
  plan: (_input, caller, services) => ({
    subjects: [{ type: 'account', action: 'iam:GetAccountSummary' }],
    async run() {
      const { account } = caller.scope;
      const { identities } = services;
      const counts = await identities.counts(account);
      const rootKeys = await identities.listAccessKeyMetadata(account);
      const SummaryMap = new Map<string, number>([
        ['Users', counts.users],
        ['UsersQuota', limits.users],
        ['Groups', counts.groups],
        ['GroupsQuota', limits.groups],
        ['Roles', counts.roles],
        ['RolesQuota', limits.roles],
        ['Policies', counts.policies],
        ['PoliciesQuota', limits.policies],
        ['PolicyVersionsInUse', counts.policyVersions],
        ['PolicyVersionsInUseQuota', limits.policies * limits.policyVersions],
        ['VersionsPerPolicyQuota', limits.policyVersions],
        ['PolicySizeQuota', limits.managedPolicySize],
        ['UserPolicySizeQuota', limits.inlinePolicySize.User],
        ['GroupPolicySizeQuota', limits.inlinePolicySize.Group],
        ['RolePolicySizeQuota', limits.inlinePolicySize.Role],
        ['AssumeRolePolicySizeQuota', limits.trustPolicySize],
        ['AttachedPoliciesPerUserQuota', limits.attachments],
        ['AttachedPoliciesPerGroupQuota', limits.attachments],
        ['AttachedPoliciesPerRoleQuota', limits.attachments],
        ['GroupsPerUserQuota', limits.groupsOfUser],
        ['AccessKeysPerUserQuota', limits.accessKeys],
        ['AccountAccessKeysPresent', rootKeys.length > 0 ? 1 : 0],
        ['AccountPasswordPresent', 0],
        ['AccountMFAEnabled', 0],
        ['MFADevices', 0],
        ['MFADevicesInUse', 0],
        ['InstanceProfiles', 0],
        ['ServerCertificates', 0],
        ['Providers', 0],
      ]);
      return { type: 'answer', output: { SummaryMap } };
    },
  }),
});
