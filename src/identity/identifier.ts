import { randomBytes } from 'node:crypto';

/**
 * The prefix tells what an identifier is of: a user, a group, a role, a managed policy, an access key, temporary
 * credentials (IAM user guide, "IAM identifiers").
 */
export type IdentifierPrefix = 'AIDA' | 'AGPA' | 'AROA' | 'ANPA' | 'AKIA' | 'ASIA';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** A new unique identifier: the prefix and 16 random characters of base 32. */
export function newIdentifier(prefix: IdentifierPrefix): string {
  return prefix + Array.from(randomBytes(16), (byte) => alphabet[byte & 31]).join('');
}
