import { lowerFirst } from './input.ts';

/**
 * The trail's form of a request or an answer: camel case, as CloudTrail's records for KMS have it, and without
 * any blob. An encryption context stands as it is: its names are the caller's.
 */
export function trailForm(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(trailForm);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined || member instanceof Uint8Array) continue;
    result[camelCase(name)] = context.test(name) ? member : trailForm(member);
  }
  return result;
}

/** Also `EncryptionContextEquals` and `…Subset` of a grant's constraints. */
const context = /EncryptionContext(?:Equals|Subset)?$/;

const known = new Map<string, string>();

/** Names come from the operations' schemas, so the map stays small. */
function camelCase(name: string): string {
  let camel = known.get(name);
  if (camel === undefined) {
    // CloudTrail writes AWSAccountId as aWSAccountId.
    camel = lowerFirst(name);
    known.set(name, camel);
  }
  return camel;
}
