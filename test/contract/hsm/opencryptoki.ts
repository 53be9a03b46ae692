/** opencryptoki's soft token: one that can't do what Coffer needs, in namespaces of its own. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const modules = [
  '/usr/lib/x86_64-linux-gnu/opencryptoki/libopencryptoki.so.0.0.0',
  '/usr/lib/aarch64-linux-gnu/opencryptoki/libopencryptoki.so.0.0.0',
];
const inside = fileURLToPath(new URL('opencryptoki-inside.sh', import.meta.url));
const program = fileURLToPath(new URL('opencryptoki-initialise.ts', import.meta.url));
const namespaces = ['unshare', '-m', '-i', '-p', '-f', '--kill-child', '--mount-proc'] as const;

export interface Opencryptoki {
  readonly module: string;
  readonly label: string;
  readonly pinFile: string;
  /** The beginning of every command line that is to see the token. */
  readonly prefix: readonly [string, ...string[]];
}

/** @returns why its tests can't run here; `undefined` where they can: it is installed, and this is root */
export function whyNotOpencryptoki(): string | undefined {
  if (!modules.some((path) => existsSync(path))) return 'opencryptoki is not installed';
  const [command, ...args] = namespaces;
  const { status } = spawnSync(command, [...args, 'true'], { stdio: 'ignore' });
  return status === 0 ? undefined : 'namespaces can not be made here';
}

/** Makes a soft token whose state is in the folder. */
export function initialiseOpencryptoki(folder: string): Opencryptoki {
  const module = modules.find((path) => existsSync(path)) ?? '';
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pin = '2718281';
  const pinFile = join(folder, 'pin');
  writeFileSync(pinFile, pin, { mode: 0o600 });
  const prefix = [...namespaces, inside, join(folder, 'state')] as const;
  const [command, ...args] = prefix;
  execFileSync(command, [...args, process.execPath, program, module, 'coffer', pin], { stdio: 'pipe' });
  return { module, label: 'coffer', pinFile, prefix };
}
