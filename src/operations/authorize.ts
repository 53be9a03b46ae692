import { type Identity, identityIdOf } from '../identity/principal.ts';
import type { Key } from '../keys/key.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import { type Decision, decide, type Policies } from '../policy/decide.ts';
import { defaultKeyPolicy } from '../policy/default-key.ts';
import { type PolicyKind, parsePolicy } from '../policy/parse.ts';
import { contextOf, resourceArn } from './condition.ts';
import type { Caller, Services, Subject } from './operation.ts';

/** What is decided by in place of what the subject itself says. */
type Instead = Pick<Policies, 'resource' | 'grant'> & { readonly resourceAccount?: string };

/**
 * Whether a caller may do to a subject what the subject's action says: key policy, identity policies, boundary,
 * session policies. Grants are asked for where nothing else allows (permission.ts).
 *
 * INVARIANT: a stored document that can't be read decides nothing: it throws, and the request fails.
 */
export function decideFor(
  caller: Caller,
  subject: Subject,
  services: Pick<Services, 'identities' | 'clock'>,
  instead: Instead = {},
): MaybePromise<Decision> {
  const { principal } = caller;
  const id = identityIdOf(principal);
  const identity = id === undefined ? undefined : services.identities.findIdentity(id);
  const sessionPolicies = principal.session && sessionOf(caller, services);
  if (identity instanceof Promise || sessionPolicies instanceof Promise) {
    return Promise.all([identity, sessionPolicies]).then(([found, session]) =>
      decideWith(caller, subject, services, found, session, instead),
    );
  }
  return decideWith(caller, subject, services, identity, sessionPolicies, instead);
}

function decideWith(
  caller: Caller,
  subject: Subject,
  { clock }: Pick<Services, 'clock'>,
  identity: Identity | undefined,
  session: readonly CompiledPolicy[] | undefined,
  { resourceAccount, ...policies }: Instead,
): Decision {
  const { principal } = caller;
  const own = identity === undefined ? nothing : compiledIdentity(identity);
  return decide(
    {
      principal,
      action: subject.action,
      resource: resourceArn(subject),
      resourceAccount: resourceAccount ?? accountOf(subject, principal.account),
      context: contextOf(caller, identity?.tags ?? [], subject, clock),
    },
    {
      identity: own.identity,
      boundary: own.boundary,
      session,
      resource: resourcePolicy(subject),
      ...policies,
    },
  );
}

function accountOf(subject: Subject, callerAccount: string): string {
  switch (subject.type) {
    case 'key':
      return subject.key.account;
    case 'alias':
    case 'resource':
      return subject.account;
    case 'account':
      return callerAccount;
  }
}

interface CompiledIdentity {
  readonly identity: readonly CompiledPolicy[];
  readonly boundary: CompiledPolicy | undefined;
}

/** What a root has, and whoever is not there any more: the first needs none, the second gets nothing. */
const nothing: CompiledIdentity = { identity: [], boundary: undefined };

/** Identities, keys and sessions are immutable: what was compiled of one lives as long as it does. */
const ofIdentity = new WeakMap<Identity, CompiledIdentity>();
const ofKey = new WeakMap<Key, CompiledPolicy>();
const ofSession = new WeakMap<object, CompiledPolicy>();

function compiledIdentity(identity: Identity): CompiledIdentity {
  const known = ofIdentity.get(identity);
  if (known !== undefined) return known;
  const { policies, boundary } = identity;
  const compiled = {
    identity: policies.map(({ type, id, document }) => compile(document, 'identity', { type, id })),
    boundary:
      boundary && compile(boundary.document, 'boundary', { type: 'permissions boundary', id: boundary.id }),
  };
  ofIdentity.set(identity, compiled);
  return compiled;
}

/** The policy of a key, or a role's trust policy; `undefined` where identity policies alone decide. */
function resourcePolicy(subject: Subject): CompiledPolicy | undefined {
  if (subject.type === 'key') return keyPolicy(subject.key);
  if (subject.type !== 'resource' || subject.trustPolicy === undefined) return undefined;
  return compile(subject.trustPolicy, 'trust', { type: 'trust policy', id: subject.arn });
}

export function keyPolicy(key: Key): CompiledPolicy {
  const known = ofKey.get(key);
  if (known !== undefined) return known;
  const document = key.policy ?? defaultKeyPolicy(key.account);
  const compiled = compile(document, 'key', { type: 'key policy', id: key.keyId });
  ofKey.set(key, compiled);
  return compiled;
}

/** In place of a session policy that is gone: it may have been one that denies. */
const nothingAtAll = '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}';

/** Session policies as they are now: a managed one may have a new version. */
function sessionOf(
  { principal }: Caller,
  { identities }: Pick<Services, 'identities'>,
): MaybePromise<readonly CompiledPolicy[] | undefined> {
  const { session } = principal;
  if (session === undefined) return undefined;
  const { policy, policyArns } = session;
  if (policy === undefined && policyArns.length === 0) return undefined;
  const inline: CompiledPolicy[] = [];
  if (policy !== undefined) {
    let compiled = ofSession.get(session);
    if (compiled === undefined) {
      compiled = compile(policy, 'session', { type: 'session policy', id: session.name ?? '' });
      ofSession.set(session, compiled);
    }
    inline.push(compiled);
  }
  if (policyArns.length === 0) return inline;
  return Promise.all(
    policyArns.map(async (arn) => ({ arn, document: await identities.findManagedPolicy(arn) })),
  ).then((found) => [
    ...inline,
    ...found.map(({ arn, document = nothingAtAll }) =>
      compile(document, 'session', { type: 'session policy', id: arn }),
    ),
  ]);
}

function compile(
  text: string,
  kind: PolicyKind,
  source: Parameters<typeof compilePolicy>[1],
): CompiledPolicy {
  return compilePolicy(parsePolicy(text, kind), source);
}
