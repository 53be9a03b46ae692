import { KmsError } from '../errors.ts';
import type { Principal } from '../identity/principal.ts';

/** AWS's words for who was refused what (IAM user guide, "Troubleshoot access denied error messages"). */

/** What kind of policy refused, and whether by a Deny or for want of an Allow. */
export interface Because {
  readonly explicit: boolean;
  readonly because:
    | 'identity-based policy'
    | 'resource-based policy'
    | 'permissions boundary'
    | 'session policy';
}

/** @param resource an ARN, or `*` @param detail which statement decided: for the log alone */
export function denied(
  principal: Principal,
  action: string,
  resource: string,
  { explicit, because }: Because,
  detail?: string,
): KmsError {
  const article = because === 'identity-based policy' ? 'an' : 'a';
  const why = explicit
    ? `with an explicit deny in ${article} ${because}`
    : `because no ${because} allows the ${action} action`;
  return refusal(principal, action, resource, why, detail);
}

/** The one answer about keys of other accounts: it says neither whether there is such a key nor who refuses. */
export function deniedElsewhere(
  principal: Principal,
  action: string,
  resource: string,
  detail?: string,
): KmsError {
  return refusal(
    principal,
    action,
    resource,
    'because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access',
    detail,
  );
}

/** The one answer about roles: who may not assume one doesn't learn whether it is there. */
export function deniedRole(principal: Principal, action: string, role: string, detail?: string): KmsError {
  return refusal(principal, action, role, undefined, detail);
}

/** The one answer about a ciphertext whose key is out of reach. */
export function ciphertextOutOfReach(detail?: string): KmsError {
  return new KmsError(
    'AccessDeniedException',
    'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.',
    detail === undefined ? undefined : { detail },
  );
}

function refusal(
  principal: Principal,
  action: string,
  resource: string,
  why: string | undefined,
  detail: string | undefined,
): KmsError {
  const because = why === undefined ? '' : ` ${why}`;
  return new KmsError(
    'AccessDeniedException',
    `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${resource}${because}`,
    detail === undefined ? undefined : { detail },
  );
}
