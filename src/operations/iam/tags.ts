import { limits } from '../../identity/limits.ts';
import type { Tag } from '../../tag.ts';
import { tagFacts } from '../condition.ts';
import type { Facts } from '../operation.ts';
import { invalidInput, limitExceeded } from './errors.ts';

/** @throws KmsError InvalidInputException for a reserved key, or one that is there twice, whatever its case */
export function readTags(given: readonly { readonly Key: string; readonly Value: string }[] = []): Tag[] {
  const seen = new Set<string>();
  return given.map(({ Key: key, Value: value }) => {
    if (/^aws:/i.test(key)) {
      throw invalidInput('Caller is not an internal service and cannot use system tags: aws:');
    }
    if (seen.has(key.toLowerCase())) {
      throw invalidInput('Duplicate tag keys found. Please note that Tag keys are case insensitive.');
    }
    seen.add(key.toLowerCase());
    return { key, value };
  });
}

/** `undefined` facts where a request brings no tags: then it has no aws:TagKeys. */
export function requestTagFacts(tags: readonly Tag[]): Facts {
  return tags.length === 0 ? {} : tagFacts(tags);
}

export function tooManyTags(type: 'User' | 'Role' | 'Policy') {
  return limitExceeded(`TagsPer${type}`, limits.tags);
}
