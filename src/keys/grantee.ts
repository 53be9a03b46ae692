/** What of a caller grants are given to. */
export interface GrantCaller {
  readonly type: 'Root' | 'IAMUser' | 'AssumedRole';
  /** `AIDA…` of a user, `AROA…:<session>` of a role's session, the account's number of its root. */
  readonly principalId: string;
  readonly account: string;
  readonly role?: { readonly roleId: string } | undefined;
}

/**
 * How a grant names a caller. `direct`: the user or the role's session itself; `role`: the role that it is a
 * session of; `account`: the account, whose own policies say who in it may.
 */
export type GranteeMatch = 'direct' | 'role' | 'account';

export interface Grantee {
  readonly id: string;
  readonly match: GranteeMatch;
}

/** The ids by which a grant can name a caller, the closest first. */
export function granteesOf(caller: GrantCaller): readonly Grantee[] {
  const { type, principalId, account, role } = caller;
  const all: Grantee = { id: account, match: 'account' };
  switch (type) {
    case 'Root':
      return [all];
    case 'IAMUser':
      return [{ id: principalId, match: 'direct' }, all];
    case 'AssumedRole':
      return role === undefined
        ? [{ id: principalId, match: 'direct' }, all]
        : [{ id: principalId, match: 'direct' }, { id: role.roleId, match: 'role' }, all];
  }
}
