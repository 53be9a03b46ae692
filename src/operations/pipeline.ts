import { keyArn } from '../arn.ts';
import type { AuditRecord, Trail } from '../audit/record.ts';
import { KmsError } from '../errors.ts';
import { HsmError } from '../keys/hsm.ts';
import type { ChangeOutcome } from '../keys/repository.ts';
import { refusal } from '../keys/state.ts';
import { KeyUses } from '../keys/uses.ts';
import type { Call, RefusedCall } from './call.ts';
import { internalError, toKmsError } from './failure.ts';
import type { Caller, Operation, Plan, Prepared, Result, Services, Subject } from './operation.ts';
import { refusalOf } from './permission.ts';
import { type Progress, recordRequest, sharedRecords } from './record.ts';
import { findOperation, noSuchOperation } from './table.ts';

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
      const entry = recordRequest(clock, call, progress, {
        ...(shown && { response: shown }),
        ...(additional && { additional }),
      });
      return { done: true, output: result.output, entry };
    }
    if (result.type === 'conflict') return { done: false };
    const { output, responseElements, keys, refused, additional } = result;
    const subjects =
      keys?.map((key): Subject => ({ type: 'key', action: '', key, rule: 'look' })) ?? plan.subjects;
    const entry = recordRequest(clock, call, progress, {
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
        await append(recordRequest(clock, call, progress, { error }), progress.subjects);
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
      await append(recordRequest(clock, call, { prepared: undefined, readOnly, subjects: [] }, { error }));
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
