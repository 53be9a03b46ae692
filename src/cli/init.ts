import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import pino from 'pino';
import { claimToken } from '../app/ownership.ts';
import { connectToken } from '../app/parts.ts';
import { startTokenTier } from '../app/token-tier.ts';
import { systemClock } from '../clock.ts';
import { type Config, readConfig } from '../config.ts';
import type { Principal } from '../identity/principal.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { ChangeWriter } from '../keys/repository.ts';
import { openStoreWriter } from '../store/sqlite/open.ts';
import type { Change, StoreWriter } from '../store/store.ts';
import { administrator, createAccessKey, createAdministrator } from './administrator.ts';
import { readAccessKeyId, writeCredentials } from './credentials-file.ts';
import { reportFailure } from './failure.ts';

/**
 * `coffer init --config FILE --credentials FILE`: makes the store, claims the token, creates the account and
 * its administrator with an access key, and writes an AWS credentials file. What is there already is left as it is.
 */
export async function run(args: string[]): Promise<void> {
  try {
    const { values } = parseArgs({
      args,
      options: {
        config: { type: 'string', default: 'coffer.json' },
        credentials: { type: 'string', default: 'credentials' },
        account: { type: 'string' },
      },
    });
    if (values.account !== undefined && !/^\d{12}$/.test(values.account)) {
      throw new Error(`\`${values.account}\` is no account number: give twelve digits`);
    }
    await initialise(readConfig(values.config), values.config, resolve(values.credentials), values.account);
    process.exit(0);
  } catch (error) {
    reportFailure('init', error);
    process.exit(1);
  }
}

async function initialise(
  config: Config,
  configFile: string,
  credentialsFile: string,
  wantedAccount: string | undefined,
): Promise<void> {
  const log = pino({ level: config.log.level, base: { process: 'init' } }, pino.destination(2));
  const opened: (() => Promise<void>)[] = [];
  try {
    const store = await openStoreWriter(config.store.file, systemClock);
    opened.push(() => store.close());
    if (config.token.start) {
      const tier = await startTokenTier(configFile, log, () => undefined);
      opened.push(() => tier.stop());
    }
    const hsm = connectToken(config, log);
    opened.push(() => hsm.close());
    await claimToken({ storeId: store.storeId, ...(await store.count()) }, hsm);
    const principal = await ensureAdministrator(store, config.region, wantedAccount);
    const accessKeyId = await ensureAccessKey(store, hsm, principal, credentialsFile, config);
    process.stdout.write(
      `${JSON.stringify({ account: principal.account, administrator: principal.arn, accessKeyId, credentialsFile })}\n`,
    );
  } finally {
    for (const close of opened.reverse()) await close();
  }
}

/** A crash in between leaves an account without its administrator: the next run makes that one. */
async function ensureAdministrator(
  store: StoreWriter,
  region: string,
  wanted: string | undefined,
): Promise<Principal> {
  const accounts = await store.listAccounts();
  const existing = accounts.find(({ name }) => name === 'main') ?? accounts[0];
  const account = existing?.account ?? wanted ?? String(randomInt(100_000_000_000, 1_000_000_000_000));
  if (wanted !== undefined && account !== wanted) {
    throw new Error(`the store has the account ${account} already: leave out --account`);
  }
  if (existing === undefined) await store.createAccount(account, 'main');
  const found = await store.findPrincipal(account, administrator);
  return found ?? createAdministrator(changesOf(store), { account, region }, systemClock);
}

/** The file is written before the row: a crash leaves a file with a key that nobody knows, which the next run replaces. */
async function ensureAccessKey(
  store: StoreWriter,
  hsm: Hsm,
  principal: Principal,
  credentialsFile: string,
  config: Config,
): Promise<string> {
  const keys = await store.listAccessKeys(principal.principalId);
  const written = readAccessKeyId(credentialsFile);
  if (written !== undefined && keys.some(({ accessKeyId }) => accessKeyId === written)) return written;
  if (keys.length >= 2) {
    throw new Error(
      `the administrator has two access keys already (${keys.map(({ accessKeyId }) => accessKeyId).join(', ')}) and \`${credentialsFile}\` holds neither: restore that file`,
    );
  }
  const scope = { account: principal.account, region: config.region };
  return createAccessKey(changesOf(store), hsm, scope, principal, systemClock, (accessKeyId, secret) =>
    writeCredentials(credentialsFile, accessKeyId, secret, config),
  );
}

function changesOf(store: StoreWriter): ChangeWriter<Change> {
  return { apply: async (change, record) => (await store.apply(change, record)).outcome };
}
