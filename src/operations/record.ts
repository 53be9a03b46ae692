import { keyArn } from '../arn.ts';
import { type Caller as AuditCaller, recordApiCall, recordForOwner, userIdentity } from '../audit/build.ts';
import type { AuditRecord } from '../audit/record.ts';
import type { Clock } from '../clock.ts';
import type { KmsError } from '../errors.ts';
import type { Principal } from '../identity/principal.ts';
import type { RefusedCall } from './call.ts';
import type { Prepared, Subject } from './operation.ts';
import { trailForm } from './parameters.ts';

/** What the record says, gathered along the way so that a failure has it too. */
export interface Progress {
  prepared: Prepared | undefined;
  readOnly: boolean;
  subjects: readonly Subject[];
}

/** The record of a request that was done, or failed. */
export function recordRequest(
  clock: Clock,
  call: RefusedCall,
  progress: Progress,
  rest: { error?: KmsError; response?: object; subjects?: readonly Subject[]; additional?: object },
): AuditRecord {
  const { error, response, additional } = rest;
  const decidedBy = reasonFor(error, call.principal, progress.subjects);
  return recordApiCall(clock, {
    source: `${call.service}.amazonaws.com`,
    identity: userIdentity(call.principal && auditCaller(call.principal), call.accessKeyId),
    operation: call.operation ?? '',
    region: call.region,
    account: call.principal?.account ?? '',
    sourceIp: call.sourceIp,
    userAgent: call.userAgent,
    requestId: call.requestId,
    readOnly: progress.readOnly,
    parameters: progress.prepared === undefined ? null : trailForm(progress.prepared.input),
    response: response === undefined ? null : trailForm(response),
    resources: touched(visible(rest.subjects ?? progress.subjects, call.principal, error)),
    ...(error !== undefined && { error }),
    ...((call.unrecorded !== undefined || decidedBy !== undefined || additional !== undefined) && {
      additional: { unrecorded: call.unrecorded, decidedBy, ...additional },
    }),
  });
}

/**
 * A request's record, and those of the accounts whose keys and roles it was about, which are told of it like the
 * caller's. A caller that is refused doesn't learn from its own record that there is a copy, for then there is what it
 * asked for.
 */
export function sharedRecords(
  entry: AuditRecord,
  subjects: readonly Subject[],
): readonly [AuditRecord, ...AuditRecord[]] {
  const caller = entry.recipientAccountId;
  const foreign = subjects.filter((subject) => isThere(subject) && (ownerOf(subject) ?? caller) !== caller);
  if (foreign.length === 0) return [entry];
  const owners = new Set(foreign.map(ownerOf));
  const copies = [...owners].map((owner = '') =>
    recordForOwner(entry, owner, touched(subjects.filter((subject) => ownerOf(subject) === owner))),
  );
  return [hides(entry.errorCode) ? entry : { ...entry, sharedEventID: entry.eventID }, ...copies];
}

function ownerOf(subject: Subject): string | undefined {
  switch (subject.type) {
    case 'key':
      return subject.key.account;
    case 'alias':
    case 'resource':
      return subject.account;
    case 'account':
      return undefined;
  }
}

/** Whether there is certainly such a thing: whatever else a request names is only a name, also of an account. */
function isThere(subject: Subject): boolean {
  return subject.type === 'key' || (subject.type === 'resource' && subject.trustPolicy !== undefined);
}

function hides(errorCode: string | undefined): boolean {
  return errorCode === 'AccessDeniedException';
}

/** To a caller that is refused what is another account's, the trail doesn't tell either whether it is there. */
function visible(
  subjects: readonly Subject[],
  principal: Principal | undefined,
  error: KmsError | undefined,
): readonly Subject[] {
  if (!hides(error?.code)) return subjects;
  return subjects.filter((subject) => [undefined, principal?.account].includes(ownerOf(subject)));
}

/** Which policy refused: for the account that owns all that was asked for, and for nobody else. */
function reasonFor(
  error: KmsError | undefined,
  principal: Principal | undefined,
  subjects: readonly Subject[],
): string | undefined {
  if (error?.code !== 'AccessDeniedException' || principal === undefined) return undefined;
  const own = subjects.every((subject) => {
    if (subject.type === 'account') return true;
    return (subject.type === 'key' ? subject.key : subject).account === principal.account;
  });
  return own ? error.detail : undefined;
}

function auditCaller(principal: Principal): AuditCaller {
  const { role, session, account } = principal;
  return {
    ...principal,
    session: session && {
      issuedAt: session.issuedAt,
      role: role && { principalId: role.roleId, arn: role.arn, account, roleName: role.roleName },
    },
  };
}

/** Each once: several permissions may be needed on one. */
function touched(subjects: readonly Subject[]): AuditRecord['resources'] {
  if (subjects.length < 2) return subjects.flatMap(resource);
  return [...new Map(subjects.flatMap(resource).map((found) => [found.ARN, found])).values()];
}

function resource(subject: Subject): AuditRecord['resources'] {
  switch (subject.type) {
    case 'key':
      return [
        {
          accountId: subject.key.account,
          type: 'AWS::KMS::Key',
          ARN: keyArn(subject.key, subject.key.keyId),
        },
      ];
    case 'alias':
      return [{ accountId: subject.account, type: 'AWS::KMS::Alias', ARN: subject.arn }];
    case 'resource':
      return [{ accountId: subject.account, type: subject.resourceType, ARN: subject.arn }];
    case 'account':
      return [];
  }
}
