import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../config.ts';

/** The profile of the account that `coffer init` makes, and what those of others begin with. */
const profileName = /^coffer(?:-[\w+=,.@-]+)?$/;
/** What a credentials file, and the `config` beside it, hold where nobody but us has written them: such profiles. */
const ours = /^\[([^\]\n]+)\]\naws_access_key_id = (\S+)\naws_secret_access_key = \S+\n/;
const oursConfig = /^\[profile ([^\]\n]+)\]\n(?:(?:region|endpoint_url|output) = \S+\n)*/;

/** The profile of an account, by the account's name. */
export function profileOf(accountName: string): string {
  return accountName === 'main' ? 'coffer' : `coffer-${accountName}`;
}

/**
 * The access key id of a profile in a credentials file of ours; `undefined` where there is no file or it has no such
 * profile.
 * @throws Error where the file holds anything else: it would be lost
 */
export function readAccessKeyId(file: string, profile = 'coffer'): string | undefined {
  const bytes = read(file);
  if (bytes === undefined) return undefined;
  try {
    const found = sections(bytes, ours);
    if (found === undefined)
      throw new Error(`\`${file}\` holds more than coffer's profiles: name another file with --credentials`);
    return found.find(({ name }) => name === profile)?.match[2];
  } finally {
    bytes.fill(0);
  }
}

/**
 * Writes a profile into an AWS credentials file (mode 0600), durably, and beside it into a `config` with region and
 * endpoint, unless that is somebody else's. Other profiles of ours stay.
 * @param secret ASCII; not kept
 * @throws Error where the file holds anything else than profiles of ours
 */
export function writeCredentials(
  file: string,
  accessKeyId: string,
  secret: Buffer,
  config: Config,
  profile = 'coffer',
): void {
  const beside = join(dirname(file), 'config');
  const settings = read(beside);
  const others = settings === undefined ? [] : sections(settings, oursConfig);
  if (others !== undefined) {
    const { region } = config;
    const text = `[profile ${profile}]\nregion = ${region}\nendpoint_url = ${endpoint(config)}\noutput = json\n`;
    replace(beside, withSection(others, profile, Buffer.from(text)));
  }
  const there = read(file);
  const kept = there === undefined ? [] : sections(there, ours);
  if (kept === undefined) {
    throw new Error(`\`${file}\` holds more than coffer's profiles: name another file with --credentials`);
  }
  const text = Buffer.concat([
    Buffer.from(`[${profile}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = `),
    secret,
    Buffer.from('\n'),
  ]);
  const all = withSection(kept, profile, text);
  try {
    replace(file, all);
  } finally {
    for (const bytes of [text, all, there]) bytes?.fill(0);
  }
}

interface Section {
  readonly name: string;
  readonly match: RegExpExecArray;
  readonly bytes: Buffer;
}

/** Takes a file apart into profiles of ours; `undefined` where it holds anything else. */
function sections(file: Buffer, form: RegExp): Section[] | undefined {
  const found: Section[] = [];
  let text = file.toString('latin1');
  while (text !== '') {
    const match = form.exec(text);
    const [whole = '', name = ''] = match ?? [];
    if (match === null || !profileName.test(name)) return undefined;
    found.push({ name, match, bytes: Buffer.from(whole, 'latin1') });
    text = text.slice(whole.length);
  }
  return found;
}

/** One profile in the place of its former self, or behind the others. */
function withSection(there: readonly Section[], name: string, bytes: Buffer): Buffer {
  const isNew = !there.some((section) => section.name === name);
  const kept = there.map((section) => (section.name === name ? bytes : section.bytes));
  return Buffer.concat(isNew ? [...kept, bytes] : kept);
}

/** Where a client of this machine reaches the service: an address to listen on everywhere is none to go to. */
function endpoint({ listen }: Config): string {
  const everywhere: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
  const host = everywhere[listen.host] ?? listen.host;
  return `${listen.tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
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
