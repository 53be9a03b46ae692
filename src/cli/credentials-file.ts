import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Config } from '../config.ts';

const profile = 'coffer';

/** The access key id in a credentials file of ours; `undefined` where there is none. */
export function readAccessKeyId(file: string): string | undefined {
  try {
    return /^aws_access_key_id = (\S+)$/m.exec(readFileSync(file, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

/**
 * Writes an AWS credentials file (mode 0600) with one profile, `coffer`, and a config file `config` beside it
 * with region and endpoint.
 * @param secret ASCII; not kept, and never a string of ours
 */
export function writeCredentials(file: string, accessKeyId: string, secret: Buffer, config: Config): void {
  const { listen, region } = config;
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  const endpoint = `${listen.tls === undefined ? 'http' : 'https'}://${host}:${listen.port}`;
  writeFileSync(
    join(dirname(file), 'config'),
    `[profile ${profile}]\nregion = ${region}\nendpoint_url = ${endpoint}\noutput = json\n`,
    { mode: 0o600 },
  );
  const text = Buffer.concat([
    Buffer.from(`[${profile}]\naws_access_key_id = ${accessKeyId}\naws_secret_access_key = `),
    secret,
    Buffer.from('\n'),
  ]);
  const temporary = `${file}.new`;
  const descriptor = openSync(temporary, 'w', 0o600);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
    text.fill(0);
  }
  renameSync(temporary, file);
}
