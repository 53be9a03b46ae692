import type { Operation } from '../operation.ts';
import { createAccessKey, deleteAccessKey, listAccessKeys, updateAccessKey } from './access-key.ts';
import { getAccessKeyLastUsed } from './access-key-last-used.ts';
import { getAccountSummary } from './account.ts';
import { getAccountAuthorizationDetails } from './account-details.ts';
import { attachmentOperations } from './attachment.ts';
import { boundaryOperations } from './boundary.ts';
import { createGroup, deleteGroup, getGroup, listGroups, updateGroup } from './group.ts';
import { inlinePolicyOperations } from './inline-policy.ts';
import { addUserToGroup, listGroupsForUser, removeUserFromGroup } from './membership.ts';
import { noneOperations } from './none.ts';
import { createPolicy, deletePolicy, getPolicy, listEntitiesForPolicy, listPolicies } from './policy.ts';
import {
  createPolicyVersion,
  deletePolicyVersion,
  getPolicyVersion,
  listPolicyVersions,
  setDefaultPolicyVersion,
} from './policy-version.ts';
import {
  createRole,
  deleteRole,
  getRole,
  listRoles,
  updateAssumeRolePolicy,
  updateRole,
  updateRoleDescription,
} from './role.ts';
import {
  getContextKeysForCustomPolicy,
  getContextKeysForPrincipalPolicy,
  simulateCustomPolicy,
  simulatePrincipalPolicy,
} from './simulate.ts';
import { tagOperations } from './tag.ts';
import { createUser, deleteUser, getUser, listUsers, updateUser } from './user.ts';

/** The operations of IAM. */
export const iamOperations: readonly Operation[] = [
  addUserToGroup,
  createAccessKey,
  createGroup,
  createPolicy,
  createPolicyVersion,
  createRole,
  createUser,
  deleteAccessKey,
  deleteGroup,
  deletePolicy,
  deletePolicyVersion,
  deleteRole,
  deleteUser,
  getAccessKeyLastUsed,
  getAccountAuthorizationDetails,
  getAccountSummary,
  getContextKeysForCustomPolicy,
  getContextKeysForPrincipalPolicy,
  getGroup,
  getPolicy,
  getPolicyVersion,
  getRole,
  getUser,
  listAccessKeys,
  listEntitiesForPolicy,
  listGroups,
  listGroupsForUser,
  listPolicies,
  listPolicyVersions,
  listRoles,
  listUsers,
  removeUserFromGroup,
  setDefaultPolicyVersion,
  simulateCustomPolicy,
  simulatePrincipalPolicy,
  updateAccessKey,
  updateAssumeRolePolicy,
  updateGroup,
  updateRole,
  updateRoleDescription,
  updateUser,
  ...attachmentOperations,
  ...boundaryOperations,
  ...inlinePolicyOperations,
  ...noneOperations,
  ...tagOperations,
];
