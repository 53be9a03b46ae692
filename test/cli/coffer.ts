/** The `coffer` command at a service of a test. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { KMS } from '@aws-sdk/client-kms';
import { STS } from '@aws-sdk/client-sts';
import { expect } from 'chai';
import { type Credentials, cleanEnvironment, type Service } from '../service.ts';

const command = resolve(import.meta.dirname, '../../scripts/coffer');

/** @returns what it prints */
export async function coffer(at: Pick<Service, 'configFile'>, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, [...args, '--config', at.configFile], {
    env: cleanEnvironment(),
  });
  return stdout;
}

/** What it says where it fails, and that it does. */
export async function complaint(at: Pick<Service, 'configFile'>, ...args: string[]): Promise<string> {
  try {
    await coffer(at, ...args);
  } catch (error) {
    if (error instanceof Error && 'stderr' in error) return String(error.stderr);
    throw error;
  }
  return expect.fail(`was done: ${args.join(' ')}`);
}

export interface Made {
  readonly account: string;
  readonly accessKeyId: string;
  readonly profile: string;
}

let last = 0;

/** Another account, with a credentials file of its own. */
export async function makeAccount(
  at: Service,
  ...args: string[]
): Promise<Made & { readonly name: string; readonly file: string }> {
  last += 1;
  const name = `team-${last}`;
  const file = join(at.folder, 'aws', name);
  const made = JSON.parse(await coffer(at, 'account', 'create', name, '--credentials', file, ...args));
  return { ...made, name, file };
}

/** A profile of a credentials file. */
export function profileIn(file: string, profile: string): Credentials {
  const text = readFileSync(file, 'utf8');
  const section = text.split(/^(?=\[)/m).find((part) => part.startsWith(`[${profile}]\n`)) ?? '';
  const value = (name: string) => new RegExp(`^${name} = (\\S+)$`, 'm').exec(section)?.[1] ?? '';
  return { accessKeyId: value('aws_access_key_id'), secretAccessKey: value('aws_secret_access_key') };
}

export interface Clients {
  readonly sts: STS;
  readonly kms: KMS;
  destroy(): void;
}

export function clientsOf(at: Service, credentials: Credentials): Clients {
  const options = { region: at.region, endpoint: at.url, credentials, maxAttempts: 1 };
  const sts = new STS(options);
  const kms = new KMS(options);
  return {
    sts,
    kms,
    destroy() {
      sts.destroy();
      kms.destroy();
    },
  };
}
