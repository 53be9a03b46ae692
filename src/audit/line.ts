import { hash } from 'node:crypto';
import type { AuditRecord } from './record.ts';
import { isCount, isHex, isObject } from './shape.ts';

/**
 * The lines of a trail. Each is one JSON object in UTF-8, ended by a newline. A record line is the record with
 * one more, last member `trail`; every other line has that member alone. `trail` always begins with the link
 * that chains the line to the one before.
 */

/** What chains a line to the one before it. */
export interface Link {
  /** 16 hex digits, drawn when the stream was begun. */
  readonly stream: string;
  /** 1 for the first line of the stream. */
  readonly sequence: number;
  /** SHA-256 over the exact bytes of the line before, without its newline, as hex; zeros for the first line. */
  readonly previous: string;
}

/** A line that holds no record. */
export type Mark =
  /** The first line of each segment. */
  | { readonly type: 'segment'; readonly version: 1; readonly segment: number; readonly time: string }
  /** The last line of each group. No `mac`: the token could not be had, and the next one covers this group too. */
  | { readonly type: 'group'; readonly mac: string }
  | { readonly type: 'group'; readonly mac: null; readonly reason: string }
  /** A torn tail stood here and was cut off. */
  | { readonly type: 'trail-cut'; readonly bytes: number; readonly sha256: string; readonly time: string };

export type TrailLine = Link &
  (Mark | { readonly type: 'record'; readonly record: Readonly<Record<string, unknown>> });

/** Where a chain stands: the number and hash of its last line. */
export interface Head {
  readonly sequence: number;
  readonly hash: string;
}

export const origin: Head = { sequence: 0, hash: '0'.repeat(64) };

/** A line takes at most this many bytes: who reads a trail may rely on it. */
export const maximalLine = 1024 * 1024;
/** What is appended to a record line in place of its closing brace never takes more bytes than this. */
export const linkBytes = 256;
/** UTF-16 units of a record's JSON that make a line for certain: each takes three bytes of UTF-8 at most. */
export const maximalRecord = Math.floor(maximalLine / 3) - linkBytes;

/** Whether a trail takes the record: true of all that `build.ts` makes. */
export function fits(record: AuditRecord): boolean {
  return JSON.stringify(record).length <= maximalRecord;
}

/** @returns 64 hex digits */
export function hashLine(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

/** The end of a record line, from where the record's closing brace was; with no newline. */
export function renderRecordEnd(stream: string, sequence: number, previous: string): string {
  return `,"trail":{"stream":"${stream}","sequence":${sequence},"previous":"${previous}"}}`;
}

export function renderMark({ stream, sequence, previous }: Link, mark: Mark): string {
  return JSON.stringify({ trail: { stream, sequence, previous, ...mark } });
}

const macDomain = Buffer.from('coffer trail group v1\0', 'latin1');

/**
 * What a group line's MAC is made over, 70 bytes: `coffer trail group v1` and a zero byte ‖ stream id 8 B ‖
 * sequence of the group line 8 B big-endian ‖ its `previous` 32 B. Through `previous` it covers every line before.
 */
export function groupMacInput({ stream, sequence, previous }: Link): Buffer {
  const input = Buffer.alloc(macDomain.length + 48);
  let offset = macDomain.copy(input);
  offset += input.write(stream, offset, 8, 'hex');
  offset = input.writeBigUInt64BE(BigInt(sequence), offset);
  input.write(previous, offset, 32, 'hex');
  return input;
}

/** `not-json`: what a torn write leaves. `foreign`: whole, but no line of a trail. */
export type ParseFailure = 'not-json' | 'foreign';

/**
 * Reads one line, without its newline.
 *
 * INVARIANT: a line is accepted only in the exact bytes that a writer would have given its link, so no two
 * readers can take different chain data from it.
 */
export function parseLine(bytes: Buffer): TrailLine | ParseFailure {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    return 'not-json';
  }
  if (!isObject(json) || !isObject(json.trail)) return 'foreign';
  const { trail, ...record } = json;
  const link = parseLink(trail);
  if (link === undefined) return 'foreign';
  if (trail.type === undefined) {
    const end = Buffer.from(renderRecordEnd(link.stream, link.sequence, link.previous), 'latin1');
    if (typeof record.eventID !== 'string' || !bytes.subarray(-end.length).equals(end)) return 'foreign';
    return { ...link, type: 'record', record };
  }
  const mark = parseMark(trail);
  if (mark === undefined || !bytes.equals(Buffer.from(renderMark(link, mark), 'utf8'))) return 'foreign';
  return { ...link, ...mark };
}

function parseLink({ stream, sequence, previous }: Record<string, unknown>): Link | undefined {
  if (!isHex(stream, 16) || !isCount(sequence) || !isHex(previous, 64)) return undefined;
  return { stream, sequence, previous };
}

function parseMark(trail: Record<string, unknown>): Mark | undefined {
  const { type, version, segment, time, mac, reason, bytes, sha256 } = trail;
  switch (type) {
    case 'segment':
      if (version !== 1 || !isCount(segment) || typeof time !== 'string') return undefined;
      return { type, version, segment, time };
    case 'group':
      if (mac === null && typeof reason === 'string') return { type, mac, reason };
      return isHex(mac, 64) ? { type, mac } : undefined;
    case 'trail-cut':
      if (!isCount(bytes) || !isHex(sha256, 64) || typeof time !== 'string') return undefined;
      return { type, bytes, sha256, time };
    default:
      return undefined;
  }
}
