import type { KmsError } from '../../errors.ts';
import type { ManagedPolicy } from '../../identity/entity.ts';
import type { Caller, Facts, Plan, Result, Services, Subject } from '../operation.ts';
import { noSuchEntity } from './errors.ts';
import { resourceTagFacts } from './kind.ts';

const pattern = /^arn:aws:iam::(\d{12}|aws):policy\/.+$/;

export function unknownPolicy(arn: string): KmsError {
  return noSuchEntity(`Policy ${arn} was not found.`);
}

/**
 * A managed policy, there or not. AWS's own may be looked at by everybody as if they were the account's, and are
 * changed by nobody.
 */
export function policySubject(
  action: string,
  arn: string,
  caller: Caller,
  use: 'look' | 'change',
  policy?: ManagedPolicy,
  facts: Facts = {},
): Subject {
  const own = caller.scope.account;
  const owner = pattern.exec(arn)?.[1] ?? own;
  return {
    type: 'resource',
    action: `iam:${action}`,
    arn,
    account: owner === 'aws' && use === 'look' ? own : owner,
    resourceType: 'AWS::IAM::Policy',
    tags: policy?.tags ?? [],
    facts: { ...resourceTagFacts(policy?.tags ?? []), ...facts },
  };
}

/**
 * The plan of an operation on one managed policy, with its own permission on it. One of another account is not looked
 * up: conditions could ask for its tags.
 */
export async function planOnPolicy(
  action: string,
  use: 'look' | 'change',
  arn: string,
  caller: Caller,
  services: Services,
  result: (policy: ManagedPolicy) => Result | Promise<Result>,
  facts: Facts = {},
): Promise<Plan> {
  const owner = pattern.exec(arn)?.[1];
  const isNear = owner === caller.scope.account || owner === 'aws';
  const policy = isNear ? await services.identities.findPolicy(arn) : undefined;
  return {
    subjects: [policySubject(action, arn, caller, use, policy, facts)],
    run() {
      if (policy === undefined) throw unknownPolicy(arn);
      return result(policy);
    },
  };
}
