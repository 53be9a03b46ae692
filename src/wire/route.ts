import type { RequestHeaders } from '../identity/sigv4/headers.ts';
import type { ServiceName } from '../service.ts';

/** What a request's headers say of what it asks for. */
export type Route =
  /** AWS JSON 1.1. What names no operation that could be is taken for a request to KMS. */
  | { readonly protocol: 'json'; readonly service: ServiceName; readonly operation: string | undefined }
  /** AWS Query: the body says which operation, of IAM or STS. */
  | { readonly protocol: 'query' };

const query: Route = { protocol: 'query' };
const nothing: Route = { protocol: 'json', service: 'kms', operation: undefined };

const kms = 'TrentService.';
/** What the SDKs send, and what the service's model calls it. */
const cloudTrail = ['com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.', 'CloudTrail_20131101.'];

/**
 * A request with a target is AWS JSON, and a form without one is AWS Query. The target is signed, as every `x-amz-*`
 * is, and the media type need not be: all that it can do is have the request refused.
 */
export function routeOf(headers: RequestHeaders): Route {
  const target = headers.get('x-amz-target');
  if (target === undefined) return isForm(headers.get('content-type')) ? query : nothing;
  if (target.startsWith(kms)) {
    return { protocol: 'json', service: 'kms', operation: target.slice(kms.length) };
  }
  const prefix = cloudTrail.find((known) => target.startsWith(known));
  if (prefix === undefined) return nothing;
  return { protocol: 'json', service: 'cloudtrail', operation: target.slice(prefix.length) };
}

/** Media types are case-insensitive and may have parameters (RFC 9110 §8.3.1). */
export function isAmzJson(type: string | undefined): boolean {
  if (type === 'application/x-amz-json-1.1') return true;
  return type !== undefined && /^application\/x-amz-json-1\.1[ \t]*(;|$)/i.test(type);
}

function isForm(type: string | undefined): boolean {
  return type !== undefined && /^application\/x-www-form-urlencoded[ \t]*(;|$)/i.test(type);
}
