import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { Chain } from './chain.ts';
import { reasonOf, TrailError } from './error.ts';
import type { TrailEvent, TrailFlush } from './event.ts';
import { groupMacInput, type Head, type Mark, maximalRecord, origin } from './line.ts';
import { type Lock, lockFolder } from './lock.ts';
import { Coverage, macSource, type Signed } from './mac.ts';
import { Queue } from './queue.ts';
import type { AuditRecord, Trail } from './record.ts';
import { listSegments, makeFolder, Segment, streamFolder } from './segment.ts';
import { readTail, type Tail } from './tail.ts';

export interface TrailOptions {
  readonly folder: string;
  /** `primary`, `worker-1`, …: each has a stream of its own, with one writer. */
  readonly slot: string;
  /** A segment that has reached this size is closed before the next group. */
  readonly segmentBytes: number;
  /** HMAC-SHA-256 under the token's trail key, 32 bytes. */
  readonly mac: (data: Buffer) => Promise<Buffer>;
  readonly clock: Clock;
  /**
   * Under load (the last group had more than one record) a group is gathered for this long since the last flush
   * began, or until it has `gatherRecords`. A flush costs some 250 µs of processor time, however many share it:
   * at 4,250 records a second 2 ms and 16 records take a tenth of a core less than no gathering, and the records
   * wait no longer.
   */
  readonly gatherMilliseconds?: number;
  readonly gatherRecords?: number;
  /** A flush that takes longer makes the trail not writable, until it returns; 5 s by default. */
  readonly stallMilliseconds?: number;
  /** When a flush takes this long, its appenders wait no more (`unknown`); 10 s by default. */
  readonly giveUpMilliseconds?: number;
  /** How long to wait for a writer of this stream that is on its way out; 5 s by default. */
  readonly lockMilliseconds?: number;
  /** For the metrics. */
  readonly onFlush?: (flush: TrailFlush) => void;
  /** For the log. */
  readonly onEvent?: (event: TrailEvent) => void;
}

export interface TrailWriter extends Trail {
  /** 16 hex digits. */
  readonly streamId: string;
  /** The last durable line. */
  readonly head: Head;
  /** The number of the segment it lies in; that of the first one to come where nothing was written. */
  readonly segment: number;
  /** What is wrong, while the trail is not writable. */
  readonly failed: TrailError | undefined;
  /** Why the last group has no MAC, if it has none. */
  readonly unsigned: string | undefined;
  /**
   * Flushes what was appended, then closes the file. Later appends reject. Where a flush hangs it is waited for as
   * long as its appenders wait; file and lock are then kept until it returns or the process ends.
   */
  close(): Promise<void>;
}

const probeMilliseconds = 250;

/**
 * Opens a slot's stream, or begins it. A torn tail is cut off, and that is recorded.
 * A disk that is full now is no error: the trail is then not writable until it is.
 * @throws TrailError `damaged` where the files are no trail or can't be read, `locked` where another process
 *   still writes the stream after `lockMilliseconds`; what the system says where folder or file can't be opened
 */
export async function openTrail(options: TrailOptions): Promise<TrailWriter> {
  const folder = streamFolder(options.folder, options.slot);
  await makeFolder(folder);
  const lock = await lockFolder(folder, options.lockMilliseconds ?? 5_000);
  try {
    const tail = await readTail(folder, await listSegments(folder));
    const segment = tail && (await Segment.open(folder, tail.segment, tail.end));
    const writer = new Writer(options, folder, lock, tail, segment);
    await writer.begin(tail);
    return writer;
  } catch (error) {
    await lock.release();
    throw error;
  }
}

class Writer implements TrailWriter {
  readonly streamId: string;
  readonly #options: TrailOptions;
  readonly #folder: string;
  readonly #lock: Lock;
  readonly #chain: Chain;
  readonly #queue: Queue;
  readonly #sign: (data: Buffer) => Promise<Signed>;
  #head: Head;
  #segment: Segment | undefined;
  #headSegment: number;
  /** Waits to be recorded, with the first group that can be written. */
  #note: Mark | undefined;
  #failed: TrailError | undefined;
  /** Whether what is wrong is a flush that does not return. */
  #stalled = false;
  readonly #coverage = new Coverage();
  #probe: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    options: TrailOptions,
    folder: string,
    lock: Lock,
    tail: Tail | undefined,
    segment: Segment | undefined,
  ) {
    this.streamId = tail?.stream ?? randomBytes(8).toString('hex');
    this.#options = options;
    this.#folder = folder;
    this.#lock = lock;
    this.#head = tail?.head ?? origin;
    this.#chain = new Chain(this.streamId, this.#head);
    this.#sign = macSource(options.mac);
    this.#segment = segment;
    this.#headSegment = tail?.segment ?? 1;
    this.#queue = new Queue({
      clock: options.clock,
      gatherMilliseconds: options.gatherMilliseconds ?? 2,
      gatherRecords: options.gatherRecords ?? 16,
      stallMilliseconds: options.stallMilliseconds ?? 5_000,
      giveUpMilliseconds: options.giveUpMilliseconds ?? 10_000,
      stalled: (milliseconds) => this.#stall(milliseconds),
      flush: (records) => this.#flush(records),
    });
  }

  get head(): Head {
    return this.#head;
  }

  get segment(): number {
    return this.#headSegment;
  }

  get failed(): TrailError | undefined {
    return this.#failed;
  }

  get unsigned(): string | undefined {
    return this.#coverage.unsigned;
  }

  get writable(): boolean {
    return this.#failed === undefined;
  }

  append(record: AuditRecord): Promise<void> {
    if (this.#stalled && this.#failed !== undefined) return Promise.reject(this.#failed);
    let json: string;
    try {
      json = JSON.stringify(record);
    } catch (cause) {
      return Promise.reject(new TrailError('record', 'the record is not JSON', { cause }));
    }
    if (json.length > maximalRecord) {
      return Promise.reject(new TrailError('record', `the record has ${json.length} characters: too long`));
    }
    return this.#queue.add(json);
  }

  /** Writes what the opening found out, where there is something to write; a failure is left to the probe. */
  async begin(tail: Tail | undefined): Promise<void> {
    if (tail?.torn !== undefined) {
      this.#note = { type: 'trail-cut', ...tail.torn, time: this.#time() };
      this.#tell({ type: 'cut', ...tail.torn });
    }
    const covered = tail?.torn === undefined && tail?.lastType === 'group';
    if (!covered) await this.#queue.addEmpty().catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#closed ??= Promise.race([this.#close(), this.#queue.abandoned()]);
    await this.#closed;
  }

  async #close(): Promise<void> {
    await this.#queue.close();
    clearTimeout(this.#probe);
    await this.#segment?.close();
    await this.#lock.release();
  }

  /**
   * Makes a group durable, whole, or throws and nothing of it counts.
   *
   * INVARIANT: no record is reported durable and missing, none is reported failed and later present; of one that is
   * reported `unknown` either may come true. The second has one hole: the process must not be killed between a write
   * that failed and a cut that failed too.
   */
  async #flush(records: readonly string[]): Promise<void> {
    const began = this.#options.clock.monotonic();
    const chain = this.#chain;
    let unsigned: string | undefined;
    chain.begin(this.#head);
    try {
      const segment = await this.#openSegment();
      if (segment.length === 0)
        chain.addMark({ type: 'segment', version: 1, segment: segment.number, time: this.#time() });
      if (this.#note !== undefined) chain.addMark(this.#note);
      for (const json of records) chain.addRecord(json);
      const signed = await this.#sign(groupMacInput(chain.next));
      if (signed.mac === null) unsigned = signed.reason;
      chain.addMark({ type: 'group', ...signed });
      await segment.write(chain.bytes);
    } catch (cause) {
      const error = await this.#fail(cause);
      this.#report('failed', records.length, began, unsigned);
      throw error;
    }
    this.#head = chain.head;
    const segment = this.#segment?.number ?? this.#headSegment;
    const rotated = segment > this.#headSegment;
    this.#headSegment = segment;
    this.#note = undefined;
    this.#stalled = false;
    if (this.#failed !== undefined) {
      this.#failed = undefined;
      this.#tell({ type: 'recovered' });
    }
    const news = this.#coverage.note(unsigned, this.#options.clock);
    if (news !== undefined) this.#tell(news);
    if (rotated) this.#tell({ type: 'rotated', segment });
    this.#report('durable', records.length, began, unsigned);
  }

  /** The segment to write to, in a known state. */
  async #openSegment(): Promise<Segment> {
    const segment = this.#segment;
    await segment?.cut();
    if (segment !== undefined && segment.length < this.#options.segmentBytes) return segment;
    const next = await Segment.create(this.#folder, (segment?.number ?? 0) + 1);
    this.#segment = next;
    // All it holds is durable: whatever closing answers changes nothing.
    await segment?.close().catch(() => undefined);
    return next;
  }

  #time(): string {
    return new Date(this.#options.clock.now()).toISOString();
  }

  async #fail(cause: unknown): Promise<TrailError> {
    let error = new TrailError('unwritable', `the trail can't be written (${reasonOf(cause)})`, { cause });
    try {
      await this.#segment?.cut();
    } catch (cause) {
      error = new TrailError('unwritable', `a failed write can't be cut off the trail (${reasonOf(cause)})`, {
        cause,
      });
    }
    const news = this.#failed === undefined || this.#stalled;
    this.#failed = error;
    this.#stalled = false;
    if (news) this.#tell({ type: 'failed', error });
    clearTimeout(this.#probe);
    // Writes something real, an empty group, so that changes, which ask `writable` first, work again by themselves.
    this.#probe = setTimeout(() => this.#queue.addEmpty().catch(() => undefined), probeMilliseconds);
    this.#probe.unref();
    return error;
  }

  #stall(milliseconds: number): TrailError {
    const seconds = (milliseconds / 1_000).toFixed(1);
    const error = new TrailError('unwritable', `a write to the trail has not returned for ${seconds} s`);
    this.#failed = error;
    this.#stalled = true;
    this.#tell({ type: 'stalled', milliseconds, error });
    return error;
  }

  #report(
    outcome: TrailFlush['outcome'],
    records: number,
    began: number,
    unsigned: string | undefined,
  ): void {
    const milliseconds = this.#options.clock.monotonic() - began;
    const bytes = this.#chain.bytes.length;
    unlessThrown(() => this.#options.onFlush?.({ outcome, records, bytes, milliseconds, unsigned }));
  }

  #tell(event: TrailEvent): void {
    unlessThrown(() => this.#options.onEvent?.(event));
  }
}

/** A listener's mistake must not make a durable group look failed. */
function unlessThrown(listen: () => void): void {
  try {
    listen();
  } catch {}
}
