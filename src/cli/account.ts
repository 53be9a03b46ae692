import { randomInt } from 'node:crypto';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { rootArn } from '../arn.ts';
import { systemClock } from '../clock.ts';
import { type Config, readConfig } from '../config.ts';
import { administratorAccess } from '../identity/managed.ts';
import { administrator, createAdministrator } from './administrator.ts';
import { profileOf, readAccessKeyId } from './credentials-file.ts';
import { reportFailure } from './failure.ts';
import { giveAccessKey } from './give-access-key.ts';
import { type Machine, openMachine } from './machine.ts';

const usage =
  'usage: coffer account create NAME [--account NUMBER] [--credentials FILE], or coffer account list';

/**
 * `coffer account create NAME`: another account, with an administrator whose access key goes into a profile of an AWS
 * credentials file; `coffer account list`: those that there are. Whether the service runs or not.
 */
export async function run(args: string[]): Promise<void> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        config: { type: 'string', default: 'coffer.json' },
        credentials: { type: 'string', default: 'credentials' },
        account: { type: 'string' },
      },
    });
    const [verb, name, more] = positionals;
    const config = readConfig(values.config);
    const machine = await openMachine(config, values.config, 'coffer account');
    try {
      if (verb === 'create' && name !== undefined && more === undefined) {
        await create(machine, config, name, values.account, resolve(values.credentials));
      } else if (verb === 'list' && name === undefined) {
        await list(machine);
      } else {
        throw new Error(usage);
      }
    } finally {
      await machine.close();
    }
    process.exit(0);
  } catch (error) {
    reportFailure('account', error);
    process.exit(1);
  }
}

async function list({ store }: Machine): Promise<void> {
  for (const { account, name, createdAt } of await store.listAccounts()) {
    process.stdout.write(`${account}  ${new Date(createdAt).toISOString().slice(0, 10)}  ${name}\n`);
  }
}

/** What a crash left half made is finished by the next run. */
async function create(
  machine: Machine,
  config: Config,
  name: string,
  wanted: string | undefined,
  credentialsFile: string,
): Promise<void> {
  if (!/^[\w+=,.@-]{1,50}$/.test(name))
    throw new Error(`\`${name}\` is no name for an account: give 1 to 50 of A-Z a-z 0-9 _+=,.@-`);
  if (wanted !== undefined && !/^\d{12}$/.test(wanted)) {
    throw new Error(`\`${wanted}\` is no account number: give twelve digits`);
  }
  const profile = profileOf(name);
  readAccessKeyId(credentialsFile, profile);
  const { store, changes, record } = machine;
  const existing = (await store.listAccounts()).find((one) => one.name === name);
  const account = existing?.account ?? wanted ?? String(randomInt(100_000_000_000, 1_000_000_000_000));
  const scope = { account, region: config.region };
  const user = existing && (await store.findUser(account, administrator));
  if (existing !== undefined && (wanted ?? account) !== account)
    throw new Error(`the account \`${name}\` is ${account}: leave out --account`);
  if (user !== undefined && (await store.listAccessKeyMetadata(user.id)).length > 0) {
    throw new Error(
      `there is an account \`${name}\` already: \`coffer admin reset --account ${account}\` recovers its administrator's access`,
    );
  }
  // First of all: without it there would be an account that nobody can use.
  await machine.token();
  if (existing === undefined) {
    const createdAt = systemClock.now();
    const outcome = await changes.apply(
      { ...scope, type: 'account-created', name, createdAt },
      record({
        source: 'iam.amazonaws.com',
        operation: 'CreateAccount',
        account,
        parameters: { accountName: name, accountId: account },
        resources: [{ accountId: account, type: 'AWS::Account', ARN: rootArn(account) }],
      }),
    );
    if (outcome.type !== 'done')
      throw new Error(`the account number ${account} is taken: give another with --account`);
  }
  const principalId =
    user?.id ??
    (
      await createAdministrator(
        changes,
        scope,
        systemClock,
        record({
          source: 'iam.amazonaws.com',
          operation: 'CreateUser',
          account,
          parameters: { userName: administrator, attachedPolicies: [administratorAccess] },
        }),
      )
    ).principalId;
  const accessKeyId = await giveAccessKey(machine, config, {
    account,
    principalId,
    profile,
    credentialsFile,
  });
  process.stdout.write(`${JSON.stringify({ account, name, accessKeyId, credentialsFile, profile })}\n`);
}
