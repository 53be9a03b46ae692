import { z } from 'zod';
import { defineOperation, type Operation } from '../operation.ts';
import { operationOn } from './entity-operation.ts';
import { noSuchEntity } from './errors.ts';
import { members, pageMembers } from './input.ts';
import { roleKind, userKind } from './kind.ts';
import { planOnSelf } from './self.ts';

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
    plan: (input, caller, services) =>
      planOnSelf(name, input.UserName, caller, services, () => ({
        type: 'answer',
        output: { [member]: [], IsTruncated: false },
      })),
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

function loginProfile(verb: 'Get' | 'Delete'): Operation {
  return operationOn(userKind, {
    name: `${verb}LoginProfile`,
    readOnly: verb === 'Get',
    input: {},
    plan: () => ({
      result({ name }) {
        throw noSuchEntity(`Login Profile for User ${name} cannot be found.`);
      },
    }),
  });
}

const listInstanceProfilesForRole = operationOn(roleKind, {
  name: 'ListInstanceProfilesForRole',
  readOnly: true,
  input: pageMembers,
  plan: () => ({
    result: () => ({ type: 'answer', output: { InstanceProfiles: [], IsTruncated: false } }),
  }),
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
    const result = () => ({
      type: 'answer' as const,
      output: { ServiceSpecificCredentials: [], IsTruncated: false },
    });
    return input.AllUsers === 'true'
      ? { subjects: [{ type: 'account', action: `iam:${action}` }], run: result }
      : planOnSelf(action, input.UserName, caller, services, result);
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
  loginProfile('Get'),
  loginProfile('Delete'),
  listInstanceProfilesForRole,
  listServiceSpecificCredentials,
];
