import type { EncryptionContext, Grant, GrantOperation, GrantTerms } from './grant.ts';
import { contextSatisfies, isAtLeastAsStrict } from './grant-constraint.ts';
import { type GrantCaller, type Grantee, type GranteeMatch, granteesOf } from './grantee.ts';

/** What is asked of grants. */
export interface GrantRequest {
  readonly operation: GrantOperation;
  readonly encryptionContext?: EncryptionContext | undefined;
  /** What the grant that CreateGrant asks for would give. */
  readonly newGrant?: GrantTerms | undefined;
  /** The AWS resource on whose behalf the request is made. */
  readonly sourceArn?: string | undefined;
}

export interface GrantVerdict {
  readonly grantId: string;
  /** With `account`, policies of the caller's own account must allow it too. */
  readonly match: GranteeMatch;
}

/**
 * Whether grants allow a request (AWS KMS developer guide, "Grants in AWS KMS").
 * @param grants on the key that is asked for; those of others are passed over
 * @param grantees the caller's, as `granteesOf` gives them
 * @returns the one that names the caller most closely; `undefined` where none allows it
 */
export function grantAllows(
  grants: readonly Grant[],
  grantees: readonly Grantee[],
  request: GrantRequest,
): GrantVerdict | undefined {
  for (const { id, match } of grantees) {
    const found = grants.find((grant) => grant.granteeId === id && allows(grant, request));
    if (found !== undefined) return { grantId: found.grantId, match };
  }
  return undefined;
}

function allows(grant: Grant, request: GrantRequest): boolean {
  const { operation } = request;
  if (!grant.operations.includes(operation)) return false;
  // No constraint is on RetireGrant, none on the encryption context is on DescribeKey, which has none.
  if (operation === 'RetireGrant') return true;
  if (grant.constraints.sourceArn !== undefined && grant.constraints.sourceArn !== request.sourceArn)
    return false;
  if (operation === 'DescribeKey') return true;
  if (operation === 'CreateGrant') return request.newGrant !== undefined && isWithin(request.newGrant, grant);
  return contextSatisfies(grant.constraints, request.encryptionContext);
}

/** INVARIANT: what a grantee's own grants give is never more than what the grantee was given. */
function isWithin(child: GrantTerms, parent: GrantTerms): boolean {
  return (
    child.operations.every((operation) => parent.operations.includes(operation)) &&
    isAtLeastAsStrict(child.constraints, parent.constraints)
  );
}

/**
 * What a grant says of who may retire it (AWS KMS developer guide, "Retiring and revoking grants"). `granted`: the
 * grant itself allows the caller, unless a policy of the caller's denies it; `granted-to-role`: it allows the role
 * that the caller is a session of, within what limits the session. `delegable`: the caller's account may, and its
 * identity policies say who in it; a key policy has no say. `refused`: whatever policies say.
 */
export type Retirement = 'granted' | 'granted-to-role' | 'delegable' | 'refused';

export function retirementBy(grant: Grant, caller: GrantCaller): Retirement {
  const named = [grant.retiringId, grant.operations.includes('RetireGrant') ? grant.granteeId : undefined];
  const closest = granteesOf(caller).find(({ id }) => named.includes(id));
  if (closest?.match === 'direct') return 'granted';
  if (closest?.match === 'role') return 'granted-to-role';
  const accounts = [grant.account, grant.issuingAccount, ...named];
  return accounts.includes(caller.account) ? 'delegable' : 'refused';
}
