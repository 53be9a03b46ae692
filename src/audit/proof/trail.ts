import { createPublicKey, type KeyObject } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fingerprint, readPublicKey } from '../checkpoint.ts';
import { checkpointKeyName, checkpointsName } from '../checkpoint-file.ts';
import { TrailError } from '../error.ts';
import { listSlots } from '../segment.ts';
import { type CheckpointsReport, checkAnchor, checkCheckpoints, Evidence } from './checkpoints.ts';
import type { Finding } from './finding.ts';
import { examineStream, type StreamReport } from './stream.ts';

export interface VerifyOptions {
  /** The trail's. */
  readonly folder: string;
  /** PEM or DER; without it the one that lies in the trail's folder is taken, which proves less. */
  readonly publicKey?: Buffer;
  /** A file that was the trail's anchor, or holds what a webhook was sent, a line each. */
  readonly anchor?: string;
}

export interface TrailReport {
  /** `unknown`: nothing is wrong, but nothing is signed either. */
  readonly verdict: 'whole' | 'wrong' | 'unknown';
  readonly folder: string;
  readonly key: { readonly fingerprint: string; readonly given: boolean } | undefined;
  readonly checkpoints: CheckpointsReport | undefined;
  readonly anchor: CheckpointsReport | undefined;
  readonly streams: readonly StreamReport[];
  readonly findings: readonly Finding[];
}

/** It can't be said: nothing can be read, or not what was asked for. The message says what to do. */
export class CannotVerify extends Error {
  override readonly name = 'CannotVerify';
}

/**
 * Checks a trail without its token; the service may be writing to it meanwhile.
 * @throws CannotVerify
 */
export async function verifyTrail(options: VerifyOptions): Promise<TrailReport> {
  const { folder } = options;
  const findings: Finding[] = [];
  const slots = await listSlots(folder).catch((cause: unknown) => {
    throw new CannotVerify(cause instanceof TrailError ? cause.message : String(cause), { cause });
  });
  const { key, given } = await findKey(options, findings);
  const evidence = new Evidence();
  let anchor: CheckpointsReport | undefined;
  let checkpoints: CheckpointsReport | undefined;
  // INVARIANT: the anchor is read before the checkpoints, and these before the streams: each has at least what the
  // one read before it had, also where they grow.
  if (options.anchor !== undefined) {
    if (key === undefined) throw new CannotVerify('there is no public key: name one with --public-key');
    anchor = await readable(checkAnchor(options.anchor, key, evidence));
    if (anchor.signed + anchor.refused === 0) {
      throw new CannotVerify(`the anchor \`${options.anchor}\` holds no checkpoint: is it the right file?`);
    }
    if (anchor.finding !== undefined) findings.push(anchor.finding);
  }
  const path = join(folder, checkpointsName);
  const there = await exists(path);
  if (key === undefined && there) {
    throw new CannotVerify(
      `\`${checkpointKeyName}\` is gone from \`${folder}\`: name a copy with --public-key`,
    );
  }
  if (key !== undefined) {
    if (there) checkpoints = await readable(checkCheckpoints(path, key, evidence));
    findings.push(...judge(checkpoints, anchor, key));
  }
  const streams: StreamReport[] = [];
  for (const slot of slots) {
    streams.push(await examineStream(folder, slot, (stream) => evidence.linesOf(stream)));
  }
  findings.push(...judgeStreams(streams, evidence));
  const witnessed = (checkpoints?.signed ?? 0) + (anchor?.signed ?? 0) > 0;
  return {
    verdict: findings.length > 0 ? 'wrong' : witnessed ? 'whole' : 'unknown',
    folder,
    key: key && { fingerprint: fingerprint(key), given },
    checkpoints,
    anchor,
    streams,
    findings,
  };
}

function judge(
  checkpoints: CheckpointsReport | undefined,
  anchor: CheckpointsReport | undefined,
  key: KeyObject,
): Finding[] {
  const { signed, refused, unreadable, finding, last } = checkpoints ?? nothing;
  // A key is only there where checkpoints were.
  if (signed + refused + unreadable === 0) return [{ type: 'no-checkpoints' }];
  if (signed === 0 && refused > 0) return [{ type: 'key', fingerprint: fingerprint(key) }];
  const findings: Finding[] = finding === undefined ? [] : [finding];
  const anchored = anchor?.last;
  if (anchored === undefined) return findings;
  if (last !== undefined && anchored.store !== last.store) {
    throw new CannotVerify(`the anchor is another store's: ${anchored.store}`);
  }
  if (anchored.number > (last?.number ?? 0)) {
    findings.push({ type: 'checkpoints-cut-back', last: last?.number ?? 0, anchor: anchored.number });
  }
  return findings;
}

const nothing = { signed: 0, refused: 0, unreadable: 0, finding: undefined, last: undefined };

function judgeStreams(streams: readonly StreamReport[], evidence: Evidence): Finding[] {
  const findings: Finding[] = [];
  for (const { stream, finding } of streams) {
    if (finding === undefined) continue;
    // Of a stream that was copied within the folder one copy may be the older one.
    const copied = streams.some((other) => other.stream === stream && other.finding === undefined);
    if (!(finding.type === 'cut-back' && copied)) findings.push({ ...finding, stream });
  }
  for (const { stream, slot } of evidence.streams) {
    const there = streams.some(
      (report) =>
        report.stream === stream || (report.stream === undefined && report.finding && report.slot === slot),
    );
    const last = evidence.linesOf(stream).at(-1);
    if (there || last === undefined) continue;
    findings.push({ type: 'vanished', stream, slot, signed: last.sequence, witness: last.witness });
  }
  return findings;
}

async function findKey(
  { folder, publicKey }: VerifyOptions,
  findings: Finding[],
): Promise<{ key: KeyObject | undefined; given: boolean }> {
  const given = publicKey && parseKey(publicKey, 'the public key that was given');
  const path = join(folder, checkpointKeyName);
  const kept = (await exists(path)) ? await readFile(path) : undefined;
  if (given === undefined) return { key: kept && parseKey(kept, `\`${path}\``), given: false };
  if (kept !== undefined) {
    let other: string | undefined;
    try {
      other = fingerprint(createPublicKey(kept));
    } catch {}
    if (other !== fingerprint(given)) {
      findings.push({ type: 'key-replaced', fingerprint: other ?? 'unreadable' });
    }
  }
  return { key: given, given: true };
}

function parseKey(bytes: Buffer, name: string): KeyObject {
  try {
    return readPublicKey(bytes);
  } catch (cause) {
    throw new CannotVerify(`${name} can't be read: it is to be an SPKI key of P-256, as PEM or DER`, {
      cause,
    });
  }
}

async function readable<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new CannotVerify(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return false;
    throw new CannotVerify(`\`${path}\` can't be read: see to its mode`, { cause });
  }
}
