import type { EncryptionContext, GrantConstraints } from './grant.ts';

/**
 * A context by the lower case of its names: in a grant's constraint a name has no case, a value has (AWS KMS API
 * reference, GrantConstraints).
 */
interface Folded {
  /** How many pairs there are, names that differ in case alone counted each. */
  readonly size: number;
  /** `undefined` where such names have different values: no value is chosen, so nothing matches. */
  readonly values: ReadonlyMap<string, string | undefined>;
}

function fold(context: EncryptionContext): Folded {
  const values = new Map<string, string | undefined>();
  let size = 0;
  for (const [name, value] of Object.entries(context)) {
    size += 1;
    const folded = name.toLowerCase();
    values.set(folded, values.has(folded) && values.get(folded) !== value ? undefined : value);
  }
  return { size, values };
}

function includes(context: Folded, pairs: Folded): boolean {
  for (const [name, value] of pairs.values) {
    if (value === undefined || context.values.get(name) !== value) return false;
  }
  return true;
}

function equals(one: Folded, other: Folded): boolean {
  return one.size === other.size && includes(one, other) && includes(other, one);
}

/** @returns whether a request with this encryption context is within the constraints on it */
export function contextSatisfies(
  { encryptionContextEquals, encryptionContextSubset }: GrantConstraints,
  context: EncryptionContext | undefined,
): boolean {
  if (encryptionContextEquals === undefined && encryptionContextSubset === undefined) return true;
  const folded = fold(context ?? {});
  return (
    (encryptionContextEquals === undefined || equals(folded, fold(encryptionContextEquals))) &&
    (encryptionContextSubset === undefined || includes(folded, fold(encryptionContextSubset)))
  );
}

/**
 * Whether whatever satisfies `child` satisfies `parent` too (AWS KMS developer guide, "Granting CreateGrant
 * permission"): pairs may be added and `Subset` may become `Equals`, never the other way about.
 */
export function isAtLeastAsStrict(child: GrantConstraints, parent: GrantConstraints): boolean {
  if (parent.sourceArn !== undefined && child.sourceArn !== parent.sourceArn) return false;
  const { encryptionContextEquals: exact, encryptionContextSubset: subset } = child;
  if (parent.encryptionContextEquals !== undefined) {
    if (exact === undefined || !equals(fold(exact), fold(parent.encryptionContextEquals))) return false;
  }
  if (parent.encryptionContextSubset !== undefined) {
    const wanted = fold(parent.encryptionContextSubset);
    const given = [exact, subset].some((pairs) => pairs !== undefined && includes(fold(pairs), wanted));
    if (!given) return false;
  }
  return true;
}
