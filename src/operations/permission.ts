import type { KmsError } from '../errors.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import type { Decision } from '../policy/decide.ts';
import { explain } from '../policy/explain.ts';
import { decideFor } from './authorize.ts';
import { resourceArn } from './condition.ts';
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
  const decision = decideFor(caller, subject, services);
  return decision instanceof Promise
    ? decision.then((found) => toRefusal(caller, subject, found))
    : toRefusal(caller, subject, decision);
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
      : deniedElsewhere(principal, action, resource, why);
  }
  if (subject.type === 'resource' && subject.trustPolicy !== undefined) {
    return deniedRole(principal, action, resource, why);
  }
  return denied(principal, action, resource, decision, why);
}
