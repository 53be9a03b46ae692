import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Config, readConfig } from '../config.ts';
import { reportFailure } from './failure.ts';
import { type Machine, openMachine } from './machine.ts';
import { resetAdministrator } from './reset-administrator.ts';
import { resetKeyPolicy } from './reset-key-policy.ts';

const usage =
  'usage: coffer admin reset [--account NUMBER] [--credentials FILE] [--revoke], or coffer admin reset-key-policy KEY';

/**
 * What the machine's operator does where nobody can do it over the API any more: `coffer admin reset` gives an
 * account's administrator its access again, `coffer admin reset-key-policy KEY` a key its default policy. Whether the
 * service runs or not; each change is in the trail.
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
        revoke: { type: 'boolean', default: false },
      },
    });
    const config = readConfig(values.config);
    const machine = await openMachine(config, values.config, 'coffer admin');
    try {
      const done = await perform(machine, config, positionals, {
        account: values.account,
        credentialsFile: resolve(values.credentials),
        revoke: values.revoke,
      });
      process.stdout.write(`${JSON.stringify(done)}\n`);
    } finally {
      await machine.close();
    }
    process.exit(0);
  } catch (error) {
    reportFailure('admin', error);
    process.exit(1);
  }
}

function perform(
  machine: Machine,
  config: Config,
  [verb, key, more]: readonly string[],
  options: Parameters<typeof resetAdministrator>[2],
): Promise<object> {
  if (verb === 'reset' && key === undefined) return resetAdministrator(machine, config, options);
  if (verb === 'reset-key-policy' && key !== undefined && more === undefined) {
    return resetKeyPolicy(machine, config.region, key);
  }
  throw new Error(usage);
}
