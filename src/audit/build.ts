import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { AuditRecord, EventSource, UserIdentity } from './record.ts';

/**
 * UTF-16 units kept of a string.
 *
 * INVARIANT: a record built here `fits` a trail, whatever the caller sent: a change has been made by the time its
 * record is appended, and a record that no trail takes would keep it out of the trail for ever.
 */
const maximalText = 1_024;
/** Of what came without a valid signature: anybody can send it, and it is kept for ever. */
const maximalStranger = 256;
const maximalName = 128;
const maximalArn = 2_048;
const maximalResources = 4;
/** Bytes of JSON; CloudTrail's limits (user guide, "CloudTrail record contents"). */
const maximalParameters = 100 * 1_024;
const maximalAdditional = 28 * 1_024;

/** Who called, as far as it is known. Has the shape of identity's Principal. */
export interface Caller {
  readonly type: 'Root' | 'IAMUser' | 'AssumedRole';
  readonly arn: string;
  readonly principalId: string;
  readonly account: string;
  readonly userName: string | undefined;
  /** Of temporary credentials. */
  readonly session?: CallerSession | undefined;
}

export interface CallerSession {
  /** When the credentials were issued, in milliseconds since the epoch. */
  readonly issuedAt: number;
  /** The role that was assumed; none for a session of a user or of the root. */
  readonly role?:
    | {
        /** `AROA` and 16 more characters. */
        readonly principalId: string;
        /** The role's own, not the session's. */
        readonly arn: string;
        readonly account: string;
        readonly roleName: string;
      }
    | undefined;
}

/** @param accessKeyId what the request named; bounded, since a refused request may have named anything */
export function userIdentity(caller: Caller | undefined, accessKeyId: string | undefined): UserIdentity {
  const key = accessKeyId === undefined ? undefined : { accessKeyId: bound(accessKeyId, maximalName) };
  if (caller === undefined) return { type: 'Unknown', ...key };
  const { type, principalId, arn, account, userName, session } = caller;
  return {
    type,
    principalId: bound(principalId, maximalName),
    arn: bound(arn, maximalText),
    accountId: bound(account, maximalName),
    ...key,
    ...(userName !== undefined && { userName: bound(userName, maximalName) }),
    ...(session !== undefined && { sessionContext: sessionContext(session) }),
  };
}

function sessionContext({ role, issuedAt }: CallerSession): UserIdentity['sessionContext'] {
  return {
    ...(role !== undefined && {
      sessionIssuer: {
        type: 'Role',
        principalId: bound(role.principalId, maximalName),
        arn: bound(role.arn, maximalText),
        accountId: bound(role.account, maximalName),
        userName: bound(role.roleName, maximalName),
      },
    }),
    attributes: { creationDate: formatSecond(issuedAt), mfaAuthenticated: 'false' },
  };
}

export interface ApiCall {
  /** The service that was called; KMS where it is left out. */
  readonly source?: EventSource;
  /** As `userIdentity` makes it. */
  readonly identity: UserIdentity;
  /** The operation's name; bounded, as all that follows. */
  readonly operation: string;
  readonly region: string;
  /** The account that the key or the caller belongs to. */
  readonly account: string;
  readonly sourceIp: string;
  readonly userAgent: string | undefined;
  readonly requestId: string;
  readonly readOnly: boolean;
  /** Never plaintext, ciphertext or a secret; the encryption context always, unless it is all too large. */
  readonly parameters: unknown;
  readonly response?: unknown;
  readonly additional?: unknown;
  readonly resources: AuditRecord['resources'];
  /** What the caller was answered, where it was an error. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** The record of one API call, at the clock's time, under a new event id. */
export function recordApiCall(clock: Clock, call: ApiCall): AuditRecord {
  const textUnits = call.identity.type === 'Unknown' ? maximalStranger : maximalText;
  return {
    eventVersion: '1.11',
    userIdentity: call.identity,
    eventTime: formatSecond(clock.now()),
    eventSource: call.source ?? 'kms.amazonaws.com',
    eventName: bound(call.operation, maximalName),
    awsRegion: bound(call.region, maximalName),
    sourceIPAddress: bound(call.sourceIp, maximalName),
    userAgent: bound(call.userAgent ?? '', textUnits),
    ...(call.error !== undefined && {
      errorCode: bound(call.error.code, maximalName),
      errorMessage: bound(call.error.message, textUnits),
    }),
    requestParameters: orOmitted('requestParameters', call.parameters, maximalParameters),
    responseElements: orOmitted('responseElements', call.response, maximalParameters),
    ...(call.additional !== undefined && {
      additionalEventData: orOmitted('additionalEventData', call.additional, maximalAdditional),
    }),
    requestID: bound(call.requestId, maximalName),
    eventID: randomUUID(),
    readOnly: call.readOnly,
    resources: boundResources(call.resources),
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: bound(call.account, maximalName),
    eventCategory: 'Management',
  };
}

/**
 * The same call as it is told to the account whose key it was about: by which account, and no more of who that is
 * (CloudTrail user guide, "CloudTrail userIdentity element", AWSAccount).
 * @param record of the caller's own account
 * @param resources those of `account`
 */
export function recordForOwner(
  record: AuditRecord,
  account: string,
  resources: AuditRecord['resources'],
): AuditRecord {
  const { principalId, accountId } = record.userIdentity;
  const { additionalEventData: _, errorMessage, ...shared } = record;
  return {
    ...shared,
    // That of a refusal names the caller, and may name what is a third account's.
    ...(errorMessage !== undefined && record.errorCode !== 'AccessDeniedException' && { errorMessage }),
    userIdentity: {
      type: 'AWSAccount',
      ...(principalId !== undefined && { principalId }),
      ...(accountId !== undefined && { accountId }),
    },
    eventID: randomUUID(),
    resources: boundResources(resources),
    recipientAccountId: bound(account, maximalName),
    sharedEventID: record.eventID,
  };
}

/** What Coffer does by itself, such as destroying a key whose waiting period has ended. */
export interface ServiceEvent {
  /** The service that does it; KMS where it is left out. */
  readonly source?: EventSource;
  /** AWS's name of it: `DeleteKey`. */
  readonly name: string;
  readonly region: string;
  readonly account: string;
  readonly requestId?: string;
  readonly parameters?: unknown;
  readonly response?: unknown;
  readonly additional?: unknown;
  readonly details?: unknown;
  readonly resources: AuditRecord['resources'];
}

/** As CloudTrail shows a service's own doing (AWS KMS developer guide, "DeleteKey" log entry). */
export function recordServiceEvent(clock: Clock, event: ServiceEvent): AuditRecord {
  return {
    eventVersion: '1.11',
    userIdentity: {
      type: 'AWSService',
      accountId: bound(event.account, maximalName),
      invokedBy: 'AWS Internal',
    },
    eventTime: formatSecond(clock.now()),
    eventSource: event.source ?? 'kms.amazonaws.com',
    eventName: bound(event.name, maximalName),
    awsRegion: bound(event.region, maximalName),
    sourceIPAddress: 'AWS Internal',
    userAgent: 'AWS Internal',
    requestParameters: orOmitted('requestParameters', event.parameters, maximalParameters),
    responseElements: orOmitted('responseElements', event.response, maximalParameters),
    ...(event.additional !== undefined && {
      additionalEventData: orOmitted('additionalEventData', event.additional, maximalAdditional),
    }),
    ...(event.details !== undefined && {
      serviceEventDetails: orOmitted('serviceEventDetails', event.details, maximalAdditional),
    }),
    requestID: bound(event.requestId ?? randomUUID(), maximalName),
    eventID: randomUUID(),
    readOnly: false,
    resources: boundResources(event.resources),
    eventType: 'AwsServiceEvent',
    managementEvent: true,
    recipientAccountId: bound(event.account, maximalName),
    eventCategory: 'Management',
  };
}

/** What is larger than CloudTrail allows is left out as CloudTrail does it. */
function orOmitted(name: string, value: unknown, limit: number): unknown {
  if (!maySurpass(value, limit)) return value ?? null;
  const originalSize = Buffer.byteLength(JSON.stringify(value));
  return originalSize <= limit ? value : { omitted: true, originalSize, reason: `${name} too large` };
}

/** Whether a value's JSON may take more bytes: an estimate from above, in a fraction of the time that writing takes. */
function maySurpass(value: unknown, bytes: number): boolean {
  return room(value, bytes) < 0;
}

/** @returns what is left of so many bytes, at least; looks no further than where it is negative */
function room(value: unknown, bytes: number): number {
  // A unit takes six bytes at most, as an escape (ECMA-262, QuoteJSONString); a number 24.
  if (typeof value === 'string') return bytes - 6 * value.length - 2;
  if (!hasMembers(value)) return bytes - 24;
  let left = bytes - 2;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length && left >= 0; i += 1) left = room(value[i], left - 1);
    return left;
  }
  for (const name in value) {
    left = room(value[name], left - 6 * name.length - 4);
    if (left < 0) break;
  }
  return left;
}

function hasMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function boundResources(resources: AuditRecord['resources']): AuditRecord['resources'] {
  if (resources.length <= maximalResources && resources.every(isShort)) return resources;
  return resources.slice(0, maximalResources).map(({ accountId, type, ARN }) => ({
    accountId: bound(accountId, maximalName),
    type: bound(type, maximalName),
    ARN: bound(ARN, maximalArn),
  }));
}

function isShort({ accountId, type, ARN }: AuditRecord['resources'][number]): boolean {
  return accountId.length <= maximalName && type.length <= maximalName && ARN.length <= maximalArn;
}

/** Cuts a string to so many UTF-16 units, never through a pair of surrogates. */
export function bound(text: string, units: number): string {
  if (text.length <= units) return text;
  const last = text.charCodeAt(units - 1);
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? units - 1 : units);
}

let cachedSecond = Number.NaN;
let cachedText = '';

/** @param milliseconds since the epoch @returns `2026-01-31T23:59:59Z` */
export function formatSecond(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1_000);
  if (second !== cachedSecond) {
    cachedSecond = second;
    cachedText = `${new Date(second * 1_000).toISOString().slice(0, 19)}Z`;
  }
  return cachedText;
}
