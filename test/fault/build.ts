import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Compiles a C file with `cc`, once for each content of it and of the flags.
 * @returns the path of what came out, which every user of the machine may run and only this one may change
 */
export function compile(source: string, flags: readonly string[]): string {
  const name = createHash('sha256').update(readFileSync(source)).update(flags.join('\0')).digest('hex');
  const { uid } = userInfo();
  const folder = join(tmpdir(), `coffer-test-${uid}`);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (lstatSync(folder).uid !== uid) throw new Error(`\`${folder}\` belongs to another user: remove it`);
  const output = join(folder, name);
  if (!existsSync(output)) {
    const attempt = mkdtempSync(join(folder, 'build-'));
    const built = join(attempt, 'built');
    execFileSync('cc', ['-O1', '-Wall', '-Wextra', '-Werror', ...flags, '-o', built, source], {
      stdio: 'inherit',
    });
    // Two test runs may build at once: whichever is later replaces the same bytes.
    renameSync(built, output);
    rmSync(attempt, { recursive: true });
  }
  return output;
}

/** @returns the path of the compiled fault module */
export function buildFaultModule(): string {
  const headers = fileURLToPath(new URL('../../node_modules/pkcs11js/includes/pkcs11', import.meta.url));
  const source = fileURLToPath(new URL('module.c', import.meta.url));
  return compile(source, ['-shared', '-fPIC', '-I', headers]);
}
