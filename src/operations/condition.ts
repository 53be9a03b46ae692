import { keyArn } from '../arn.ts';
import type { Clock } from '../clock.ts';
import { KmsError } from '../errors.ts';
import type { Tag } from '../tag.ts';
import type { Caller, Subject } from './operation.ts';

type Value = string | readonly string[] | undefined;

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
): (name: string) => Value {
  return (name) => {
    const fact = subject.facts?.[name];
    if (fact !== undefined) return fact;
    if (name.startsWith('aws:')) return globalValue(name, caller, identityTags, subject, clock);
    return subject.type === 'key' && name.startsWith('kms:')
      ? kmsValue(name, caller, subject)
      : name === 'kms:calleraccount'
        ? caller.principal.account
        : undefined;
  };
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
      return taggedValue(name, principal.session?.tags, identityTags, subject);
  }
}

/** Names of tags keep no case here: condition keys have none. A session's tag hides its role's. */
function taggedValue(
  name: string,
  sessionTags: readonly Tag[] | undefined,
  identityTags: readonly Tag[],
  subject: Subject,
): Value {
  if (name.startsWith('aws:principaltag/')) {
    const key = name.slice('aws:principaltag/'.length);
    return tagValue(sessionTags, key) ?? tagValue(identityTags, key);
  }
  if (name.startsWith('aws:resourcetag/')) {
    const tags = subject.type === 'key' ? subject.key.tags : subject.type === 'resource' ? subject.tags : [];
    return tagValue(tags, name.slice('aws:resourcetag/'.length));
  }
  return undefined;
}

function tagValue(tags: readonly Tag[] | undefined, lowerCaseKey: string): string | undefined {
  return tags?.find(({ key }) => key.toLowerCase() === lowerCaseKey)?.value;
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
      return name.startsWith(contextPrefix)
        ? contextValue(subject.encryptionContext, name.slice(contextPrefix.length))
        : undefined;
  }
}

const contextPrefix = 'kms:encryptioncontext:';

/**
 * The name of a condition key has no case and a context's has.
 *
 * INVARIANT: where two differ in it alone, no value is chosen: a Deny could be passed by, an Allow be met.
 */
function contextValue(context: Readonly<Record<string, string>> | undefined, lowerCaseName: string): Value {
  if (context === undefined) return undefined;
  let found: string | undefined;
  for (const name in context) {
    if (name.toLowerCase() !== lowerCaseName) continue;
    if (found !== undefined) {
      throw new KmsError(
        'ValidationException',
        `The encryption context names '${lowerCaseName}' more than once, in different case, and a policy asks for it.`,
      );
    }
    found = context[name];
  }
  return found;
}

/** What aws:RequestTag/… and aws:TagKeys say of the tags that a request brings. */
export function tagFacts(tags: readonly Tag[]): Record<string, string | readonly string[]> {
  return {
    'aws:tagkeys': tags.map(({ key }) => key),
    ...Object.fromEntries(tags.map(({ key, value }) => [`aws:requesttag/${key.toLowerCase()}`, value])),
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
