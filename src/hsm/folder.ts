/** The folder in which clients find the hosts: one socket a host, and the attach secret. */
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const attachSecretFile = 'attach.secret';
export const lockSocketFile = 'supervisor.sock';

export function socketFile(folder: string, index: number): string {
  return join(folder, `host-${index}.sock`);
}

/** What a Unix socket's address has room for (unix(7): sun_path, 108 bytes with the terminator). */
const addressBytes = 107;

export class FolderError extends Error {
  override readonly name = 'FolderError';
}

export interface Access {
  /** The group's number; `undefined` where only this user attaches. */
  readonly group: number | undefined;
  readonly socketMode: number;
}

/**
 * Makes the folder, or checks the one that is there.
 * @throws FolderError where its path is too long for a socket, or it is another user's
 */
export function prepareFolder(
  folder: string,
  hosts: number,
  socketGroup: string | number | undefined,
): Access {
  for (const path of [socketFile(folder, hosts), join(folder, lockSocketFile)]) {
    const length = Buffer.byteLength(path);
    if (length > addressBytes) {
      throw new FolderError(
        `the path \`${path}\` has ${length} bytes, and a Unix socket's may have ${addressBytes}: ` +
          'choose a shorter `token.socketFolder`',
      );
    }
  }
  const group = socketGroup === undefined ? undefined : groupNumber(socketGroup);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { uid } = statSync(folder);
  if (uid !== process.getuid?.()) {
    throw new FolderError(`the folder \`${folder}\` belongs to the user ${uid}: remove it, or name another`);
  }
  if (group !== undefined) chownSync(folder, uid, group);
  chmodSync(folder, group === undefined ? 0o700 : 0o750);
  return { group, socketMode: group === undefined ? 0o600 : 0o660 };
}

/** Puts the secret where clients read it; a client sees the old one or the new. */
export function writeAttachSecret(folder: string, secret: Buffer, { group }: Access): void {
  const target = join(folder, attachSecretFile);
  const fresh = `${target}.new`;
  writeFileSync(fresh, secret, { mode: 0o600 });
  if (group !== undefined) {
    chownSync(fresh, process.getuid?.() ?? 0, group);
    chmodSync(fresh, 0o640);
  }
  renameSync(fresh, target);
}

function groupNumber(group: string | number): number {
  if (typeof group === 'number') return group;
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${group}:`));
  const number = Number(line?.split(':')[2]);
  if (line === undefined || !Number.isInteger(number)) {
    throw new FolderError(`there is no group \`${group}\`: make it, or correct \`token.socketGroup\``);
  }
  return number;
}
