import { createHash } from 'node:crypto';
import { Best, comparePositions, type Position } from './index/best.ts';
import type { Chunk, Row, Sought } from './index/chunk.ts';
import {
  accessKeyIdOf,
  type LookupKey,
  resourcesOf,
  scope,
  scopeOf,
  text,
  timeOf,
  usernameOf,
  valuesOf,
} from './index/facts.ts';
import { Handles, IndexFile, indexPath, type StoredChunk } from './index/file.ts';
import { lookAt, readChunks, streamOf } from './index/segment.ts';
import { parseLine, renderRecordEnd, type TrailLine } from './line.ts';
import { listSegments, listSlots, segmentPath, streamFolder } from './segment.ts';

export type { LookupKey } from './index/facts.ts';
export { lookupKeys } from './index/facts.ts';

/** See CloudTrail's API reference, "LookupEvents". */
export interface LookupQuery {
  readonly account: string;
  readonly region: string;
  readonly attribute?: { readonly key: LookupKey; readonly value: string };
  /** Milliseconds since the epoch; events of that time are among those that are looked for, here and below. */
  readonly startTime?: number;
  readonly endTime?: number;
  /** 1 to 50. */
  readonly maxResults: number;
  /** Of the answer before, to the same query. */
  readonly nextToken?: string;
}

/** An event as CloudTrail answers it. */
export interface LookedUpEvent {
  readonly EventId: string;
  readonly EventName: string;
  readonly ReadOnly: 'true' | 'false';
  readonly AccessKeyId?: string;
  /** Seconds since the epoch. */
  readonly EventTime: number;
  readonly EventSource: string;
  readonly Username?: string;
  readonly Resources: readonly { readonly ResourceType: string; readonly ResourceName: string }[];
  /** The record, in the very bytes that the trail has of it. */
  readonly CloudTrailEvent: string;
}

export interface LookupAnswer {
  /** Newest first. */
  readonly events: readonly LookedUpEvent[];
  /** There are more. */
  readonly nextToken: string | undefined;
}

/** AWS's names. */
export type LookupErrorCode =
  | 'InvalidMaxResultsException'
  | 'InvalidNextTokenException'
  | 'InvalidTimeRangeException'
  | 'ThrottlingException';

export class LookupError extends Error {
  override readonly name = 'LookupError';
  readonly code: LookupErrorCode;

  constructor(code: LookupErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Look-ups of one account at once: whoever asks more at a time would have the others wait for all of them. */
const mostWaiting = 10;

/** A hit of the index, which its line has to confirm. */
interface Candidate extends Position, Row {
  readonly view: View;
}

interface View {
  readonly stream: string;
  readonly path: string;
  readonly identity: string;
  readonly index: IndexFile;
  size: number;
}

/** The index was not what it must be: what it is not believed for is read from the trail itself. */
const again = Symbol('again');

/**
 * Looks events up in a trail, in any process, while it is written to: what stands in its files when a look-up begins
 * is found, indexed or not. One look-up goes on at a time; the others wait.
 */
export class Lookup {
  readonly #folder: string;
  readonly #views = new Map<string, View>();
  #running: Promise<unknown> = Promise.resolve();
  /** How many look-ups of an account wait or go on; none has no entry. */
  readonly #waiting = new Map<string, number>();

  /** @param folder the trail's */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws LookupError, TrailError where the trail can't be read */
  async lookupEvents(query: LookupQuery): Promise<LookupAnswer> {
    const { account } = query;
    const waiting = this.#waiting.get(account) ?? 0;
    if (waiting >= mostWaiting) throw new LookupError('ThrottlingException', 'Rate exceeded');
    this.#waiting.set(account, waiting + 1);
    const looking = this.#running.then(() => this.#lookUp(query));
    this.#running = looking.catch(() => undefined);
    try {
      return await looking;
    } finally {
      const left = (this.#waiting.get(account) ?? 1) - 1;
      if (left > 0) this.#waiting.set(account, left);
      else this.#waiting.delete(account);
    }
  }

  async #lookUp(query: LookupQuery): Promise<LookupAnswer> {
    const { maxResults, startTime = 0, endTime = Number.POSITIVE_INFINITY } = query;
    if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > 50) {
      throw new LookupError('InvalidMaxResultsException', 'MaxResults must be between 1 and 50.');
    }
    if (startTime > endTime) {
      throw new LookupError('InvalidTimeRangeException', 'The start time must be before the end time.');
    }
    const behind = query.nextToken === undefined ? undefined : readToken(query.nextToken, query);
    const sought = {
      scope: scope(query.account, query.region),
      attribute: query.attribute,
      from: Math.ceil(startTime / 1_000),
      to: Math.floor(endTime / 1_000),
    };
    const handles = new Handles();
    try {
      // One more says whether there are more. Hits that were none make room for others.
      for (let limit = maxResults + 1; ; limit *= 2) {
        const best = await this.#search(sought, behind, limit, handles);
        if (best === again) continue;
        const events = await this.#confirm(best.items, sought, maxResults + 1, handles);
        if (events === again) continue;
        if (events.length <= maxResults && best.full) continue;
        const last = events[maxResults - 1];
        const more = events.length > maxResults && last !== undefined;
        return {
          events: events.slice(0, maxResults).map(({ event }) => event),
          nextToken: more ? writeToken(last.position, query) : undefined,
        };
      }
    } finally {
      await handles.close();
    }
  }

  async #search(
    sought: Sought,
    behind: Position | undefined,
    limit: number,
    handles: Handles,
  ): Promise<Best<Candidate> | typeof again> {
    const best = new Best<Candidate>(limit);
    const scan = (view: View, chunk: Chunk) =>
      chunk.scan(sought, (row) => {
        const candidate = { ...row, stream: view.stream, view };
        if (behind === undefined || comparePositions(behind, candidate) < 0) best.offer(candidate);
      });
    const newest = Math.min(sought.to, behind?.time ?? Number.POSITIVE_INFINITY);
    const stored: { readonly view: View; readonly chunk: StoredChunk }[] = [];
    for (const view of await this.#refresh(handles)) {
      for (const chunk of view.index.chunks) {
        const { minTime, maxTime } = chunk.header;
        if (maxTime >= sought.from && minTime <= newest) stored.push({ view, chunk });
      }
      if (view.index.end === view.size) continue;
      for await (const { chunk } of readChunks(view.path, view.stream, view.index.end)) scan(view, chunk);
    }
    stored.sort((a, b) => b.chunk.header.maxTime - a.chunk.header.maxTime);
    for (const { view, chunk } of stored) {
      if (chunk.header.maxTime < (best.last?.time ?? 0)) break;
      const read = await view.index.read(chunk, handles);
      if (read === undefined) return again;
      scan(view, read);
    }
    return best;
  }

  async #refresh(handles: Handles): Promise<View[]> {
    const views: View[] = [];
    for (const slot of await listSlots(this.#folder)) {
      const folder = streamFolder(this.#folder, slot);
      for (const segment of await listSegments(folder)) {
        const view = await this.#view(segmentPath(folder, segment), segment);
        if (view === undefined) continue;
        if (view.index.end !== view.size) await view.index.refresh(view.size, handles);
        views.push(view);
      }
    }
    return views;
  }

  async #view(path: string, segment: number): Promise<View | undefined> {
    const { size, identity } = await lookAt(path);
    let view = this.#views.get(path);
    if (view === undefined || view.identity !== identity || view.size > size) {
      const stream = await streamOf(path);
      if (stream === undefined) return undefined;
      const index = new IndexFile(indexPath(this.#folder, stream, segment));
      view = { stream, path, identity, index, size };
      this.#views.set(path, view);
    }
    view.size = size;
    return view;
  }

  /** Reads the lines of hits, in order, until there are so many events. */
  async #confirm(
    candidates: readonly Candidate[],
    sought: Sought,
    wanted: number,
    handles: Handles,
  ): Promise<{ readonly position: Position; readonly event: LookedUpEvent }[] | typeof again> {
    const events: { position: Position; event: LookedUpEvent }[] = [];
    for (const candidate of candidates) {
      if (events.length === wanted) break;
      const { view, offset, length, stream, sequence } = candidate;
      const bytes = Buffer.alloc(length);
      await (await handles.open(view.path))?.read(bytes, 0, length, offset);
      const line = parseLine(bytes);
      if (typeof line === 'string' || line.stream !== stream || line.sequence !== sequence) {
        // Its write was taken back meanwhile, or the segment is not the one that was indexed.
        if (offset < view.index.end) view.index.distrust(0);
        return again;
      }
      if (line.type === 'record' && isSought(line.record, sought)) {
        events.push({ position: candidate, event: toEvent(line, bytes) });
      }
    }
    return events;
  }
}

function isSought(record: Readonly<Record<string, unknown>>, sought: Sought): boolean {
  const time = timeOf(record);
  if (scopeOf(record) !== sought.scope || time < sought.from || time > sought.to) return false;
  const { attribute } = sought;
  return attribute === undefined || valuesOf(record, attribute.key).includes(attribute.value);
}

function toEvent(line: TrailLine & { type: 'record' }, bytes: Buffer): LookedUpEvent {
  const { record, stream, sequence, previous } = line;
  const accessKeyId = accessKeyIdOf(record);
  const username = usernameOf(record);
  const end = renderRecordEnd(stream, sequence, previous).length;
  return {
    EventId: text(record.eventID) ?? '',
    EventName: text(record.eventName) ?? '',
    ReadOnly: record.readOnly === true ? 'true' : 'false',
    ...(accessKeyId !== undefined && { AccessKeyId: accessKeyId }),
    EventTime: timeOf(record),
    EventSource: text(record.eventSource) ?? '',
    ...(username !== undefined && { Username: username }),
    Resources: resourcesOf(record).map(({ type, arn }) => ({ ResourceType: type, ResourceName: arn })),
    // Never parsed and written again: names that callers choose would have to come out as they went in.
    CloudTrailEvent: `${bytes.toString('utf8', 0, bytes.length - end)}}`,
  };
}

/** The position behind which the next page begins, and a digest of the query, which has to be the same. */
function writeToken({ time, stream, sequence }: Position, query: LookupQuery): string {
  return Buffer.from(JSON.stringify([time, stream, sequence, digest(query)])).toString('base64url');
}

function readToken(token: string, query: LookupQuery): Position {
  try {
    const read: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    if (Array.isArray(read) && read.length === 4 && read[3] === digest(query)) {
      const [time, stream, sequence]: unknown[] = read;
      if (Number.isSafeInteger(time) && typeof stream === 'string' && Number.isSafeInteger(sequence)) {
        return { time: Number(time), stream, sequence: Number(sequence) };
      }
    }
  } catch {}
  throw new LookupError(
    'InvalidNextTokenException',
    'The token is not valid: use the one of the answer before, with the same parameters.',
  );
}

function digest({ account, region, attribute, startTime, endTime }: LookupQuery): string {
  const query = [account, region, attribute?.key, attribute?.value, startTime, endTime];
  return createHash('sha256').update(JSON.stringify(query)).digest('base64url').slice(0, 16);
}
