import { TrailError } from '../error.ts';
import { type Head, origin } from '../line.ts';
import { listSegments, streamFolder } from '../segment.ts';
import { diagnose, follows, type Sound } from './diagnose.ts';
import type { StreamFinding, Witness } from './finding.ts';
import { describe, type Scanned, scanStream } from './scan.ts';

/** What a checkpoint has signed of a stream. */
export interface SignedLine extends Head {
  readonly witness: Witness;
}

export interface StreamReport {
  readonly slot: string;
  /** `undefined` where there is no line. */
  readonly stream: string | undefined;
  readonly segments: number;
  /** All that follows counts what is sound: up to the finding, if there is one. */
  readonly lines: number;
  readonly records: number;
  readonly groups: number;
  /** Groups without a MAC. */
  readonly unsigned: number;
  /** Lines behind the last one that a checkpoint has signed. */
  readonly behind: number;
  /** When the first record among them was made. */
  readonly behindSince: string | undefined;
  readonly finding: StreamFinding | undefined;
}

/**
 * Recomputes a stream's chain, and looks whether what was signed lies on it.
 * @param signedOf what checkpoints have signed of a stream, by sequence ascending
 */
export async function examineStream(
  folder: string,
  slot: string,
  signedOf: (stream: string) => readonly SignedLine[],
): Promise<StreamReport> {
  const walk = new Walk(slot, signedOf);
  let segments: number[] = [];
  let finding: StreamFinding | undefined;
  try {
    segments = await listSegments(streamFolder(folder, slot));
    finding = await take(walk, folder, slot, segments);
  } catch (cause) {
    if (!(cause instanceof TrailError)) throw cause;
    finding = { type: 'unreadable', slot, reason: cause.message };
  }
  return { slot, segments: segments.length, ...walk.counts, finding: finding ?? walk.end() };
}

async function take(
  walk: Walk,
  folder: string,
  slot: string,
  segments: readonly number[],
): Promise<StreamFinding | undefined> {
  for await (const block of scanStream(folder, slot, segments)) {
    for (const line of block) {
      if (line.torn) return undefined;
      if (walk.take(line)) continue;
      const left = segments.filter((number) => number >= line.segment);
      return walk.explain(line, () => scanStream(folder, slot, left, line));
    }
    walk.keep();
  }
  return undefined;
}

class Walk {
  readonly #slot: string;
  readonly #signedOf: (stream: string) => readonly SignedLine[];
  #signed: readonly SignedLine[] = [];
  /** How many of `#signed` were met. */
  #met = 0;
  #stream: string | undefined;
  #head: Head = origin;
  #last: Scanned | undefined;
  #segment = 0;
  #records = 0;
  #groups = 0;
  #unsigned = 0;
  #signedSequence = 0;
  #behindSince: string | undefined;
  /** What was signed and has another line in its place. */
  #broken: SignedLine | undefined;

  constructor(slot: string, signedOf: (stream: string) => readonly SignedLine[]) {
    this.#slot = slot;
    this.#signedOf = signedOf;
  }

  get counts(): Omit<StreamReport, 'slot' | 'segments' | 'finding'> {
    return {
      stream: this.#stream,
      lines: this.#head.sequence,
      records: this.#records,
      groups: this.#groups,
      unsigned: this.#unsigned,
      behind: this.#head.sequence - this.#signedSequence,
      behindSince: this.#behindSince,
    };
  }

  /** @returns false where the line is not what must stand here */
  take(line: Scanned): boolean {
    const { parsed } = line;
    // One more line says whether the one that was signed was changed alone.
    if (this.#broken !== undefined) return false;
    if (typeof parsed === 'string' || !follows(this.#sound, line) || !this.#inPlace(line)) return false;
    if (this.#stream === undefined) {
      this.#stream = parsed.stream;
      this.#signed = this.#signedOf(parsed.stream);
    }
    this.#head = { sequence: parsed.sequence, hash: line.hash };
    this.#last = line;
    switch (parsed.type) {
      case 'record':
        this.#records += 1;
        if (this.#behindSince === undefined && typeof parsed.record.eventTime === 'string') {
          this.#behindSince = parsed.record.eventTime;
        }
        break;
      case 'segment':
        this.#segment = line.segment;
        break;
      case 'group':
        this.#groups += 1;
        if (parsed.mac === null) this.#unsigned += 1;
        break;
      case 'trail-cut':
        break;
    }
    this.#meet();
    return true;
  }

  /** The last line outlives its block. */
  keep(): void {
    if (this.#last !== undefined) this.#last = { ...this.#last, bytes: Buffer.from(this.#last.bytes) };
  }

  /** @param line what `take` refused */
  async explain(line: Scanned, rest: () => AsyncIterable<readonly Scanned[]>): Promise<StreamFinding> {
    const broken = this.#broken;
    if (broken !== undefined) {
      const vouched = typeof line.parsed === 'object' && line.parsed.previous === broken.hash;
      return vouched ? this.#changedLast() : this.#rewritten(broken);
    }
    if (follows(this.#sound, line)) return { type: 'reordered', at: describe(line) };
    return diagnose({ ...this.#sound, signed: this.#signedSequence === this.#head.sequence }, rest);
  }

  /** What is missing where the stream ends. */
  end(): StreamFinding | undefined {
    if (this.#broken !== undefined) return this.#rewritten(this.#broken);
    const lost = this.#signed.at(-1);
    if (lost === undefined || lost.sequence <= this.#head.sequence) return undefined;
    return {
      type: 'cut-back',
      slot: this.#slot,
      last: this.#head.sequence,
      signed: lost.sequence,
      witness: lost.witness,
    };
  }

  get #sound(): Omit<Sound, 'signed'> {
    return { stream: this.#stream, head: this.#head, last: this.#last };
  }

  /** The first line of a file says which it is, and no other does. */
  #inPlace({ parsed, line, segment }: Scanned): boolean {
    if (typeof parsed === 'string' || parsed.type !== 'segment') return line !== 1;
    return line === 1 && parsed.segment === segment && segment === this.#segment + 1;
  }

  /** Compares the line at the head with what was signed in its place, which two checkpoints may disagree on. */
  #meet(): void {
    for (;;) {
      const next = this.#signed[this.#met];
      if (next?.sequence !== this.#head.sequence) return;
      if (next.hash !== this.#head.hash) {
        this.#broken = next;
        return;
      }
      this.#signedSequence = next.sequence;
      this.#behindSince = undefined;
      this.#met += 1;
    }
  }

  #changedLast(): StreamFinding {
    if (this.#last === undefined) throw new Error('a line was met');
    return { type: 'changed', at: describe(this.#last), orNext: false };
  }

  #rewritten({ sequence, witness }: SignedLine): StreamFinding {
    return {
      type: 'rewritten',
      slot: this.#slot,
      first: this.#signedSequence + 1,
      last: sequence,
      witness,
    };
  }
}
