import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import type { Finding } from '../jobs/finding.ts';
import type { Reconciliation } from '../jobs/mend.ts';
import { reportFailure } from './failure.ts';
import { openMachine } from './machine.ts';

const differ = 1;
const cannotCompare = 2;

/**
 * `coffer keys reconcile`: compares the keys of store and token, whether the service runs or not, and tells each
 * difference, what it means and what to do. With --mend it mends what is safe; each mending is in the trail.
 * Exits with 0 where nothing differs any more, 1 where something does, 2 where they can't be compared.
 */
export async function run(args: string[]): Promise<void> {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        config: { type: 'string', default: 'coffer.json' },
        mend: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    if (positionals.length !== 1 || positionals[0] !== 'reconcile') {
      throw new Error('usage: coffer keys reconcile [--config FILE] [--mend] [--json]');
    }
    const machine = await openMachine(readConfig(values.config), values.config, 'coffer keys');
    let told: Reconciliation;
    try {
      told = await machine.reconcile(values.mend);
    } finally {
      await machine.close();
    }
    process.stdout.write(values.json ? `${JSON.stringify(told, undefined, 2)}\n` : render(told));
    const settled = told.failures.length === 0 && told.findings.every(({ mended }) => mended);
    process.exit(settled && told.findings.length === told.differences ? 0 : differ);
  } catch (error) {
    reportFailure('keys', error);
    process.exit(cannotCompare);
  }
}

function render({ materials, objects, findings, differences, failures, service }: Reconciliation): string {
  const counted = `The store has ${materials} key materials, the token ${objects} objects of Coffer's`;
  if (differences === 0) return `${counted}: they agree.\n`;
  const more = differences - findings.length;
  return [
    `${counted} (the service ${service === 'running' ? 'runs' : 'does not run'}). They differ in ${differences}:\n`,
    ...findings.map(line),
    ...(more === 0 ? [] : [`and ${more} more\n`]),
    ...failures.map((failure) => `could not be mended: ${failure}\n`),
  ].join('\n');
}

function line({ kind, subject, meaning, advice, mended }: Finding): string {
  return [
    `${kind}: ${kind === 'shells' ? `${subject} objects` : subject}`,
    `  ${meaning}`,
    `  ${mended ? 'mended' : advice}`,
    '',
  ].join('\n');
}
