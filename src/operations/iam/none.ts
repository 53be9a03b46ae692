import { z } from 'zod';
import { defineOperation, type Operation } from '../operation.ts';
import { noSuchEntity } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { planOn, roleKind, userKind } from './kind.ts';
import { userNameOf } from './user.ts';

/**
 * What Coffer's users and roles never have: passwords, second factors, certificates, SSH keys, credentials of
 * single services, instance profiles. Clients ask for them before they delete a user or role, and are answered what
 * is true of one that has none.
 */

/** A list that belongs to a user: the one named, else the caller. */
function ofUser(name: string, member: string): Operation {
  return defineOperation({
    service: 'iam',
    name,
    readOnly: true,
    input: z.strictObject({ UserName: members.existingUserName.optional(), ...pageMembers }),
    plan(input, caller, services) {
      const output = { [member]: [], IsTruncated: false };
      const userName = userNameOf(input.UserName, caller);
      return userName === undefined
        ? {
            subjects: [{ type: 'account', action: `iam:${name}` }],
            run: () => ({ type: 'answer', output }),
          }
        : planOn(userKind, name, userName, caller, services, () => ({ type: 'answer', output }));
    },
  });
}

/** A list that belongs to the account. */
function ofAccount(name: string, member: string, more: Record<string, z.ZodType> = {}): Operation {
  return defineOperation({
    service: 'iam',
    name,
    readOnly: true,
    input: z.strictObject({ ...more, ...pageMembers }),
    plan: () => ({
      subjects: [{ type: 'account', action: `iam:${name}` }],
      run: () => ({ type: 'answer', output: { [member]: [], IsTruncated: false } }),
    }),
  });
}

function loginProfile(name: 'GetLoginProfile' | 'DeleteLoginProfile'): Operation {
  return defineOperation({
    service: 'iam',
    name,
    readOnly: name === 'GetLoginProfile',
    input: z.strictObject({ UserName: members.existingUserName }),
    plan: (input, caller, services) =>
      planOn(userKind, name, input.UserName, caller, services, (user) => {
        throw noSuchEntity(`Login Profile for User ${user.name} cannot be found.`);
      }),
  });
}

const listInstanceProfilesForRole = defineOperation({
  service: 'iam',
  name: 'ListInstanceProfilesForRole',
  readOnly: true,
  input: z.strictObject({ RoleName: members.roleName, ...pageMembers }),
  plan: (input, caller, services) =>
    planOn(roleKind, 'ListInstanceProfilesForRole', input.RoleName, caller, services, () => ({
      type: 'answer',
      output: { InstanceProfiles: [], IsTruncated: false },
    })),
});

const listServiceSpecificCredentials = defineOperation({
  service: 'iam',
  name: 'ListServiceSpecificCredentials',
  readOnly: true,
  input: z.strictObject({
    UserName: members.existingUserName.optional(),
    ServiceName: z.string().optional(),
    AllUsers: z.enum(['true', 'false']).optional(),
    ...pageMembers,
  }),
  plan(input, caller, services) {
    const action = 'ListServiceSpecificCredentials';
    const output = { ServiceSpecificCredentials: [], IsTruncated: false };
    const userName = input.AllUsers === 'true' ? undefined : userNameOf(input.UserName, caller);
    return userName === undefined
      ? { subjects: [{ type: 'account', action: `iam:${action}` }], run: () => ({ type: 'answer', output }) }
      : planOn(userKind, action, userName, caller, services, () => ({ type: 'answer', output }));
  },
});

export const noneOperations: readonly Operation[] = [
  ofUser('ListMFADevices', 'MFADevices'),
  ofUser('ListSigningCertificates', 'Certificates'),
  ofUser('ListSSHPublicKeys', 'SSHPublicKeys'),
  ofAccount('ListAccountAliases', 'AccountAliases'),
  ofAccount('ListVirtualMFADevices', 'VirtualMFADevices', {
    AssignmentStatus: z.enum(['Assigned', 'Unassigned', 'Any']).optional(),
  }),
  ofAccount('ListInstanceProfiles', 'InstanceProfiles', { PathPrefix: members.pathPrefix.optional() }),
  loginProfile('GetLoginProfile'),
  loginProfile('DeleteLoginProfile'),
  listInstanceProfilesForRole,
  listServiceSpecificCredentials,
];
