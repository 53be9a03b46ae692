import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../config.ts';

const profile = 'coffer';
/** A credentials file that holds nothing but what `writeCredentials` writes. */
const ours = new RegExp(`^\\[${profile}\\]\naws_access_key_id = (\\S+)\naws_secret_access_key = \\S+\n$`);
const oursConfig = new RegExp(`^\\[profile ${profile}\\]\n(?:(?:region|endpoint_url|output) = \\S+\n)*$`);

/**
 * The access key id in a credentials file of ours; `undefined` where there is no file.
 * @throws Error where the file holds anything else: it would be lost
 */
export function readAccessKeyId(file: string): string | undefined {
  const text = read(file);
  if (text === undefined) return undefined;
  const id = ours.exec(text)?.[1];
  if (id !== undefined) return id;
  throw new Error(`\`${file}\` holds more than coffer's profile: name another file with --credentials`);
}

/**
 * Writes an AWS credentials file (mode 0600) with one profile, `coffer`, durably, and beside it a `config` with
 * region and endpoint, unless there is one of somebody else's.
 * @param secret ASCII; not kept, and never a string of ours
 */
export function writeCredentials(file: string, accessKeyId: string, secret: Buffer, config: Config): void {
  const beside = join(dirname(file), 'config');
  const there = read(beside);
  if (there === undefined || oursConfig.test(there)) {
    const { region } = config;
    const text = `[profile ${profile}]\nregion = ${region}\nendpoint_url = ${endpoint(config)}\noutput = json\n`;
    replace(beside, Buffer.from(text));
  }
  const text = Buffer.concat([
    Buffer.from(`[${profile}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = `),
    secret,
    Buffer.from('\n'),
  ]);
  try {
    replace(file, text);
  } finally {
    text.fill(0);
  }
}

/** Where a client of this machine reaches the service: an address to listen on everywhere is none to go to. */
function endpoint({ listen }: Config): string {
  const everywhere: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const host = everywhere[listen.host] ?? listen.host;
  return `${listen.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw cause;
  }
}

/** All of it or nothing, on the disk, for nobody else to read. */
function replace(file: string, bytes: Buffer): void {
  const temporary = `${file}.new`;
  // What is left of a crash, or was put there, has a mode of its own.
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
  const folder = openSync(dirname(file), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
