import type { Tag } from '../tag.ts';

/** Who made a request, as its credential says. What it may do is its Identity's (or, of a root, everything) to say. */
export interface Principal {
  readonly type: 'Root' | 'IAMUser' | 'AssumedRole';
  /** `arn:aws:iam::<account>:user<path><name>`, `…:root` or `arn:aws:sts::<account>:assumed-role/<role>/<session>`. */
  readonly arn: string;
  /** `AIDA…` of a user, `AROA…:<session>` of a role's session, the account's number of its root. */
  readonly principalId: string;
  readonly account: string;
  /** Of a user. */
  readonly userName: string | undefined;
  /** Of a role's session. */
  readonly role?: RoleName;
  /** Of temporary credentials. */
  readonly session?: Session;
}

export interface RoleName {
  /** `arn:aws:iam::<account>:role<path><name>`. */
  readonly arn: string;
  /** `AROA…`. */
  readonly roleId: string;
  readonly roleName: string;
}

/** What temporary credentials were given with. All of it is bound to them by the token's seal. */
export interface Session {
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  /** Role session name; `undefined` for GetSessionToken's. */
  readonly name: string | undefined;
  /** An inline session policy's JSON. */
  readonly policy: string | undefined;
  /** Managed session policies, looked up when they are used. */
  readonly policyArns: readonly string[];
  readonly tags: readonly Tag[];
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
}

/** A policy that counts for an identity. */
export interface AttachedPolicy {
  readonly type: 'user policy' | 'group policy' | 'role policy' | 'managed policy';
  /** Its name, or the ARN of a managed one. */
  readonly id: string;
  /** JSON. */
  readonly document: string;
}

/** A user or role with everything that says what it may do. Immutable: a change makes a new one. */
export interface Identity {
  readonly type: 'User' | 'Role';
  /** `AIDA…` or `AROA…`: a name that is given again is another id's. */
  readonly id: string;
  readonly account: string;
  readonly arn: string;
  readonly name: string;
  readonly tags: readonly Tag[];
  /** Inline and managed policies, a user's groups' among them. */
  readonly policies: readonly AttachedPolicy[];
  readonly boundary: AttachedPolicy | undefined;
}

/** The id by which the store knows what a principal may do; `undefined` for a root, which may do everything. */
export function identityIdOf(principal: Principal): string | undefined {
  switch (principal.type) {
    case 'Root':
      return undefined;
    case 'IAMUser':
      return principal.principalId;
    case 'AssumedRole':
      return principal.role?.roleId;
  }
}
