/**
 * The default key policy, and what it decides while it is the only one: it gives the account `kms:*`, and the
 * account's one principal is its administrator. Deny by default: another account gets nothing.
 */

export interface AuthorizationRequest {
  readonly principalAccount: string;
  /** For example `kms:Encrypt`. */
  readonly action: string;
  /** The account that owns what is asked for. */
  readonly resourceAccount: string;
}

export type Decision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly because: 'resource-based' };

export function authorize(request: AuthorizationRequest): Decision {
  return request.principalAccount === request.resourceAccount
    ? { allowed: true }
    : { allowed: false, because: 'resource-based' };
}

export { defaultKeyPolicy } from './default-key.ts';
