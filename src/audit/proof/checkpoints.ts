import type { KeyObject } from 'node:crypto';
import {
  type Checkpoint,
  firstPrevious,
  hashCheckpoint,
  isSignedBy,
  parseCheckpointLine,
  type StreamHead,
} from '../checkpoint.ts';
import { readBlocks, splitLines } from '../read.ts';
import type { CheckpointFinding, Witness } from './finding.ts';
import type { SignedLine } from './stream.ts';

export interface CheckpointsReport {
  readonly from: 'trail' | 'anchor';
  /** How many the key has signed. */
  readonly signed: number;
  /** How many it has not. */
  readonly refused: number;
  /** Lines that are no checkpoint, which an anchor may have where a write failed. */
  readonly unreadable: number;
  readonly last: Checkpoint | undefined;
  readonly finding: CheckpointFinding | undefined;
}

/** What checkpoints say must be there. */
export class Evidence {
  readonly #streams = new Map<string, { slot: string; lines: SignedLine[] }>();
  /** Hashes by number, of the anchor's. */
  readonly #numbers = new Map<number, string>();

  add(checkpoint: Checkpoint, from: Witness['from']): void {
    const witness = { checkpoint: checkpoint.number, time: checkpoint.time, from };
    for (const { stream, slot, sequence, hash } of checkpoint.streams) {
      let of = this.#streams.get(stream);
      if (of === undefined) {
        of = { slot, lines: [] };
        this.#streams.set(stream, of);
      }
      of.slot = slot;
      const last = of.lines.at(-1);
      // A stream that rests is signed again and again.
      if (last?.sequence === sequence && last.hash === hash) continue;
      of.lines.push({ sequence, hash, witness });
    }
  }

  note(number: number, hash: string): void {
    this.#numbers.set(number, hash);
  }

  /** The hash that the anchor has of a checkpoint. */
  noted(number: number): string | undefined {
    return this.#numbers.get(number);
  }

  /** @returns by sequence ascending */
  linesOf(stream: string): readonly SignedLine[] {
    return (this.#streams.get(stream)?.lines ?? []).sort((a, b) => a.sequence - b.sequence);
  }

  /** The streams that must be there. */
  get streams(): readonly { readonly stream: string; readonly slot: string }[] {
    return [...this.#streams].map(([stream, { slot }]) => ({ stream, slot }));
  }
}

/**
 * Checks the checkpoints of the anchor: each by its signature, for it may have got only some.
 * @param evidence takes what they say
 */
export async function checkAnchor(
  path: string,
  key: KeyObject,
  evidence: Evidence,
): Promise<CheckpointsReport> {
  let signed = 0;
  let refused = 0;
  let unreadable = 0;
  let last: Checkpoint | undefined;
  let finding: CheckpointFinding | undefined;
  for await (const { line, bytes } of numberedLines(path)) {
    const read = parseCheckpointLine(bytes);
    if (read === undefined) {
      unreadable += 1;
      continue;
    }
    const { checkpoint } = read;
    const { number } = checkpoint;
    if (!isSignedBy(key, read)) {
      refused += 1;
      finding ??= { type: 'checkpoint', from: 'anchor', line, number, why: 'signature' };
      continue;
    }
    signed += 1;
    const hash = hashCheckpoint(checkpoint);
    const there = evidence.noted(number);
    if (there === undefined) evidence.note(number, hash);
    else if (there !== hash) finding ??= { type: 'checkpoint', from: 'anchor', line, number, why: 'differs' };
    evidence.add(checkpoint, 'anchor');
    if (last === undefined || last.number <= number) last = checkpoint;
  }
  return { from: 'anchor', signed, refused, unreadable, last, finding };
}

/**
 * Checks the checkpoints of the trail: signatures, their chain, and that they are the anchor's.
 * @param evidence what the anchor says; takes what they say
 */
export async function checkCheckpoints(
  path: string,
  key: KeyObject,
  evidence: Evidence,
): Promise<CheckpointsReport> {
  let signed = 0;
  let refused = 0;
  let unreadable = 0;
  let last: Checkpoint | undefined;
  let previous = firstPrevious;
  let finding: CheckpointFinding | undefined;
  for await (const { line, bytes, whole } of numberedLines(path)) {
    // It is being written, or a crash tore it.
    if (!whole) break;
    const read = parseCheckpointLine(bytes);
    const place = { type: 'checkpoint', from: 'trail', line, number: read?.checkpoint.number } as const;
    if (read === undefined) {
      unreadable += 1;
      finding ??= { ...place, why: 'unreadable' };
      continue;
    }
    if (!isSignedBy(key, read)) {
      refused += 1;
      finding ??= { ...place, why: 'signature' };
      continue;
    }
    signed += 1;
    const { checkpoint } = read;
    const hash = hashCheckpoint(checkpoint);
    const after = last?.number ?? 0;
    if (checkpoint.number !== after + 1) {
      finding ??= { ...place, why: checkpoint.number > after ? 'dropped' : 'added', after };
    } else if (checkpoint.previous !== previous) {
      finding ??= { ...place, why: 'previous' };
    } else if (last !== undefined && last.store !== checkpoint.store) {
      finding ??= { ...place, why: 'store' };
    } else if (last !== undefined && !keeps(last.streams, checkpoint.streams)) {
      finding ??= { ...place, why: 'heads' };
    }
    const anchored = evidence.noted(checkpoint.number);
    if (anchored !== undefined && anchored !== hash) finding ??= { ...place, why: 'differs' };
    evidence.add(checkpoint, 'trail');
    last = checkpoint;
    previous = hash;
  }
  return { from: 'trail', signed, refused, unreadable, last, finding };
}

/** Whether nothing that was signed is left out or taken back. */
function keeps(before: readonly StreamHead[], after: readonly StreamHead[]): boolean {
  const sequences = new Map(after.map(({ stream, sequence }) => [stream, sequence]));
  return before.every(({ stream, sequence }) => (sequences.get(stream) ?? 0) >= sequence);
}

async function* numberedLines(path: string): AsyncGenerator<{ line: number; bytes: Buffer; whole: boolean }> {
  let line = 0;
  for await (const block of readBlocks(path)) {
    for (const { bytes, whole } of splitLines(block)) {
      line += 1;
      yield { line, bytes, whole };
    }
  }
}
