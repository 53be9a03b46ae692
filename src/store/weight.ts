import type { Identity } from '../identity/principal.ts';
import type { Key } from '../keys/key.ts';
import type { GrantsFound } from '../keys/repository.ts';

/**
 * How much room things take in a cache, in the room of a plain key: some 3 KB, measured, with what is compiled of its
 * policy. Who writes policies and grants decides how long they are, so that their number bounds nothing.
 */

/** UTF-16 units of a policy that take as much: compiled, a policy takes some twelve times its text. */
const policyUnits = 256;
const textUnits = 2_048;
/** Tags, names of aliases, key materials. */
const smallThings = 8;

export function weightOfKey({ policy, tags, aliases, materials }: Key): number {
  return (
    1 + (policy?.length ?? 0) / policyUnits + (tags.length + aliases.length + materials.length) / smallThings
  );
}

export function weightOfIdentity({ policies, boundary, tags }: Identity): number {
  const documents = policies.reduce((sum, { document }) => sum + document.length, 0);
  return 1 + (documents + (boundary?.document.length ?? 0)) / policyUnits + tags.length / smallThings;
}

export function weightOfGrants({ grants }: GrantsFound): number {
  return grants.reduce((sum, { constraints }) => {
    const { encryptionContextEquals, encryptionContextSubset } = constraints;
    return sum + 0.5 + (unitsOf(encryptionContextEquals) + unitsOf(encryptionContextSubset)) / textUnits;
  }, 0.5);
}

export function weightOfText(text: string): number {
  return 1 + text.length / textUnits;
}

function unitsOf(context: Readonly<Record<string, string>> = {}): number {
  return Object.entries(context).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}
