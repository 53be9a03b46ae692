import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readConfig, type TokenConfig } from '../config.ts';
import { type Check, checkToken } from '../hsm/check/run.ts';
import { pinSource } from '../hsm/pin.ts';
import { reportFailure } from './failure.ts';
import { renderReport } from './hsm-report.ts';

/** Something that Coffer needs is not there. */
const failed = 1;
const cannotCheck = 2;

/**
 * `coffer hsm check`: tries a token through its library, needs no store, and leaves nothing in the token. Prints a report.
 * Exits with 0 where the token does all that Coffer needs, 1 where it doesn't, 2 where it can't be checked.
 */
export async function run(args: string[]): Promise<void> {
  try {
    const { values } = parseArgs({
      args,
      options: {
        config: { type: 'string' },
        module: { type: 'string' },
        label: { type: 'string' },
        serial: { type: 'string' },
        'pin-file': { type: 'string' },
        environment: { type: 'string', multiple: true, default: [] },
        'library-parameters': { type: 'string' },
        deadline: { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const { json } = values;
    const report = await checkToken(values.module === undefined ? fromConfig(values) : fromFlags(values));
    process.stdout.write(json ? `${JSON.stringify(report, undefined, 2)}\n` : renderReport(report));
    process.exitCode = report.verdict === 'pass' ? 0 : failed;
  } catch (error) {
    reportFailure('hsm check', error);
    process.exitCode = cannotCheck;
  }
}

interface Flags {
  readonly config?: string | undefined;
  readonly module?: string | undefined;
  readonly label?: string | undefined;
  readonly serial?: string | undefined;
  readonly 'pin-file'?: string | undefined;
  readonly environment: readonly string[];
  readonly 'library-parameters'?: string | undefined;
  readonly deadline?: string | undefined;
}

function fromConfig(flags: Flags): Check {
  const named = [flags.label, flags.serial, flags['pin-file'], flags['library-parameters']];
  if (named.some((value) => value !== undefined) || flags.environment.length > 0) {
    throw new Error('name the token by --config, or by --module and what goes with it, and not by both');
  }
  const { token } = readConfig(flags.config ?? 'coffer.json');
  return { ...checkOf(token), ...deadlineOf(flags.deadline, token.deadlineMilliseconds) };
}

function fromFlags(flags: Flags): Check {
  const { module = '', label, serial, 'pin-file': pinFile, 'library-parameters': libraryParameters } = flags;
  if (flags.config !== undefined) throw new Error('give --config or --module, one of the two');
  if ((label === undefined) === (serial === undefined)) {
    throw new Error('name the token by --label or by --serial, one of the two');
  }
  if (pinFile === undefined)
    throw new Error('say where the PIN is: --pin-file FILE, which you alone may read');
  return {
    ...checkOf({
      module: module.includes('/') ? resolve(module) : module,
      label,
      serial,
      pinFile: resolve(pinFile),
      environment: environmentOf(flags.environment),
      libraryParameters,
      hostOaep: true,
    }),
    ...deadlineOf(flags.deadline, 5_000),
  };
}

function checkOf(
  token: Pick<
    TokenConfig,
    | 'module'
    | 'label'
    | 'serial'
    | 'pinFile'
    | 'pinDescriptor'
    | 'environment'
    | 'libraryParameters'
    | 'hostOaep'
  >,
): Omit<Check, 'deadlineMilliseconds'> {
  const { module, label, serial, libraryParameters, hostOaep, environment } = token;
  return { module, label, serial, libraryParameters, hostOaep, environment, readPin: pinSource(token) };
}

function deadlineOf(text: string | undefined, usual: number): Pick<Check, 'deadlineMilliseconds'> {
  const deadlineMilliseconds = text === undefined ? usual : Number(text);
  if (Number.isInteger(deadlineMilliseconds) && deadlineMilliseconds >= 100) return { deadlineMilliseconds };
  throw new Error(`\`${text}\` is no deadline: give milliseconds, 100 or more`);
}

function environmentOf(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new Error(`\`${pair}\` sets nothing: write NAME=VALUE`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
