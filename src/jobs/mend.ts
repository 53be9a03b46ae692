/** Comparing store and token for an operator, and mending what is safe: what the store itself says must go, and leftovers. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Scope } from '../arn.ts';
import type { AuditRecord } from '../audit/record.ts';
import type { Clock } from '../clock.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { Key } from '../keys/key.ts';
import type { ChangeWriter, KeyChange } from '../keys/repository.ts';
import { endWrappingKey, isLeftOver } from '../keys/wrapping-key.ts';
import { type CompareParts, compareStoreAndToken } from './compare.ts';
import { type DestroyJob, destroyDueKeys } from './destroy.ts';
import { DueTime } from './due.ts';
import { type Finding, sameFinding } from './finding.ts';
import { Unfinished, type UnfinishedParts } from './reconcile.ts';

export interface ReconcileParts {
  readonly store: CompareParts['store'] & UnfinishedParts['store'] & DestroyJob['store'];
  readonly changes: ChangeWriter;
  readonly hsm: Hsm;
  readonly clock: Clock;
  /** Whether nobody else makes keys: no service runs. */
  readonly alone: boolean;
  /** What the trail says of a mending. */
  readonly record: (scope: Scope, done: MendRecord) => AuditRecord;
  /** Of what belongs to no key. */
  readonly scope: Scope;
}

export interface MendRecord {
  readonly mended: Finding['kind'];
  readonly keyId?: string;
  readonly subjects: readonly string[];
}

export interface Reconciliation {
  readonly version: 1;
  /** ISO 8601. */
  readonly comparedAt: string;
  /** Whether a service runs, which did this then. */
  readonly service: 'running' | 'stopped';
  /** How many key materials the store has, and how many objects of Coffer the token. */
  readonly materials: number;
  readonly objects: number;
  /** In how many things they differ, or did. */
  readonly differences: number;
  /** The first of them. */
  readonly findings: readonly Finding[];
  /** What was to be mended and couldn't be, and why. */
  readonly failures: readonly string[];
}

/** What makes or destroys a key, an RSA pair apart, is over by then. */
const settleMilliseconds = 1_000;
/** An answer on the control socket has room for so many. */
const findingsTold = 1_000;

/** @param mend whether to mend what is safe, and not only tell it */
export async function reconcile(parts: ReconcileParts, mend: boolean): Promise<Reconciliation> {
  const compared = { ...parts, ...(!parts.alone && { settleMilliseconds }) };
  const before = await compareStoreAndToken(compared);
  const failures: string[] = [];
  if (mend && before.findings.length > 0) {
    for (const [kinds, task] of mendings(parts)) {
      if (!before.findings.some(({ kind }) => kinds.includes(kind))) continue;
      await task(before.findings).catch((cause: unknown) => {
        failures.push(`${kinds.join(', ')}: ${cause instanceof Error ? cause.message : String(cause)}`);
      });
    }
  }
  const after = mend && before.findings.length > 0 ? await compareStoreAndToken(compared) : before;
  const findings = before.findings.map((one) => ({
    ...one,
    mended: !after.findings.some((other) => sameFinding(one, other)),
  }));
  return {
    version: 1,
    comparedAt: new Date(parts.clock.now()).toISOString(),
    service: parts.alone ? 'stopped' : 'running',
    materials: after.materials,
    objects: after.objects,
    differences: findings.length,
    findings: findings.slice(0, findingsTold),
    failures,
  };
}

type Mending = readonly [
  kinds: readonly Finding['kind'][],
  task: (findings: readonly Finding[]) => Promise<void>,
];

function mendings(parts: ReconcileParts): Mending[] {
  return [
    [['destroying'], () => endDestructions(parts)],
    // While a service runs, a key that isn't made to the end may be in somebody's hands: it takes back the old ones.
    ...(parts.alone ? [[['unfinished'], () => takeBack(parts)] as const] : []),
    [['wrapping-key'], (findings) => destroyWrappingKeys(parts, findings)],
    [['shells'], () => destroyShells(parts)],
  ];
}

/** Of no key but those that are `Destroying`: none comes due by this. */
async function endDestructions({ store, changes, hsm, clock }: ReconcileParts): Promise<void> {
  const dueForDeletion = async (now: number) =>
    (await store.dueForDeletion(now)).filter(({ state }) => state === 'Destroying');
  const due = new DueTime(clock);
  const wrappingKeys = (key: Key) => store.wrappingKeys(key);
  const { failures } = await destroyDueKeys({
    store: { dueForDeletion, wrappingKeys },
    changes,
    hsm,
    clock,
    due,
  });
  const [first] = failures;
  if (first !== undefined) throw first.cause;
}

async function takeBack({ store, changes, hsm, clock, record }: ReconcileParts): Promise<void> {
  const recording: ChangeWriter = {
    apply: (change, given) => changes.apply(change, given ?? takenBack(change, record)),
  };
  await new Unfinished({ store, changes: recording, hsm, clock }).abandonAll();
}

/** Of the last of its steps, which removes the row. */
function takenBack(change: KeyChange, record: ReconcileParts['record']): AuditRecord | undefined {
  const type: string = change.type;
  if ((type !== 'key-abandoned' && type !== 'material-abandoned') || !('keyId' in change)) return undefined;
  const { keyId } = change;
  return record(change, { mended: 'unfinished', keyId, subjects: [keyId] });
}

async function destroyWrappingKeys(parts: ReconcileParts, findings: readonly Finding[]): Promise<void> {
  const { store, changes, hsm, clock } = parts;
  const found = new Set(findings.filter(({ kind }) => kind === 'wrapping-key').map(({ subject }) => subject));
  const gone: string[] = [];
  for (const wrappingKey of await store.wrappingKeys()) {
    const { wrappingId } = wrappingKey;
    if (!found.has(wrappingId) || !isLeftOver(wrappingKey, clock.now())) continue;
    if (await endWrappingKey(wrappingKey, changes, hsm)) gone.push(wrappingId);
  }
  await tell(parts, 'wrapping-key', gone);
}

/** A shell is one that two looks find, further apart than it takes to make an object. */
async function destroyShells(parts: ReconcileParts): Promise<void> {
  const { hsm } = parts;
  const first = await hsm.destroyShells();
  let { destroyed } = first;
  if (first.waitMilliseconds > 0) {
    await pause(first.waitMilliseconds);
    destroyed += (await hsm.destroyShells()).destroyed;
  }
  if (destroyed > 0) await tell(parts, 'shells', [String(destroyed)]);
}

async function tell({ changes, record, scope }: ReconcileParts, mended: Finding['kind'], subjects: string[]) {
  if (subjects.length === 0) return;
  await changes.apply({ ...scope, type: 'recorded' }, record(scope, { mended, subjects }));
}
