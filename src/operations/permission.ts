import type { KmsError } from '../errors.ts';
import { grantOperationOf } from '../keys/grant.ts';
import { grantsFor } from '../keys/grant-lookup.ts';
import { grantAllows, type Retirement } from '../keys/grant-verdict.ts';
import { granteesOf } from '../keys/grantee.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { Decision } from '../policy/decide.ts';
import { explain } from '../policy/explain.ts';
import { decideFor } from './authorize.ts';
import { askedArn, resourceArn } from './condition.ts';
import { ciphertextOutOfReach, denied, deniedElsewhere, deniedRole } from './denial.ts';
import type { Caller, Services, Subject } from './operation.ts';

/**
 * Whether the caller may do what a request asks of one of its subjects.
 * @returns the refusal, in AWS's words, its `detail` naming what decided; `undefined` where it is allowed. At once
 *   where all that is asked is cached
 */
export function refusalOf(
  caller: Caller,
  subject: Subject,
  services: Services,
): MaybePromise<KmsError | undefined> {
  if (subject.type === 'key' && subject.retirement !== undefined) {
    return refusalToRetire(caller, subject, subject.retirement, services);
  }
  const decision = decideFor(caller, subject, services);
  // Whom a policy allows nobody looks up grants for.
  if (!(decision instanceof Promise) && decision.allowed) return undefined;
  return withGrants(caller, subject, services, decision);
}

async function withGrants(
  caller: Caller,
  subject: Subject,
  services: Services,
  first: MaybePromise<Decision>,
): Promise<KmsError | undefined> {
  const decision = await first;
  if (decision.allowed) return undefined;
  const operation = grantOperationOf(subject.action);
  if (decision.explicit || subject.type !== 'key' || operation === undefined) {
    return toRefusal(caller, subject, decision);
  }
  const grantees = granteesOf(caller.principal);
  const { encryptionContext, newGrant } = subject;
  const request = { operation, encryptionContext, newGrant };
  const grants = await grantsFor(services.keys, subject.key, grantees, caller.grantTokens, request);
  const grant = grantAllows(grants, grantees, request);
  if (grant === undefined) return toRefusal(caller, subject, decision);
  return toRefusal(caller, subject, await decideFor(caller, subject, services, { grant: () => grant }));
}

/** How the grant that is to be retired names whom it lets retire it. */
const matches = { granted: 'direct', 'granted-to-role': 'role', delegable: undefined } as const;

/**
 * Retiring is the grant's to allow, or the policies' of an account that it names: a key policy has no say (AWS KMS
 * developer guide, "Retiring and revoking grants"). What denies it explicitly, denies it.
 */
async function refusalToRetire(
  caller: Caller,
  subject: Extract<Subject, { type: 'key' }>,
  retirement: Retirement,
  services: Services,
): Promise<KmsError | undefined> {
  const { principal } = caller;
  const { action } = subject;
  const resource = resourceArn(subject);
  if (retirement === 'refused') {
    return subject.key.account === principal.account
      ? denied(principal, action, resource, { explicit: false, because: 'resource-based policy' })
      : deniedElsewhere(principal, action, resource);
  }
  const match = matches[retirement];
  const decision = await decideFor(caller, subject, services, {
    resource: undefined,
    resourceAccount: principal.account,
    ...(match !== undefined && { grant: () => ({ grantId: 'to be retired', match }) }),
  });
  return toRefusal(caller, subject, decision);
}

function toRefusal(caller: Caller, subject: Subject, decision: Decision): KmsError | undefined {
  if (decision.allowed) return undefined;
  const { principal } = caller;
  const { action } = subject;
  const resource = resourceArn(subject);
  const why = explain(decision);
  if (subject.type === 'key' && subject.key.account !== principal.account) {
    return subject.unnamed === true
      ? ciphertextOutOfReach(why)
      : deniedElsewhere(principal, action, askedArn(subject), why);
  }
  if (subject.type === 'resource' && subject.trustPolicy !== undefined) {
    return deniedRole(principal, action, resource, why);
  }
  return denied(principal, action, resource, decision, why);
}
