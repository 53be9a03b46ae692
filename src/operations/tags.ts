import { KmsError } from '../errors.ts';
import type { Tag } from '../tag.ts';

/** Tags a key may have (AWS KMS developer guide, "Tags in AWS KMS"). */
export const tagLimit = 50;

/** Letters, digits, white space and these, by the same page. */
const allowed = /^[\p{L}\p{N}\p{Z}\s_./=+:@-]*$/u;

interface WireTag {
  readonly TagKey: string;
  readonly TagValue: string;
}

/** @throws KmsError TagException for a reserved or repeated key or a character AWS doesn't allow */
export function checkTags(tags: readonly WireTag[]): Tag[] {
  const seen = new Set<string>();
  return tags.map(({ TagKey: key, TagValue: value }) => {
    checkTagKey(key);
    if (!allowed.test(value))
      throw new KmsError('TagException', `The tag value for ${key} has invalid characters.`);
    if (seen.has(key)) throw new KmsError('TagException', `Duplicate tag keys: ${key}`);
    seen.add(key);
    return { key, value };
  });
}

/** The keys, each once. @throws KmsError TagException */
export function checkTagKeys(keys: readonly string[]): string[] {
  for (const key of keys) checkTagKey(key);
  return [...new Set(keys)];
}

function checkTagKey(key: string): void {
  if (/^aws:/i.test(key)) throw new KmsError('TagException', "Tag keys that begin with 'aws:' are reserved.");
  if (!allowed.test(key)) throw new KmsError('TagException', `The tag key ${key} has invalid characters.`);
}

export function tooManyTags(): KmsError {
  return new KmsError('LimitExceededException', `A key can have at most ${tagLimit} tags.`);
}
