/** In what store and token may differ: what each means, and what to do about it. */

export type FindingKind =
  | 'lost-key'
  | 'lost-half'
  | 'lost-own-key'
  | 'unexplained-key'
  | 'unexplained-wrapping-key'
  | 'ambiguous-key'
  | 'unknown-object'
  | 'destroying'
  | 'unfinished'
  | 'wrapping-key'
  | 'shells';

export interface Finding {
  readonly kind: FindingKind;
  /** Which: unique among those of its kind. */
  readonly subject: string;
  readonly keyId?: string;
  readonly meaning: string;
  readonly advice: string;
  /** Whether what is left over is gone now. */
  readonly mended: boolean;
}

interface Words {
  readonly meaning: string;
  readonly advice: string;
}

const restore =
  'restore the token from its backup; until then requests that need it fail, and an alarm says so';

/** What can be mended comes last: everything before it is for a person to decide. */
const words: Readonly<Record<FindingKind, Words>> = {
  'lost-key': {
    meaning: 'the store knows this key material, and the token has lost it',
    advice: `what was encrypted under it decrypts no more: ${restore}`,
  },
  'lost-half': {
    meaning: 'of this pair the token has one half, and has lost the other',
    advice: restore,
  },
  'lost-own-key': {
    meaning: 'the token has lost a key that Coffer itself works with',
    advice: `access keys or the trail's signatures depend on it: ${restore}`,
  },
  'unexplained-key': {
    meaning: 'the token has a key of Coffer that the store does not know',
    advice:
      'the store may be older than the key: restore the newer one. It is never destroyed here, since something may be ' +
      'encrypted under it',
  },
  'unexplained-wrapping-key': {
    meaning: 'the token has a wrapping key of which the store knows no import',
    advice:
      "the store may be older than it: then restore the newer one. No key material is in it: otherwise destroy it by the vendor's means",
  },
  'ambiguous-key': {
    meaning: 'the token has more than one object for this key material, and so Coffer uses none',
    advice: "find out which one the vendor's restoring added, and destroy that one by the vendor's means",
  },
  'unknown-object': {
    meaning: 'the token has an object that is named as those of Coffer are, and that Coffer does not make',
    advice: 'find out whose it is: Coffer leaves it alone',
  },
  destroying: {
    meaning: 'the waiting period of this key has ended, and it is being destroyed, or that was interrupted',
    advice: 'the service ends it by itself within a minute of running; --mend ends it now',
  },
  unfinished: {
    meaning: 'this key, or its next material, is being made, or that was interrupted: nobody has used it',
    advice:
      'the service takes it back by itself as it starts, or minutes later; --mend does it while no service runs',
  },
  'wrapping-key': {
    meaning:
      'a wrapping key is in the token whose import has ended, or whose import token is no longer valid',
    advice: 'the service destroys it by itself within a minute of running; --mend destroys it now',
  },
  shells: {
    meaning:
      'the token has objects without a name and without a key in them: what is left where a token host was killed',
    advice: 'they do no harm; --mend destroys those that stay as they are',
  },
};

export function finding(kind: FindingKind, subject: string, keyId?: string): Finding {
  return { kind, subject, ...(keyId !== undefined && { keyId }), ...words[kind], mended: false };
}

/** Two that are the same, seen at two times. */
export function sameFinding(one: Finding, other: Finding): boolean {
  return one.kind === other.kind && (one.kind === 'shells' || one.subject === other.subject);
}
