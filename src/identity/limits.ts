/** How many there may be (IAM user guide, "IAM and AWS STS quotas"); sizes in characters without white space. */
export const limits = {
  users: 5_000,
  groups: 300,
  roles: 1_000,
  policies: 1_500,
  groupsOfUser: 10,
  accessKeys: 2,
  attachments: 10,
  policyVersions: 5,
  tags: 50,
  managedPolicySize: 6_144,
  trustPolicySize: 2_048,
  inlinePolicySize: { User: 2_048, Group: 5_120, Role: 10_240 },
} as const;
