import { KmsError } from '../../errors.ts';
import type { Session } from '../../identity/principal.ts';
import type { Tag } from '../../tag.ts';

export type SessionTags = Pick<Session, 'tags' | 'transitiveTagKeys'>;

/** IAM user guide, "Pass session tags in AWS STS". */
const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

const invalid = (message: string) => new KmsError('InvalidParameterValueException', message);

const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();

/**
 * Checks the tags that a request brings, whose keys know no case.
 * @throws KmsError InvalidParameterValueException
 */
export function checkSessionTags(
  tags: readonly { readonly Key: string; readonly Value: string }[],
  transitiveTagKeys: readonly string[],
): SessionTags {
  const seen = new Set<string>();
  const checked = tags.map(({ Key: key, Value: value }): Tag => {
    if (!allowed.test(key) || !allowed.test(value)) {
      throw invalid(`The session tag ${key} has invalid characters.`);
    }
    if (/^aws:/i.test(key)) throw invalid("'aws:' prefixed tag key names are not allowed for external use.");
    if (seen.has(key.toLowerCase())) {
      throw invalid('Duplicate tag keys found. Please note that Tag keys are case insensitive.');
    }
    seen.add(key.toLowerCase());
    return { key, value };
  });
  if (!transitiveTagKeys.every((key) => seen.has(key.toLowerCase()))) {
    throw invalid('The specified transitive tag key must be included in the requested tags.');
  }
  return { tags: checked, transitiveTagKeys };
}

/**
 * With what a session that assumes a role hands on: its transitive tags, which nobody down the chain replaces.
 * @throws KmsError InvalidParameterValueException
 */
export function inheritTags(given: SessionTags, from: Session | undefined): SessionTags {
  const keys = from?.transitiveTagKeys ?? [];
  const inherited = (from?.tags ?? []).filter(({ key }) => keys.some((transitive) => same(transitive, key)));
  if (inherited.some(({ key }) => given.tags.some((tag) => same(tag.key, key)))) {
    throw invalid(
      "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
    );
  }
  return {
    tags: [...inherited, ...given.tags],
    transitiveTagKeys: [...inherited.map(({ key }) => key), ...given.transitiveTagKeys],
  };
}
