import { applies, type CompiledPolicy, type CompiledStatement, type StatementReason } from './compile.ts';
import type { PrincipalFacts } from './principal.ts';
import type { Lookup } from './template.ts';

export type { PrincipalFacts } from './principal.ts';

export interface AccessRequest {
  readonly principal: PrincipalFacts;
  /** For example `kms:Encrypt`. */
  readonly action: string;
  /** An ARN, or `*` for what has none. */
  readonly resource: string;
  /** The account that owns the resource. */
  readonly resourceAccount: string;
  /**
   * Condition keys, asked for by lower-cased name (`kms:encryptioncontext:tenant`); `undefined` where the request has
   * none. A key that may have several values gives a list, also of one: only set operators match lists.
   */
  readonly context: Lookup;
}

export interface Policies {
  /** User, group, role and managed policies. */
  readonly identity: readonly CompiledPolicy[];
  readonly boundary?: CompiledPolicy | undefined;
  /** Of a session that was made with session policies; `undefined` where it was made without. */
  readonly session?: readonly CompiledPolicy[] | undefined;
  /** Key policy or trust policy; `undefined` where the resource has none. */
  readonly resource?: CompiledPolicy | undefined;
  /** Asked only where no policy decides alone: the id of a grant that allows the request. */
  readonly grant?: (() => string | undefined) | undefined;
}

export type Reason =
  | StatementReason
  | { readonly type: 'grant'; readonly grantId: string }
  /** The root user needs no identity-based policy. */
  | { readonly type: 'root' };

/** The kind of policy that AWS's message names. */
export type DenyingPolicy =
  | 'identity-based policy'
  | 'resource-based policy'
  | 'permissions boundary'
  | 'session policy';

export type Decision =
  | { readonly allowed: true; readonly by: readonly Reason[] }
  | {
      readonly allowed: false;
      /** A Deny statement, which `by` names; otherwise nothing allowed it. */
      readonly explicit: boolean;
      readonly because: DenyingPolicy;
      readonly by: readonly Reason[];
    };

const root: Reason = { type: 'root' };

/**
 * Decides one request (IAM user guide, "Policy evaluation logic"; KMS developer guide, "Key policies"). Whatever
 * nothing allows is denied, and what a statement denies nothing allows.
 *
 * Within an account a resource-based policy that names the user, the role session or everybody (`*`) decides alone:
 * boundaries and session policies limit it only by what they deny (IAM user guide, "AWS JSON policy elements:
 * Principal", on `*`). One that names the role is limited by them, one that names the account leaves the decision to
 * the identity-based policies. Across accounts both sides must allow.
 */
export function decide(request: AccessRequest, policies: Policies): Decision {
  const call: Call = { request, policies, action: request.action.toLowerCase() };
  const denial = ownDenial(call);
  if (denial !== undefined) return denial;
  return request.principal.account === request.resourceAccount ? withinAccount(call) : acrossAccounts(call);
}

interface Call {
  readonly request: AccessRequest;
  readonly policies: Policies;
  /** Lower-cased. */
  readonly action: string;
}

/** What the policies of the caller's own side deny. */
function ownDenial(call: Call): Decision | undefined {
  const { identity, session, boundary } = call.policies;
  for (const policy of identity) {
    const denial = denialBy(call, policy, 'identity-based policy');
    if (denial !== undefined) return denial;
  }
  if (session !== undefined) {
    for (const policy of session) {
      const denial = denialBy(call, policy, 'session policy');
      if (denial !== undefined) return denial;
    }
  }
  return boundary && denialBy(call, boundary, 'permissions boundary');
}

function denialBy(
  { request, policies, action }: Call,
  policy: CompiledPolicy,
  because: DenyingPolicy,
): Decision | undefined {
  for (const statement of policy.denies) {
    const named = statement.principal;
    if (named !== undefined && !named.denies(request.principal, policies.boundary !== undefined)) continue;
    if (applies(statement, action, request.resource, request.context)) {
      return { allowed: false, explicit: true, because, by: [statement.reason] };
    }
  }
  return undefined;
}

function withinAccount(call: Call): Decision {
  const { policies, request } = call;
  if (policies.resource === undefined) return byIdentity(call, []);
  const explicit = denialBy(call, policies.resource, 'resource-based policy');
  if (explicit !== undefined) return explicit;
  const access = resourceAllow(call, policies.resource);
  let denial: Decision;
  switch (access?.match) {
    case 'direct':
      return { allowed: true, by: [access.reason] };
    case 'role':
      denial = limited(call, [access.reason]);
      break;
    case 'account':
      denial = byIdentity(call, [access.reason]);
      break;
    case undefined:
      denial = nothingAllows('resource-based policy');
  }
  if (denial.allowed) return denial;
  const grantId = policies.grant?.();
  if (grantId === undefined) return denial;
  const grant: Reason = { type: 'grant', grantId };
  // as if the resource's policy named the grantee: a user, or the role of a session
  return request.principal.type === 'AssumedRole' ? limited(call, [grant]) : { allowed: true, by: [grant] };
}

/** The caller's own side comes first, so that what it denies is told alike whether or not the resource exists. */
function acrossAccounts(call: Call): Decision {
  const { resource, grant } = call.policies;
  const own = byIdentity(call, []);
  if (!own.allowed) return own;
  if (resource !== undefined) {
    const explicit = denialBy(call, resource, 'resource-based policy');
    if (explicit !== undefined) return explicit;
    const access = resourceAllow(call, resource);
    if (access !== undefined) return { allowed: true, by: [access.reason, ...own.by] };
  }
  const grantId = grant?.();
  if (grantId === undefined) return nothingAllows('resource-based policy');
  return { allowed: true, by: [{ type: 'grant', grantId }, ...own.by] };
}

/** The identity-based policies decide, within the limits. @param by what brought the decision to them */
function byIdentity(call: Call, by: readonly Reason[]): Decision {
  const { request, policies } = call;
  const reason = request.principal.type === 'Root' ? root : firstAllow(call, policies.identity);
  return reason === undefined ? nothingAllows('identity-based policy') : limited(call, [...by, reason]);
}

/** Allowed by `by`, unless boundary or session policies don't allow it too. */
function limited(call: Call, by: readonly Reason[]): Decision {
  const { boundary, session } = call.policies;
  const reasons = [...by];
  if (boundary !== undefined) {
    const reason = firstAllow(call, [boundary]);
    if (reason === undefined) return nothingAllows('permissions boundary');
    reasons.push(reason);
  }
  if (session !== undefined) {
    const reason = firstAllow(call, session);
    if (reason === undefined) return nothingAllows('session policy');
    reasons.push(reason);
  }
  return { allowed: true, by: reasons };
}

function firstAllow(
  { request, action }: Call,
  policies: readonly CompiledPolicy[],
): StatementReason | undefined {
  for (const policy of policies) {
    for (const statement of policy.allows) {
      if (applies(statement, action, request.resource, request.context)) return statement.reason;
    }
  }
  return undefined;
}

interface ResourceAllow {
  readonly match: 'direct' | 'role' | 'account';
  readonly reason: StatementReason;
}

/** The statement of a resource's policy that allows most: who is named itself before its role, the role before the account. */
function resourceAllow({ request, action }: Call, policy: CompiledPolicy): ResourceAllow | undefined {
  let role: CompiledStatement | undefined;
  let account: CompiledStatement | undefined;
  for (const statement of policy.allows) {
    const match = statement.principal?.allows(request.principal) ?? 'none';
    if (match === 'none' || !applies(statement, action, request.resource, request.context)) continue;
    if (match === 'direct') return { match, reason: statement.reason };
    if (match === 'role') role ??= statement;
    else account ??= statement;
  }
  if (role !== undefined) return { match: 'role', reason: role.reason };
  return account && { match: 'account', reason: account.reason };
}

function nothingAllows(because: DenyingPolicy): Decision {
  return { allowed: false, explicit: false, because, by: [] };
}
