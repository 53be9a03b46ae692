/**
 * Makes a SoftHSM 2 token for development and CI, or finds the one that is there.
 *
 *     scripts/node softhsm/initialise.ts FOLDER [--label coffer]
 *
 * FOLDER (0700) then holds softhsm2.conf, tokens/, pin and so-pin (0600). Prints what a configuration needs,
 * as JSON: module, label, pinFile, environment. Interrupted anywhere, a second run ends with a good token.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export interface SoftHsm {
  readonly module: string;
  readonly label: string;
  readonly pinFile: string;
  readonly environment: { readonly SOFTHSM2_CONF: string };
}

const modules = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];

/** Makes the token, or finds it as it was. @throws Error that says what is missing */
export function initialise(folder: string, label = 'coffer'): SoftHsm {
  const module = modules.find((path) => existsSync(path));
  if (module === undefined) {
    throw new Error('SoftHSM 2 is not installed: run `apt-get install softhsm2`');
  }
  const root = resolve(folder);
  mkdirSync(join(root, 'tokens'), { recursive: true, mode: 0o700 });
  chmodSync(root, 0o700);
  const configuration = join(root, 'softhsm2.conf');
  writeOnce(
    configuration,
    () =>
      `directories.tokendir = ${join(root, 'tokens')}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n`,
  );
  // Digits: some tokens take nothing else. 20 of them are 66 bits.
  const pinFile = join(root, 'pin');
  const soPinFile = join(root, 'so-pin');
  for (const file of [pinFile, soPinFile]) writeOnce(file, () => `${digits(20)}\n`);
  const done = join(root, 'initialised');
  if (!existsSync(done)) {
    // What an interrupted run may have left has no user PIN, and nobody has used it yet.
    rmSync(join(root, 'tokens'), { recursive: true, force: true });
    mkdirSync(join(root, 'tokens'), { mode: 0o700 });
    const environment = { ...process.env, SOFTHSM2_CONF: configuration };
    // In a process of its own: the library reads its configuration once, and must stay out of this one.
    execFileSync(process.execPath, [fileURLToPath(new URL('./make.ts', import.meta.url))], {
      env: environment,
      input: JSON.stringify({
        module,
        label,
        pin: readFileSync(pinFile, 'utf8').trim(),
        soPin: readFileSync(soPinFile, 'utf8').trim(),
      }),
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    writeOnce(done, () => `${label}\n`);
  }
  const made = readFileSync(done, 'utf8').trim();
  if (made !== label) throw new Error(`the token in \`${root}\` is \`${made}\` and not \`${label}\``);
  return { module, label, pinFile, environment: { SOFTHSM2_CONF: configuration } };
}

/** A file is there with all its bytes, or isn't there. */
function writeOnce(file: string, content: () => string): void {
  if (existsSync(file)) return;
  const fresh = `${file}.new`;
  rmSync(fresh, { force: true });
  const descriptor = openSync(fresh, 'wx', 0o600);
  writeSync(descriptor, content());
  fsyncSync(descriptor);
  closeSync(descriptor);
  renameSync(fresh, file);
}

/** Each digit with the same chance: bytes above 249 are drawn again. */
function digits(count: number): string {
  let text = '';
  while (text.length < count) {
    for (const byte of randomBytes(count)) if (byte < 250 && text.length < count) text += String(byte % 10);
  }
  return text;
}

if (import.meta.main) {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { label: { type: 'string', default: 'coffer' } },
  });
  const [folder] = positionals;
  try {
    if (folder === undefined)
      throw new Error('name the folder: `softhsm/initialise.ts FOLDER [--label coffer]`');
    process.stdout.write(`${JSON.stringify(initialise(folder, values.label))}\n`);
  } catch (error) {
    process.stderr.write(`coffer: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
