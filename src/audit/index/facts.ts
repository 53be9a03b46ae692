import { isObject } from '../shape.ts';

/** What CloudTrail's LookupEvents can be asked for (API reference, "LookupAttribute"). */
export const lookupKeys = [
  'EventId',
  'EventName',
  'ReadOnly',
  'Username',
  'EventSource',
  'AccessKeyId',
  'ResourceType',
  'ResourceName',
] as const;
export type LookupKey = (typeof lookupKeys)[number];

type JsonRecord = Readonly<Record<string, unknown>>;

/** Seconds since the epoch; 0 where the record has no time. */
export function timeOf({ eventTime }: JsonRecord): number {
  const time = typeof eventTime === 'string' ? Date.parse(eventTime) / 1_000 : 0;
  return time > 0 && time < 2 ** 32 ? Math.floor(time) : 0;
}

/** Whose record it is: who looks up sees those of an account and a region. */
export function scopeOf({ recipientAccountId, awsRegion }: JsonRecord): string {
  return scope(text(recipientAccountId) ?? '', text(awsRegion) ?? '');
}

export function scope(account: string, region: string): string {
  return `${account}/${region}`;
}

/** By which values of an attribute a record is found; none where it has no such thing. */
export function valuesOf(record: JsonRecord, key: LookupKey): readonly string[] {
  switch (key) {
    case 'EventId':
      return given(text(record.eventID));
    case 'EventName':
      return given(text(record.eventName));
    case 'ReadOnly':
      return typeof record.readOnly === 'boolean' ? [String(record.readOnly)] : [];
    case 'Username':
      return given(usernameOf(record));
    case 'EventSource':
      return given(text(record.eventSource));
    case 'AccessKeyId':
      return given(accessKeyIdOf(record));
    case 'ResourceType':
      return [...new Set(resourcesOf(record).map(({ type }) => type))];
    case 'ResourceName':
      return [...new Set(resourcesOf(record).flatMap(({ arn }) => [arn, shortName(arn)]))];
  }
}

/** The user's name; of a role's session the session's, of the root `root`, as CloudTrail shows them. */
export function usernameOf({ userIdentity }: JsonRecord): string | undefined {
  if (!isObject(userIdentity)) return undefined;
  const { type, userName, principalId } = userIdentity;
  if (typeof userName === 'string') return userName;
  if (type === 'Root') return 'root';
  if (type !== 'AssumedRole' || typeof principalId !== 'string') return undefined;
  return principalId.slice(principalId.indexOf(':') + 1);
}

export function accessKeyIdOf({ userIdentity }: JsonRecord): string | undefined {
  return isObject(userIdentity) ? text(userIdentity.accessKeyId) : undefined;
}

export function resourcesOf({ resources }: JsonRecord): readonly { type: string; arn: string }[] {
  if (!Array.isArray(resources)) return [];
  return resources.flatMap((resource: unknown) =>
    isObject(resource) && typeof resource.ARN === 'string' && typeof resource.type === 'string'
      ? [{ type: resource.type, arn: resource.ARN }]
      : [],
  );
}

/** A key's id, an alias's name with `alias/`, an IAM entity's name without its path. */
export function shortName(arn: string): string {
  const resource = arn.split(':').slice(5).join(':');
  return resource.startsWith('alias/') ? resource : resource.slice(resource.lastIndexOf('/') + 1);
}

function given(value: string | undefined): readonly string[] {
  return value === undefined ? [] : [value];
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
