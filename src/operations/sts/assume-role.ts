import { z } from 'zod';
import { assumedRoleArn } from '../../arn.ts';
import { KmsError } from '../../errors.ts';
import type { Role } from '../../identity/entity.ts';
import { tagFacts } from '../condition.ts';
import { deniedRole } from '../denial.ts';
import { type Caller, defineOperation, type Plan, type Services, type Subject } from '../operation.ts';
import { members } from './members.ts';
import { issue, lifetime, type Packed, pack, shownCredentials } from './session.ts';
import { checkManagedPolicies, checkSessionPolicy } from './session-policy.ts';
import { checkSessionTags, inheritTags, type SessionTags } from './session-tags.ts';

const inputSchema = z.strictObject({
  RoleArn: members.roleArn,
  RoleSessionName: members.roleSessionName,
  DurationSeconds: members.roleDuration.optional(),
  Policy: members.policy.optional(),
  PolicyArns: members.policyArns.optional(),
  Tags: members.tags.optional(),
  TransitiveTagKeys: members.transitiveTagKeys.optional(),
  ExternalId: members.externalId.optional(),
  SourceIdentity: members.sourceIdentity.optional(),
});
type Input = z.infer<typeof inputSchema>;

/** Seconds; longer than that no session lives that was asked for by a session of a role. */
const usual = 3_600;
const action = 'sts:AssumeRole';

/** Temporary credentials of a role, for whom its trust policy names (AWS STS API reference, AssumeRole). */
export const assumeRole = defineOperation({
  service: 'sts',
  name: 'AssumeRole',
  readOnly: true,
  input: inputSchema,
  async plan(input, caller, services): Promise<Plan> {
    const given = checkSessionTags(input.Tags ?? [], input.TransitiveTagKeys ?? []);
    const tags = inheritTags(given, caller.principal.session);
    const sourceIdentity = sourceOf(input, caller);
    const role = await findRole(input.RoleArn, services);
    if (role === undefined) throw deniedRole(caller.principal, action, input.RoleArn);
    const policyArns = (input.PolicyArns ?? []).map(({ arn }) => arn);
    const missing = await checkManagedPolicies(policyArns, role.account, services);
    let packed: Packed | undefined;
    return {
      subjects: subjectsOf(role, input, given, tags, sourceIdentity),
      validate() {
        if (caller.principal.type === 'Root') {
          throw new KmsError('AccessDeniedException', 'Roles may not be assumed by root accounts.');
        }
        if (input.Policy !== undefined) checkSessionPolicy(input.Policy);
        if (missing !== undefined) throw missing;
        packed = pack({
          type: 'Role',
          id: role.id,
          account: role.account,
          session: {
            ...lifetime(services.clock.now(), durationOf(input, role, caller)),
            name: input.RoleSessionName,
            policy: input.Policy,
            policyArns,
            ...tags,
            sourceIdentity,
          },
        });
      },
      async run() {
        if (packed === undefined) throw new Error('a plan runs after its validation');
        const credentials = await issue(packed, services);
        const user = {
          AssumedRoleId: `${role.id}:${input.RoleSessionName}`,
          Arn: assumedRoleArn(role.account, role.name, input.RoleSessionName),
        };
        const isPacked = input.Policy !== undefined || policyArns.length > 0 || tags.tags.length > 0;
        return {
          type: 'answer',
          output: {
            Credentials: credentials,
            AssumedRoleUser: user,
            PackedPolicySize: isPacked ? packed.percent : undefined,
            SourceIdentity: sourceIdentity,
          },
          responseElements: {
            credentials: shownCredentials(credentials),
            assumedRoleUser: { assumedRoleId: user.AssumedRoleId, arn: user.Arn },
            sourceIdentity,
          },
        };
      },
    };
  },
});

/** As whom it is done: it stays what it was, however many roles are assumed one from another. */
function sourceOf({ SourceIdentity: given }: Input, { principal }: Caller): string | undefined {
  const before = principal.session?.sourceIdentity;
  if (given !== undefined && before !== undefined && given !== before) {
    throw new KmsError(
      'AccessDeniedException',
      'The source identity of a session cannot be changed once it is set.',
    );
  }
  return before ?? given;
}

async function findRole(arn: string, { identities }: Services): Promise<Role | undefined> {
  const [, account, name] = /^arn:aws:iam::(\d{12}):role\/(?:[!-~]*\/)?([\w+=,.@-]{1,64})$/.exec(arn) ?? [];
  if (account === undefined || name === undefined) {
    throw new KmsError('ValidationException', `${arn} is invalid`);
  }
  const role = await identities.findRole(account, name);
  return role?.arn === arn ? role : undefined;
}

function subjectsOf(
  role: Role,
  input: Input,
  given: SessionTags,
  tags: SessionTags,
  sourceIdentity: string | undefined,
): Subject[] {
  const facts = {
    ...(given.tags.length > 0 && tagFacts(given.tags)),
    'sts:externalid': input.ExternalId,
    'sts:rolesessionname': input.RoleSessionName,
    'sts:sourceidentity': sourceIdentity,
    'sts:transitivetagkeys': given.transitiveTagKeys.length > 0 ? given.transitiveTagKeys : undefined,
  };
  const actions = [
    action,
    // Also for those that come down a chain (IAM user guide, "Chaining roles with session tags").
    ...(tags.tags.length > 0 ? ['sts:TagSession'] : []),
    ...(sourceIdentity === undefined ? [] : ['sts:SetSourceIdentity']),
  ];
  return actions.map((needed) => ({
    type: 'resource',
    action: needed,
    arn: role.arn,
    account: role.account,
    resourceType: 'AWS::IAM::Role',
    trustPolicy: role.trustPolicy,
    tags: role.tags,
    facts,
  }));
}

/** @throws KmsError ValidationException */
function durationOf({ DurationSeconds: seconds = usual }: Input, role: Role, { principal }: Caller): number {
  if (seconds > role.maxSessionDuration) {
    throw new KmsError(
      'ValidationException',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    );
  }
  if (principal.type === 'AssumedRole' && seconds > usual) {
    throw new KmsError(
      'ValidationException',
      'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
    );
  }
  return seconds;
}
