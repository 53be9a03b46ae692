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

/** The policy of a key that was made without one (AWS KMS developer guide, "Default key policy"). */
export function defaultKeyPolicy(account: string): string {
  return JSON.stringify(
    {
      Version: '2012-10-17',
      Id: 'key-default-1',
      Statement: [
        {
          Sid: 'Enable IAM User Permissions',
          Effect: 'Allow',
          Principal: { AWS: `arn:aws:iam::${account}:root` },
          Action: 'kms:*',
          Resource: '*',
        },
      ],
    },
    undefined,
    2,
  );
}
