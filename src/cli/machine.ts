import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import pino, { type Logger } from 'pino';
import { type ControlClient, connectControl } from '../app/control.ts';
import { requireToken } from '../app/ownership.ts';
import { connectToken } from '../app/parts.ts';
import { reconcileFor } from '../app/reconcile.ts';
import { startTokenTier } from '../app/token-tier.ts';
import { recordApiCall } from '../audit/build.ts';
import type { AuditRecord, EventSource } from '../audit/record.ts';
import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Reconciliation } from '../jobs/mend.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { ChangeWriter } from '../keys/repository.ts';
import { StoreError } from '../store/error.ts';
import { openStoreReader, openStoreWriter } from '../store/sqlite/open.ts';
import type { Account, Change, StoreReader, StoreWriter } from '../store/store.ts';

/** How long a service that is starting, or ending, is waited for. */
const patienceMilliseconds = 10_000;

/** What the operator of the machine works with, whether the service runs or not. */
export interface Machine {
  readonly store: StoreReader;
  /** Through the primary where the service runs, so that its workers see it too; else the store's own writer. */
  readonly changes: ChangeWriter<Change>;
  /** The token tier; in development it is started where the service doesn't run. */
  token(): Promise<Hsm>;
  /** Compares store and token, by the primary where the service runs. @param mend whether to mend what is safe */
  reconcile(mend: boolean): Promise<Reconciliation>;
  /** The trail's record of something that the operator does. */
  record(done: Done): AuditRecord;
  close(): Promise<void>;
}

export interface Done {
  readonly source: EventSource;
  /** AWS's name of it: `CreateUser`. */
  readonly operation: string;
  readonly account: string;
  readonly parameters: object;
  readonly response?: object;
  readonly resources?: AuditRecord['resources'];
}

/** @param command as the trail names it: `coffer admin` @throws Error with what to do */
export async function openMachine(config: Config, configFile: string, command: string): Promise<Machine> {
  const log = pino({ level: config.log.level, base: { process: command } }, pino.destination(2));
  const opened: (() => Promise<void>)[] = [];
  const close = async () => {
    for (let last = opened.pop(); last !== undefined; last = opened.pop()) await last();
  };
  const { file } = config.store;
  if (!existsSync(file))
    throw new StoreError('missing', `there is no store \`${file}\`: \`coffer init\` makes one`);
  try {
    const writer = await openChanges(file, opened);
    const store = await openStoreReader(file);
    opened.push(() => store.close());
    let hsm: Promise<Hsm> | undefined;
    const token = () => {
      hsm ??= openToken(config, configFile, log, writer.own, opened);
      return hsm;
    };
    return {
      store,
      changes: writer.changes,
      token,
      async reconcile(mend) {
        const operator = userInfo().username;
        if (writer.control !== undefined) return writer.control.reconcile({ mend, operator });
        const { own, changes } = writer;
        const { region } = config;
        const parts = { store: own, changes, hsm: await token(), clock: systemClock, alone: true, region };
        return reconcileFor(parts, { type: 'reconcile', mend, operator });
      },
      record: (done) => operatorRecord(done, config.region, command),
      close,
    };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** Of a service that runs, or the store's own, which is ours where none does. */
type Writer = { readonly changes: ChangeWriter<Change> } & (
  | { readonly control: ControlClient; readonly own: undefined }
  | { readonly control: undefined; readonly own: StoreWriter }
);

async function openChanges(file: string, opened: (() => Promise<void>)[]): Promise<Writer> {
  const began = systemClock.monotonic();
  for (;;) {
    const control = await connectControl(file);
    if (control !== undefined) {
      opened.push(async () => control.close());
      return { changes: control, control, own: undefined };
    }
    try {
      const own = await openStoreWriter(file, systemClock);
      opened.push(() => own.close());
      const changes: ChangeWriter<Change> = {
        apply: async (change, record) => (await own.apply(change, record)).outcome,
      };
      return { changes, control: undefined, own };
    } catch (cause) {
      // Held by a service without a control socket: it starts, or ends.
      const isHeld = cause instanceof StoreError && cause.kind === 'locked';
      if (!isHeld || systemClock.monotonic() - began > patienceMilliseconds) throw cause;
      await pause(100);
    }
  }
}

async function openToken(
  config: Config,
  configFile: string,
  log: Logger,
  own: StoreWriter | undefined,
  opened: (() => Promise<void>)[],
): Promise<Hsm> {
  if (own !== undefined && config.token.start) {
    const tier = await startTokenTier(configFile, log, () => undefined);
    opened.push(() => tier.stop());
  }
  const hsm = connectToken(config, log);
  opened.push(() => hsm.close());
  // A service that runs has seen to it.
  if (own !== undefined) await requireToken({ storeId: own.storeId, ...(await own.count()) }, hsm);
  return hsm;
}

function operatorRecord(done: Done, region: string, command: string): AuditRecord {
  return recordApiCall(systemClock, {
    source: done.source,
    identity: { type: 'AWSService', invokedBy: command },
    operation: done.operation,
    region,
    account: done.account,
    sourceIp: command,
    userAgent: command,
    requestId: randomUUID(),
    readOnly: false,
    parameters: done.parameters,
    response: done.response ?? null,
    additional: { operator: userInfo().username },
    resources: done.resources ?? [],
  });
}

/** @param number of an account; the only one where it isn't given @throws Error with what to do */
export async function accountOf(store: StoreReader, number: string | undefined): Promise<Account> {
  const accounts = await store.listAccounts();
  if (number === undefined) {
    const [only, more] = accounts;
    if (only === undefined) throw new Error('the store has no account: run `coffer init` first');
    if (more === undefined) return only;
    throw new Error(
      `there are several accounts: say which with --account (\`coffer account list\` shows them)`,
    );
  }
  const found = accounts.find(({ account }) => account === number);
  if (found === undefined)
    throw new Error(`there is no account \`${number}\`: \`coffer account list\` shows them`);
  return found;
}
