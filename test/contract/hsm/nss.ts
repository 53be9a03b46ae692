import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const modules = [
  '/usr/lib/x86_64-linux-gnu/libsoftokn3.so',
  '/usr/lib/aarch64-linux-gnu/libsoftokn3.so',
  '/usr/lib64/libsoftokn3.so',
];

export interface Nss {
  readonly module: string;
  readonly label: string;
  readonly pinFile: string;
  readonly libraryParameters: string;
}

/** Makes a database of NSS softokn: the second token of the contract suite. @throws Error where NSS isn't installed */
export function initialiseNss(folder: string): Nss {
  const module = modules.find((path) => existsSync(path));
  if (module === undefined)
    throw new Error('NSS is not installed: run `apt-get install libnss3 libnss3-tools`');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pinFile = join(folder, 'pin');
  writeFileSync(pinFile, `${randomBytes(12).toString('hex')}\n`, { mode: 0o600 });
  execFileSync('certutil', ['-N', '-d', `sql:${folder}`, '-f', pinFile], { stdio: 'pipe' });
  return {
    module,
    label: 'NSS Certificate DB',
    pinFile,
    libraryParameters: `configdir='sql:${folder}' certPrefix='' keyPrefix='' secmod='secmod.db' flags=`,
  };
}
