import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { isCount, isHex, isObject } from './shape.ts';

/**
 * Checkpoints: signed statements of how far each stream had come. Each is one line of `checkpoints.jsonl`, in UTF-8,
 *
 *     {"checkpoint":{"version":1,"store":…,"number":…,"time":…,"previous":…,"streams":[…]},"signature":…}
 *
 * What is signed is `coffer trail checkpoint v1`, a zero byte, and the SHA-256 of the bytes of the member `checkpoint` as
 * they stand in the line, 59 bytes however many streams there are: ECDSA over P-256 with SHA-256, in DER, in base64.
 */

/** The last line of a stream that a checkpoint speaks for. */
export interface StreamHead {
  /** The folder it was written in. */
  readonly slot: string;
  /** 16 hex digits. */
  readonly stream: string;
  /** The segment that was written to. */
  readonly segment: number;
  /** Of the last durable line. */
  readonly sequence: number;
  /** SHA-256 of that line's bytes, as hex. */
  readonly hash: string;
}

export interface Checkpoint {
  /** The id of the store that the trail belongs to: 32 hex digits. */
  readonly store: string;
  /** 1 for the first. */
  readonly number: number;
  /** ISO 8601 in UTC, to the millisecond. */
  readonly time: string;
  /** SHA-256 of the bytes of the member `checkpoint` of the one before, as hex; zeros for the first. */
  readonly previous: string;
  /** By stream id, ascending. INVARIANT: a stream that is in a checkpoint is in every later one. */
  readonly streams: readonly StreamHead[];
}

export interface SignedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** DER. */
  readonly signature: Buffer;
}

export const firstPrevious = '0'.repeat(64);

const domain = Buffer.from('coffer trail checkpoint v1\0', 'latin1');

/** What is signed: 59 bytes. */
export function signedBytes(checkpoint: Checkpoint): Buffer {
  return Buffer.concat([domain, hash('sha256', render(checkpoint), 'buffer')]);
}

/** @returns what the checkpoint after this one names as `previous` */
export function hashCheckpoint(checkpoint: Checkpoint): string {
  return hash('sha256', render(checkpoint), 'hex');
}

/** The bytes of a checkpoint, in the one way there is to write it. */
function render({ store, number, time, previous, streams }: Checkpoint): string {
  const heads = streams.map(({ slot, stream, segment, sequence, hash }) => ({
    slot,
    stream,
    segment,
    sequence,
    hash,
  }));
  return JSON.stringify({ version: 1, store, number, time, previous, streams: heads });
}

/** The line of a checkpoint, without a newline. */
export function renderCheckpointLine({ checkpoint, signature }: SignedCheckpoint): string {
  return `{"checkpoint":${render(checkpoint)},"signature":"${signature.toString('base64')}"}`;
}

/**
 * Reads a line, without its newline. What it says is as good as its signature, which isn't looked at here.
 * INVARIANT: a line is taken only in the exact bytes that `renderCheckpointLine` gives it.
 */
export function parseCheckpointLine(bytes: Buffer): SignedCheckpoint | undefined {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isObject(json) || !isObject(json.checkpoint) || typeof json.signature !== 'string') return undefined;
  const checkpoint = parseCheckpoint(json.checkpoint);
  if (checkpoint === undefined) return undefined;
  const signed = { checkpoint, signature: Buffer.from(json.signature, 'base64') };
  return bytes.equals(Buffer.from(renderCheckpointLine(signed), 'utf8')) ? signed : undefined;
}

function parseCheckpoint(json: Record<string, unknown>): Checkpoint | undefined {
  const { store, number, time, previous, streams } = json;
  if (!isHex(store, 32) || !isCount(number) || !isTime(time) || !isHex(previous, 64)) return undefined;
  if (!Array.isArray(streams)) return undefined;
  const heads: StreamHead[] = [];
  for (const item of streams) {
    const head = isObject(item) ? parseHead(item) : undefined;
    const last = heads.at(-1);
    if (head === undefined || (last !== undefined && last.stream >= head.stream)) return undefined;
    heads.push(head);
  }
  return { store, number, time, previous, streams: heads };
}

function parseHead({
  slot,
  stream,
  segment,
  sequence,
  hash,
}: Record<string, unknown>): StreamHead | undefined {
  if (typeof slot !== 'string' || !isHex(stream, 16) || !isCount(segment)) return undefined;
  if (!isCount(sequence) || !isHex(hash, 64)) return undefined;
  return { slot, stream, segment, sequence, hash };
}

const isTime = (value: unknown): value is string =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);

/** Whether the key that belongs to this public key has signed the checkpoint. */
export function isSignedBy(key: KeyObject, { checkpoint, signature }: SignedCheckpoint): boolean {
  return verify('sha256', signedBytes(checkpoint), { key, dsaEncoding: 'der' }, signature);
}

/**
 * @param key an SPKI public key, as PEM or as DER
 * @throws Error where it is none of P-256
 */
export function readPublicKey(key: Buffer): KeyObject {
  const pem = key.toString('latin1').includes('-----BEGIN PUBLIC KEY-----');
  const read = pem ? createPublicKey(key) : createPublicKey({ key, format: 'der', type: 'spki' });
  if (read.asymmetricKeyType !== 'ec' || read.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new Error('it is no key of the curve P-256');
  }
  return read;
}

/** SHA-256 over the SPKI DER, as hex: what two people compare to know that they mean the same key. */
export function fingerprint(key: KeyObject): string {
  return hash('sha256', key.export({ format: 'der', type: 'spki' }), 'hex');
}
