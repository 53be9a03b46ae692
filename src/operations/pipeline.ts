import { keyArn } from '../arn.ts';
import { type Caller as AuditCaller, recordApiCall, recordForOwner, userIdentity } from '../audit/build.ts';
import type { AuditRecord, Trail } from '../audit/record.ts';
import { KmsError } from '../errors.ts';
import type { Principal } from '../identity/principal.ts';
import { HsmError } from '../keys/hsm.ts';
import type { ChangeOutcome } from '../keys/repository.ts';
import { refusal } from '../keys/state.ts';
import { KeyUses } from '../keys/uses.ts';
import type { ServiceName } from '../service.ts';
import { internalError, toKmsError } from './failure.ts';
import type { Caller, Operation, Plan, Prepared, Result, Services, Subject } from './operation.ts';
import { trailForm } from './parameters.ts';
import { refusalOf } from './permission.ts';
import { findOperation, noSuchOperation } from './table.ts';

/** An authenticated request. */
export interface Call {
  readonly service: ServiceName;
  readonly operation: string;
  readonly input: Record<string, unknown>;
  readonly principal: Principal;
  readonly accessKeyId: string;
  /** The region of the signature's scope. */
  readonly region: string;
  readonly sourceIp: string;
  readonly userAgent: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
  readonly requestId: string;
}

/** A call that failed, with what is known of it: it may have no principal, or no operation. */
export type RefusedCall = Omit<Call, 'input' | 'operation' | 'principal' | 'accessKeyId'> & {
  readonly operation: string | undefined;
  readonly principal: Principal | undefined;
  /** Without a principal it is only what the request claims. */
  readonly accessKeyId: string | undefined;
  /** How many such calls went unrecorded since the last that was recorded. */
  readonly unrecorded?: number;
};

export interface Pipeline {
  /**
   * Does what an authenticated request asks for. When it settles, the request's record is durable.
   * @returns the output as JSON will have it, or undefined for an empty answer
   * @throws KmsError
   */
  dispatch(call: Call): Promise<object | undefined>;
  /** Records a request that failed before its dispatch. @throws KmsError where it can't be recorded */
  refused(call: RefusedCall, error: KmsError): Promise<void>;
}

/** A change met by another is decided again, this often. */
const attempts = 4;

export function createPipeline(
  services: Services & {
    readonly trail: Trail;
    /** Called for every token object that the store knows and the token has lost. */
    readonly alarm: (detail: string) => void;
    /** Resolves at once, or when what the caches hold may be answered from. @throws KmsError where that takes too long */
    readonly fresh?: () => Promise<void> | undefined;
  },
): Pipeline {
  const { trail, clock } = services;

  /** What the record says, gathered along the way so that a failure has it too. */
  interface Progress {
    prepared: Prepared | undefined;
    readOnly: boolean;
    subjects: readonly Subject[];
  }

  function record(
    call: RefusedCall,
    progress: Progress,
    rest: { error?: KmsError; response?: object; subjects?: readonly Subject[]; additional?: object },
  ): AuditRecord {
    const { error, response, additional } = rest;
    const decidedBy = reasonFor(error, call.principal, progress.subjects);
    return recordApiCall(clock, {
      source: `${call.service}.amazonaws.com`,
      identity: userIdentity(call.principal && auditCaller(call.principal), call.accessKeyId),
      operation: call.operation ?? '',
      region: call.region,
      account: call.principal?.account ?? '',
      sourceIp: call.sourceIp,
      userAgent: call.userAgent,
      requestId: call.requestId,
      readOnly: progress.readOnly,
      parameters: progress.prepared === undefined ? null : trailForm(progress.prepared.input),
      response: response === undefined ? null : trailForm(response),
      resources: touched(visible(rest.subjects ?? progress.subjects, call.principal, error)),
      ...(error !== undefined && { error }),
      ...((call.unrecorded !== undefined || decidedBy !== undefined || additional !== undefined) && {
        additional: { unrecorded: call.unrecorded, decidedBy, ...additional },
      }),
    });
  }

  async function append(entry: AuditRecord, subjects: readonly Subject[] = []): Promise<void> {
    try {
      const [shared, ...copies] = sharedRecords(entry, subjects);
      if (copies.length === 0) return await trail.append(shared);
      await Promise.all([shared, ...copies].map((record) => trail.append(record)));
    } catch (cause) {
      throw internalError('the trail could not be written', cause);
    }
  }

  /** Whatever is not done is undone, as far as that can be: a job takes up what is left. */
  async function apply(
    { change, undo }: Extract<Result, { type: 'change' }>,
    records: readonly AuditRecord[],
  ): Promise<ChangeOutcome> {
    let done = false;
    try {
      const outcome = await services.changes.apply(change, records);
      done = outcome.type === 'done';
      return outcome;
    } finally {
      if (!done) await undo?.().catch(() => undefined);
    }
  }

  function noteUses(
    { eventName, eventID: eventId, requestID: requestId }: AuditRecord,
    subjects: readonly Subject[],
  ) {
    if (!KeyUses.tracks(eventName)) return;
    const use = { operation: eventName, at: clock.now(), eventId, requestId };
    for (const subject of subjects) if (subject.type === 'key') services.uses.note(subject.key, use);
  }

  async function attempt(
    call: Call,
    operation: Operation,
    prepared: Prepared,
    progress: Progress,
    isFirst: boolean,
  ): Promise<Outcome> {
    const caller: Caller = {
      principal: call.principal,
      scope: { region: call.region, account: call.principal.account },
      accessKeyId: call.accessKeyId,
      sourceIp: call.sourceIp,
      userAgent: call.userAgent,
      secure: call.secure,
      grantTokens: prepared.grantTokens,
    };
    const plan = await prepared.plan(caller, services);
    progress.subjects = plan.subjects;
    for (const subject of plan.subjects) {
      const found = refusalOf(caller, subject, services);
      const refused = found instanceof Promise ? await found : found;
      if (refused !== undefined) throw refused;
    }
    if (plan.absent !== undefined) throw plan.absent;
    checkStates(operation, plan);
    plan.validate?.();
    if (prepared.dryRun) {
      throw new KmsError(
        'DryRunOperationException',
        'The request would have succeeded, but the DryRun option is set.',
      );
    }
    const result = await run(plan, isFirst);
    if (result.type === 'answer') {
      const { responseElements: shown, additional } = result;
      const entry = record(call, progress, {
        ...(shown && { response: shown }),
        ...(additional && { additional }),
      });
      return { done: true, output: result.output, entry };
    }
    if (result.type === 'conflict') return { done: false };
    const { output, responseElements, keys, refused, additional } = result;
    const subjects =
      keys?.map((key): Subject => ({ type: 'key', action: '', key, rule: 'look' })) ?? plan.subjects;
    const entry = record(call, progress, {
      ...(responseElements && { response: responseElements }),
      subjects,
      ...(additional && { additional }),
    });
    const outcome = await apply(result, [...sharedRecords(entry, subjects), ...(result.events ?? [])]);
    switch (outcome.type) {
      case 'done':
        await result.afterwards?.().catch(() => undefined);
        return { done: true, output, entry: undefined };
      case 'conflict':
        return { done: false };
      case 'exists':
      case 'limit':
      case 'not-found':
      case 'in-use':
        throw refused?.(outcome) ?? internalError(`a change was refused as \`${outcome.type}\``);
    }
  }

  return {
    async dispatch(call) {
      const progress: Progress = { prepared: undefined, readOnly: true, subjects: [] };
      let outcome: Outcome = { done: false };
      try {
        const operation = findOperation(call.service, call.operation);
        if (operation === undefined) throw noSuchOperation(call.service, call.operation);
        progress.readOnly = operation.readOnly;
        const prepared = operation.prepare(call.input);
        progress.prepared = prepared;
        const waiting = services.fresh?.();
        if (waiting !== undefined) await waiting;
        for (let left = attempts; left > 0 && !outcome.done; left -= 1) {
          outcome = await attempt(call, operation, prepared, progress, left === attempts);
        }
        if (!outcome.done) throw internalError('a change met a conflict at every attempt');
      } catch (cause) {
        if (cause instanceof HsmError && cause.kind === 'missing-object') services.alarm(cause.message);
        const error = toKmsError(cause);
        await append(record(call, progress, { error }), progress.subjects);
        throw error;
      }
      // A change has its record already, in the transaction that made it.
      if (outcome.entry !== undefined) {
        await append(outcome.entry, progress.subjects);
        noteUses(outcome.entry, progress.subjects);
      }
      return outcome.output;
    },

    async refused(call, error) {
      const readOnly = findOperation(call.service, call.operation ?? '')?.readOnly ?? true;
      await append(record(call, { prepared: undefined, readOnly, subjects: [] }, { error }));
    },
  };
}

/**
 * A request's record, and those of the accounts whose keys and roles it was about, which are told of it like the
 * caller's. A caller that is refused doesn't learn from its own record that there is a copy, for then there is what it
 * asked for.
 */
function sharedRecords(
  entry: AuditRecord,
  subjects: readonly Subject[],
): readonly [AuditRecord, ...AuditRecord[]] {
  const caller = entry.recipientAccountId;
  const foreign = subjects.filter((subject) => isThere(subject) && (ownerOf(subject) ?? caller) !== caller);
  if (foreign.length === 0) return [entry];
  const owners = new Set(foreign.map(ownerOf));
  const copies = [...owners].map((owner = '') =>
    recordForOwner(entry, owner, touched(subjects.filter((subject) => ownerOf(subject) === owner))),
  );
  return [hides(entry.errorCode) ? entry : { ...entry, sharedEventID: entry.eventID }, ...copies];
}

function ownerOf(subject: Subject): string | undefined {
  switch (subject.type) {
    case 'key':
      return subject.key.account;
    case 'alias':
    case 'resource':
      return subject.account;
    case 'account':
      return undefined;
  }
}

/** Whether there is certainly such a thing: whatever else a request names is only a name, also of an account. */
function isThere(subject: Subject): boolean {
  return subject.type === 'key' || (subject.type === 'resource' && subject.trustPolicy !== undefined);
}

function hides(errorCode: string | undefined): boolean {
  return errorCode === 'AccessDeniedException';
}

/** To a caller that is refused what is another account's, the trail doesn't tell either whether it is there. */
function visible(
  subjects: readonly Subject[],
  principal: Principal | undefined,
  error: KmsError | undefined,
): readonly Subject[] {
  if (!hides(error?.code)) return subjects;
  return subjects.filter((subject) => [undefined, principal?.account].includes(ownerOf(subject)));
}

/** Which policy refused: for the account that owns all that was asked for, and for nobody else. */
function reasonFor(
  error: KmsError | undefined,
  principal: Principal | undefined,
  subjects: readonly Subject[],
): string | undefined {
  if (error?.code !== 'AccessDeniedException' || principal === undefined) return undefined;
  const own = subjects.every((subject) => {
    if (subject.type === 'account') return true;
    return (subject.type === 'key' ? subject.key : subject).account === principal.account;
  });
  return own ? error.detail : undefined;
}

function auditCaller(principal: Principal): AuditCaller {
  const { role, session, account } = principal;
  return {
    ...principal,
    session: session && {
      issuedAt: session.issuedAt,
      role: role && { principalId: role.roleId, arn: role.arn, account, roleName: role.roleName },
    },
  };
}

type Outcome =
  | { readonly done: false }
  | { readonly done: true; readonly output: object | undefined; readonly entry: AuditRecord | undefined };

/** Imported material may go between the check and the use: the key is looked at once more before its loss is an alarm. */
async function run(plan: Plan, isFirst: boolean): Promise<Result> {
  try {
    return await plan.run();
  } catch (cause) {
    const isMissing = cause instanceof HsmError && cause.kind === 'missing-object';
    if (isFirst && isMissing && plan.subjects.some(ofImportedKey)) return { type: 'conflict' };
    throw cause;
  }
}

function ofImportedKey(subject: Subject): boolean {
  return subject.type === 'key' && subject.key.origin === 'EXTERNAL';
}

/** After the permission on everything: who may not use a key learns nothing of its state. */
function checkStates(operation: Operation, plan: Plan): void {
  for (const subject of plan.subjects) {
    if (subject.type !== 'key') continue;
    const { key, usage, rule } = subject;
    const arn = keyArn(key, key.keyId);
    const refused = refusal(rule, key.state, arn);
    if (refused !== undefined) throw refused;
    if (usage !== undefined && key.keyUsage !== usage) {
      throw new KmsError(
        'InvalidKeyUsageException',
        `${arn} key usage is ${key.keyUsage} which is not valid for ${operation.name}.`,
      );
    }
  }
}

/** Each once: several permissions may be needed on one. */
function touched(subjects: readonly Subject[]): AuditRecord['resources'] {
  if (subjects.length < 2) return subjects.flatMap(resource);
  return [...new Map(subjects.flatMap(resource).map((found) => [found.ARN, found])).values()];
}

function resource(subject: Subject): AuditRecord['resources'] {
  switch (subject.type) {
    case 'key':
      return [
        {
          accountId: subject.key.account,
          type: 'AWS::KMS::Key',
          ARN: keyArn(subject.key, subject.key.keyId),
        },
      ];
    case 'alias':
      return [{ accountId: subject.account, type: 'AWS::KMS::Alias', ARN: subject.arn }];
    case 'resource':
      return [{ accountId: subject.account, type: subject.resourceType, ARN: subject.arn }];
    case 'account':
      return [];
  }
}
