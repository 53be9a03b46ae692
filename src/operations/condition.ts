import { aliasArn, keyArn } from '../arn.ts';
import type { Clock } from '../clock.ts';
import { KmsError } from '../errors.ts';
import type { Lookup } from '../policy/template.ts';
import type { Tag } from '../tag.ts';
import { ciphertextOutOfReach, deniedElsewhere } from './denial.ts';
import { ambiguous, type Caller, type Facts, type Subject } from './operation.ts';

type Value = string | readonly string[] | undefined;

/**
 * Characters that policies may compare for one subject: a fraction of a second at the worst. Far beyond what any sane
 * policy asks of any sane request, and far below what some of 32 KiB could ask of a context of 8 KiB.
 */
const patience = 4_000_000;

/**
 * What conditions of policies may ask of a request, by lower-case name: the global keys (IAM user guide, "AWS
 * global condition context keys") and KMS's (AWS KMS developer guide, "AWS KMS condition keys"). A key that a
 * request doesn't have is `undefined`. Nothing is worked out that no policy asks for.
 * @param identityTags of the user or role that calls
 */
export function contextOf(
  caller: Caller,
  identityTags: readonly Tag[],
  subject: Subject,
  clock: Clock,
): Lookup {
  let folded: Folded | undefined;
  const lookup = (name: string): Value => {
    const fact = subject.facts?.[name];
    if (fact === ambiguous) throw undecided(caller, subject, twice('The request', name));
    if (fact !== undefined) return fact;
    if (name.startsWith('aws:')) return globalValue(name, caller, identityTags, subject, clock);
    if (subject.type !== 'key' || !name.startsWith('kms:')) {
      return name === 'kms:calleraccount' ? caller.principal.account : undefined;
    }
    if (!name.startsWith(contextPrefix)) return kmsValue(name, caller, subject);
    folded ??= fold(Object.entries(subject.encryptionContext ?? {}));
    const pair = name.slice(contextPrefix.length);
    if (folded.repeated.has(pair)) throw undecided(caller, subject, twice('The encryption context', pair));
    return folded.values.get(pair);
  };
  let left = patience;
  const spend = (characters: number): void => {
    left -= characters;
    if (left >= 0) return;
    throw undecided(caller, subject, 'The request has more values than policies can compare with theirs.');
  };
  return Object.assign(lookup, { spend });
}

function globalValue(
  name: string,
  caller: Caller,
  identityTags: readonly Tag[],
  subject: Subject,
  clock: Clock,
): Value {
  const { principal } = caller;
  switch (name) {
    case 'aws:principalarn':
      // Of a session it is the role's, so that a policy needs no session names.
      return principal.role?.arn ?? principal.arn;
    case 'aws:principalaccount':
      return principal.account;
    case 'aws:principaltype':
      return principal.type === 'Root' ? 'Account' : principal.type === 'IAMUser' ? 'User' : 'AssumedRole';
    case 'aws:userid':
      return principal.principalId;
    case 'aws:username':
      return principal.userName;
    case 'aws:principalisawsservice':
    case 'aws:viaawsservice':
      return 'false';
    case 'aws:currenttime':
      return new Date(clock.now()).toISOString();
    case 'aws:epochtime':
      return String(Math.floor(clock.now() / 1000));
    case 'aws:tokenissuetime':
      return principal.session && new Date(principal.session.issuedAt).toISOString();
    case 'aws:multifactorauthpresent':
      // Only temporary credentials say so, and none of ours were given for a second factor.
      return principal.session && 'false';
    case 'aws:sourceidentity':
      return principal.session?.sourceIdentity;
    case 'aws:sourceip':
      return caller.sourceIp;
    case 'aws:securetransport':
      return String(caller.secure);
    case 'aws:useragent':
      return caller.userAgent;
    case 'aws:requestedregion':
      return caller.scope.region;
    case 'aws:resourceaccount':
      return subject.type === 'key'
        ? subject.key.account
        : subject.type === 'account'
          ? principal.account
          : subject.account;
    default:
      return taggedValue(name, caller, identityTags, subject);
  }
}

/** Names of tags keep no case here: condition keys have none. A session's tag hides its role's. */
function taggedValue(name: string, caller: Caller, identityTags: readonly Tag[], subject: Subject): Value {
  if (name.startsWith('aws:principaltag/')) {
    const key = name.slice('aws:principaltag/'.length);
    return tagValues(caller.principal.session?.tags, key)[0] ?? tagValues(identityTags, key)[0];
  }
  if (name.startsWith('aws:resourcetag/')) {
    const tags = subject.type === 'key' ? subject.key.tags : subject.type === 'resource' ? subject.tags : [];
    const key = name.slice('aws:resourcetag/'.length);
    const [value, another] = tagValues(tags, key);
    if (another !== undefined) throw undecided(caller, subject, twice('The tags of the key', key));
    return value;
  }
  return undefined;
}

/** More than one only of a key: tags of identities and sessions know no case. */
function tagValues(tags: readonly Tag[] | undefined, lowerCaseKey: string): readonly string[] {
  return (tags ?? []).filter(({ key }) => key.toLowerCase() === lowerCaseKey).map(({ value }) => value);
}

function kmsValue(name: string, caller: Caller, subject: Extract<Subject, { type: 'key' }>): Value {
  const { key } = subject;
  switch (name) {
    case 'kms:calleraccount':
      return caller.principal.account;
    case 'kms:keyspec':
    case 'kms:customermasterkeyspec':
      return key.keySpec;
    case 'kms:keyusage':
    case 'kms:customermasterkeyusage':
      return key.keyUsage;
    case 'kms:keyorigin':
      return key.origin;
    case 'kms:multiregion':
      return 'false';
    case 'kms:resourcealiases':
      return key.aliases;
    case 'kms:requestalias':
      return subject.requestAlias;
    case 'kms:encryptioncontextkeys':
      return subject.encryptionContext && Object.keys(subject.encryptionContext);
    default:
      return undefined;
  }
}

const contextPrefix = 'kms:encryptioncontext:';

/**
 * Values by the lower case of their names: the name of a condition key has no case, and that of a context's pair or
 * of a key's tag has.
 *
 * INVARIANT: where two differ in it alone, no value is chosen: a Deny could be passed by, an Allow be met.
 */
interface Folded {
  readonly values: ReadonlyMap<string, string>;
  readonly repeated: ReadonlySet<string>;
}

function fold(pairs: Iterable<readonly [name: string, value: string]>): Folded {
  const values = new Map<string, string>();
  const repeated = new Set<string>();
  for (const [name, value] of pairs) {
    const folded = name.toLowerCase();
    if (values.has(folded)) repeated.add(folded);
    values.set(folded, value);
  }
  return { values, repeated };
}

function twice(what: string, name: string): string {
  return `${what} names '${name}' more than once, in different case, and a policy asks for it.`;
}

/** A request on which policies can't decide. Of another account's key not even that is told: it would say what they ask. */
function undecided(caller: Caller, subject: Subject, message: string): KmsError {
  const { principal } = caller;
  if (subject.type !== 'key' || subject.key.account === principal.account) {
    return new KmsError('ValidationException', message);
  }
  return subject.unnamed === true
    ? ciphertextOutOfReach(message)
    : deniedElsewhere(principal, subject.action, askedArn(subject), message);
}

/** What aws:RequestTag/… and aws:TagKeys say of the tags that a request brings. */
export function tagFacts(tags: readonly Tag[]): Facts {
  const { values, repeated } = fold(tags.map(({ key, value }) => [key, value]));
  return {
    'aws:tagkeys': tags.map(({ key }) => key),
    ...Object.fromEntries(
      [...values].map(([key, value]) => [`aws:requesttag/${key}`, repeated.has(key) ? ambiguous : value]),
    ),
  };
}

/** The ARN that a subject's permission is asked for. */
export function resourceArn(subject: Subject): string {
  switch (subject.type) {
    case 'key':
      return keyArn(subject.key, subject.key.keyId);
    case 'alias':
    case 'resource':
      return subject.arn;
    case 'account':
      return '*';
  }
}

/** A key's ARN as the request named it: whoever is refused an alias of another account isn't told what it stands for. */
export function askedArn({ key, requestAlias }: Extract<Subject, { type: 'key' }>): string {
  return requestAlias === undefined ? keyArn(key, key.keyId) : aliasArn(key, requestAlias);
}
