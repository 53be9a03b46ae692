import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { AuditRecord, UserIdentity } from './record.ts';

/** UTF-16 units kept of a string that the caller supplied. */
const maximalText = 1_024;

/** Who called, as far as it is known. Has the shape of identity's Principal. */
export interface Caller {
  readonly type: 'Root' | 'IAMUser';
  readonly arn: string;
  readonly principalId: string;
  readonly account: string;
  readonly userName: string | undefined;
}

/** @param accessKeyId what the request named; bounded, since a refused request may have named anything */
export function userIdentity(caller: Caller | undefined, accessKeyId: string | undefined): UserIdentity {
  const key = accessKeyId === undefined ? undefined : { accessKeyId: bound(accessKeyId, 128) };
  if (caller === undefined) return { type: 'Unknown', ...key };
  const { type, principalId, arn, account, userName } = caller;
  return { type, principalId, arn, accountId: account, ...key, ...(userName !== undefined && { userName }) };
}

export interface ApiCall {
  readonly identity: UserIdentity;
  /** The operation's name; bounded. */
  readonly operation: string;
  readonly region: string;
  /** The account that the key or the caller belongs to. */
  readonly account: string;
  readonly sourceIp: string;
  /** Bounded. */
  readonly userAgent: string | undefined;
  readonly requestId: string;
  readonly readOnly: boolean;
  /** Never plaintext, ciphertext or a secret; the encryption context always. */
  readonly parameters: unknown;
  readonly response?: unknown;
  readonly additional?: unknown;
  readonly resources: AuditRecord['resources'];
  /** What the caller was answered, where it was an error. The message is bounded. */
  readonly error?: { readonly code: string; readonly message: string };
}

/** The record of one API call, at the clock's time, under a new event id. */
export function recordApiCall(clock: Clock, call: ApiCall): AuditRecord {
  return {
    eventVersion: '1.11',
    userIdentity: call.identity,
    eventTime: formatSecond(clock.now()),
    eventSource: 'kms.amazonaws.com',
    eventName: bound(call.operation, 128),
    awsRegion: call.region,
    sourceIPAddress: call.sourceIp,
    userAgent: bound(call.userAgent ?? '', maximalText),
    ...(call.error !== undefined && {
      errorCode: bound(call.error.code, 128),
      errorMessage: bound(call.error.message, maximalText),
    }),
    requestParameters: call.parameters ?? null,
    responseElements: call.response ?? null,
    ...(call.additional !== undefined && { additionalEventData: call.additional }),
    requestID: call.requestId,
    eventID: randomUUID(),
    readOnly: call.readOnly,
    resources: call.resources,
    eventType: 'AwsApiCall',
    managementEvent: true,
    recipientAccountId: call.account,
    eventCategory: 'Management',
  };
}

/** What Coffer does by itself, such as destroying a key whose waiting period has ended. */
export interface ServiceEvent {
  /** AWS's name of it: `DeleteKey`. */
  readonly name: string;
  readonly region: string;
  readonly account: string;
  readonly requestId?: string;
  readonly parameters?: unknown;
  readonly response?: unknown;
  readonly additional?: unknown;
  readonly resources: AuditRecord['resources'];
}

/** As CloudTrail shows a service's own doing (AWS KMS developer guide, "DeleteKey" log entry). */
export function recordServiceEvent(clock: Clock, event: ServiceEvent): AuditRecord {
  return {
    eventVersion: '1.11',
    userIdentity: { type: 'AWSService', accountId: event.account, invokedBy: 'AWS Internal' },
    eventTime: formatSecond(clock.now()),
    eventSource: 'kms.amazonaws.com',
    eventName: event.name,
    awsRegion: event.region,
    sourceIPAddress: 'AWS Internal',
    userAgent: 'AWS Internal',
    requestParameters: event.parameters ?? null,
    responseElements: event.response ?? null,
    ...(event.additional !== undefined && { additionalEventData: event.additional }),
    requestID: event.requestId ?? randomUUID(),
    eventID: randomUUID(),
    readOnly: false,
    resources: event.resources,
    eventType: 'AwsServiceEvent',
    managementEvent: true,
    recipientAccountId: event.account,
    eventCategory: 'Management',
  };
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
