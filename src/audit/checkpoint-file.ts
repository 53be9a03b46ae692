import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fingerprint,
  isSignedBy,
  parseCheckpointLine,
  readPublicKey,
  renderCheckpointLine,
  type SignedCheckpoint,
} from './checkpoint.ts';
import { TrailError } from './error.ts';
import { maximalLine } from './line.ts';
import { syncFolder } from './segment.ts';

export const checkpointsName = 'checkpoints.jsonl';
export const checkpointKeyName = 'checkpoint-key.pem';

/** The file of a trail's checkpoints, open for appending: durable line by line. */
export class CheckpointFile {
  readonly #handle: FileHandle;
  #length: number;
  #last: SignedCheckpoint | undefined;
  #dirty = false;

  private constructor(handle: FileHandle, length: number, last: SignedCheckpoint | undefined) {
    this.#handle = handle;
    this.#length = length;
    this.#last = last;
  }

  /**
   * Opens the file or begins it, and cuts off a last line that a crash tore. The public key is put beside it.
   * @param publicKey SPKI DER
   * @throws TrailError `damaged` where the last checkpoint is none, or is signed by another key
   */
  static async open(folder: string, publicKey: Buffer): Promise<CheckpointFile> {
    const key = readPublicKey(publicKey);
    await keepKey(folder, publicKey);
    const path = join(folder, checkpointsName);
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
    const handle = await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
    try {
      const { size } = await handle.stat();
      const { line, end } = await readLastLine(handle, size);
      const last = line && parseCheckpointLine(line);
      const known = line === undefined ? end === 0 : last !== undefined && isSignedBy(key, last);
      if (!known) {
        const what = `the last line of \`${path}\` is no checkpoint that this token's key has signed`;
        throw new TrailError(
          'damaged',
          `${what}: run \`coffer trail verify\`, then move the file and \`${checkpointKeyName}\` aside and keep them`,
        );
      }
      if (end < size) await handle.truncate(end);
      await handle.datasync();
      await syncFolder(folder);
      return new CheckpointFile(handle, end, last);
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }

  get last(): SignedCheckpoint | undefined {
    return this.#last;
  }

  /** Durable when this resolves; when it rejects, nothing of it counts. @returns the line, without its newline */
  async append(signed: SignedCheckpoint): Promise<string> {
    if (this.#dirty) await this.#cut();
    const line = renderCheckpointLine(signed);
    const bytes = Buffer.from(`${line}\n`, 'utf8');
    this.#dirty = true;
    await this.#handle.appendFile(bytes);
    await this.#handle.datasync();
    this.#dirty = false;
    this.#length += bytes.length;
    this.#last = signed;
    return line;
  }

  async close(): Promise<void> {
    if (this.#dirty) await this.#cut().catch(() => undefined);
    await this.#handle.close();
  }

  async #cut(): Promise<void> {
    await this.#handle.truncate(this.#length);
    await this.#handle.datasync();
    this.#dirty = false;
  }
}

/** @returns the last whole line, and where it ends: 0 where there is none, which a torn first line is */
async function readLastLine(
  handle: FileHandle,
  size: number,
): Promise<{ line: Buffer | undefined; end: number }> {
  const from = Math.max(0, size - 2 * maximalLine);
  const bytes = Buffer.alloc(size - from);
  await handle.read(bytes, 0, bytes.length, from);
  const end = bytes.lastIndexOf(0x0a);
  if (end === -1) return { line: undefined, end: from };
  const start = bytes.subarray(0, end).lastIndexOf(0x0a) + 1;
  return { line: bytes.subarray(start, end), end: from + end + 1 };
}

/** Writes the public key where there is none yet. @throws TrailError `damaged` where there is another */
async function keepKey(folder: string, publicKey: Buffer): Promise<void> {
  const path = join(folder, checkpointKeyName);
  let there: Buffer | undefined;
  try {
    there = await readFile(path);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) throw cause;
  }
  const key = readPublicKey(publicKey);
  if (there === undefined) {
    const temporary = `${path}.new`;
    await rm(temporary, { force: true });
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(key.export({ format: 'pem', type: 'spki' }));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    return;
  }
  let same = false;
  try {
    same = fingerprint(readPublicKey(there)) === fingerprint(key);
  } catch {}
  if (!same) {
    throw new TrailError(
      'damaged',
      `\`${path}\` is not the token's key for checkpoints: run \`coffer trail verify\`, then move it and \`${checkpointsName}\` aside and keep them`,
    );
  }
}
