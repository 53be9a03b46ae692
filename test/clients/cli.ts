/** The AWS CLI, version 2, at a service. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { cleanEnvironment, type Service } from '../service.ts';

const run = promisify(execFile);

/** Debian's where it is there, since another `aws` may stand before it. */
export async function findCli(): Promise<string | undefined> {
  for (const command of ['/usr/bin/aws', 'aws']) {
    if (command.startsWith('/') && !existsSync(command)) continue;
    try {
      const { stdout } = await run(command, ['--version'], { env: cleanEnvironment() });
      if (stdout.startsWith('aws-cli/2')) return command;
    } catch {
      // not this one
    }
  }
  return undefined;
}

export interface Cli {
  /** @returns what it prints, as JSON; `undefined` where that is nothing */
  // biome-ignore lint/suspicious/noExplicitAny: JSON, of which each test knows its own
  run(...args: string[]): Promise<any>;
  /** What a user reads of a mistake. */
  mistake(...args: string[]): Promise<string>;
}

export interface CliOptions {
  /** Instead of the service's credentials file. */
  readonly environment?: Record<string, string>;
  readonly folder?: string;
}

export function cli(command: string, at: Service, options: CliOptions = {}): Cli {
  const credentials = options.environment ?? {
    AWS_SHARED_CREDENTIALS_FILE: at.credentialsFile,
    AWS_CONFIG_FILE: join(dirname(at.credentialsFile), 'config'),
    AWS_PROFILE: 'coffer',
  };
  const call = async (...args: string[]) => {
    const env = cleanEnvironment({
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      ...credentials,
      AWS_REGION: at.region,
      AWS_PAGER: '',
      AWS_EC2_METADATA_DISABLED: 'true',
    });
    const { stdout } = await run(command, ['--endpoint-url', at.url, '--output', 'json', ...args], {
      env,
      cwd: options.folder ?? at.folder,
    });
    return stdout === '' ? undefined : JSON.parse(stdout);
  };
  return {
    run: call,
    async mistake(...args) {
      try {
        await call(...args);
      } catch (error) {
        if (error instanceof Error && 'stderr' in error) return String(error.stderr).trim();
        throw error;
      }
      return expect.fail(`was answered: ${args.join(' ')}`);
    },
  };
}
