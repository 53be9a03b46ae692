import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CannotVerify, type VerifyOptions, verifyTrail } from '../audit/proof/trail.ts';
import { findTrail, trailOptions } from './trail-folder.ts';
import { printReport } from './trail-report.ts';

const whole = 0;
const wrong = 1;
const unknown = 2;

/** `coffer trail verify`: exits with 0 where the trail is whole, 1 where it is not, 2 where that can't be said. */
export async function run(args: string[]): Promise<void> {
  try {
    const { values } = parseArgs({
      args,
      options: {
        ...trailOptions,
        'public-key': { type: 'string' },
        anchor: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const report = await verifyTrail(optionsOf(values));
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : printReport(report));
    process.exitCode = { whole, wrong, unknown }[report.verdict];
  } catch (error) {
    process.exitCode = unknown;
    process.stderr.write(`coffer trail verify: ${error instanceof Error ? error.message : String(error)}\n`);
    if (process.env.COFFER_DEBUG !== undefined) console.error(error);
  }
}

function optionsOf(values: {
  config?: string | undefined;
  trail?: string | undefined;
  'public-key'?: string | undefined;
  anchor?: string | undefined;
}): VerifyOptions {
  const { folder, config } = findTrail(values);
  const anchor = values.anchor ?? config?.anchor.file;
  const key = values['public-key'];
  return {
    folder,
    ...(key !== undefined && { publicKey: readKey(key) }),
    ...(anchor !== undefined && { anchor }),
  };
}

function readKey(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new CannotVerify(`can't read the public key \`${file}\``, { cause });
  }
}
