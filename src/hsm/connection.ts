/** One connection of a client to one host: attaching, requests in flight, and connecting again. */
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { HsmError } from '../keys/hsm.ts';
import { errorKind, okCode } from './answer.ts';
import { attachMilliseconds, nonce, nonceBytes, proofBytes, prove, proves } from './attach.ts';
import { attachSecretFile, socketFile } from './folder.ts';
import { answerLimit, FrameReader, FrameWriter } from './frame.ts';
import type { ReadResult } from './result.ts';

interface Pending {
  readonly id: number;
  readonly sentAt: number;
  readonly deadlineAt: number;
  readonly answer: (code: number, buffer: Buffer, start: number, end: number) => boolean;
  /** `undefined` once the request is settled: its answer may still come. */
  reject: ((error: HsmError) => void) | undefined;
}

const stallMilliseconds = 250;
const retryMilliseconds = [0, 20, 50, 100];

export interface ConnectionOptions {
  readonly socketFolder: string;
  readonly index: number;
  /** More than this in the host's queue is refused. */
  readonly queueLimit: number;
  /** Draws request ids: none is used twice, on whatever connection. */
  readonly nextId: () => number;
  /** Called when requests can be sent. */
  readonly onAttached: () => void;
  /** Called when a connection that was attached is lost, and when attaching is refused. */
  readonly onProblem: (problem: string) => void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #received = Buffer.allocUnsafeSlow(64 * 1024);
  readonly #flush = () => this.#flushNow();
  readonly #queue: Pending[] = [];
  #head = 0;
  #writer = new FrameWriter();
  #reader: FrameReader | undefined;
  #flushing = false;
  #socket: Socket | undefined;
  #attached = false;
  #closed = false;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  /** The host's last answer was that it has no token. */
  sick = false;
  /** The oldest request waits for longer than any call takes that doesn't hang. */
  stalled = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#connect();
  }

  get attached(): boolean {
    return this.#attached;
  }

  get inFlight(): number {
    return this.#queue.length - this.#head;
  }

  /**
   * Sends a request with the next write.
   * @param size the body's, at most @param write appends the body
   */
  request<T>(
    code: number,
    size: number,
    write: (writer: FrameWriter) => void,
    read: ReadResult<T>,
    milliseconds: number,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#attached) {
        reject(new HsmError('unavailable', `the connection to host ${this.#options.index} is lost`));
        return;
      }
      const { queueLimit } = this.#options;
      if (this.inFlight >= queueLimit) {
        reject(new HsmError('busy', `${queueLimit} requests wait for one host already`));
        return;
      }
      const writer = this.#writer;
      const before = writer.length;
      const id = this.#options.nextId();
      writer.begin(code, id, size);
      try {
        write(writer);
      } catch (cause) {
        writer.rewind(before);
        reject(new HsmError('internal', cause instanceof Error ? cause.message : String(cause)));
        return;
      }
      writer.end();
      const sentAt = performance.now();
      const pending: Pending = {
        id,
        sentAt,
        deadlineAt: sentAt + milliseconds,
        answer: (code, buffer, start, end) => {
          const settled = pending.reject === undefined;
          pending.reject = undefined;
          if (code === okCode) {
            this.sick = false;
            // Past its deadline: a copy of it would be nobody's to zero.
            if (settled) return true;
            const value = read(buffer, start, end);
            if (value === undefined) {
              reject(new HsmError('internal', "a host's answer was malformed"));
              return false;
            }
            resolve(value);
            return true;
          }
          const kind = errorKind(code);
          if (kind === undefined) {
            reject(new HsmError('internal', "a host's answer was malformed"));
            return false;
          }
          if (kind === 'unavailable') this.sick = true;
          if (!settled) reject(new HsmError(kind, buffer.toString('utf8', start, end)));
          return true;
        },
        reject,
      };
      this.#queue.push(pending);
      if (!this.#flushing) {
        this.#flushing = true;
        setImmediate(this.#flush);
      }
    });
  }

  /** Settles what is past its deadline; called every so often. */
  tick(now: number): void {
    let index = this.#head;
    const oldest = this.#queue[index];
    this.stalled = oldest !== undefined && now - oldest.sentAt > stallMilliseconds;
    if (!this.stalled) return;
    for (; index < this.#queue.length; index++) {
      const pending = this.#queue[index];
      if (pending?.reject === undefined || pending.deadlineAt > now) continue;
      pending.reject(
        new HsmError('timeout', `host ${this.#options.index} hasn't answered within the deadline`),
      );
      pending.reject = undefined;
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
    this.#fail('the client is closed');
  }

  #flushNow(): void {
    this.#flushing = false;
    if (this.#socket !== undefined && this.#attached) this.#writer.flush(this.#socket);
    else this.#writer.clear();
  }

  #connect(): void {
    if (this.#closed) return;
    const { socketFolder, index } = this.#options;
    let secret: Buffer;
    try {
      // Read each time: a new supervisor makes a new one.
      secret = readFileSync(join(socketFolder, attachSecretFile));
    } catch {
      this.#again();
      return;
    }
    let onBytes = this.#attach(secret);
    const socket = connect({
      path: socketFile(socketFolder, index),
      onread: {
        buffer: this.#received,
        callback: (size, buffer) => {
          const chunk = Buffer.from(buffer.buffer, buffer.byteOffset, size);
          const next = onBytes(chunk);
          chunk.fill(0);
          if (next === undefined) this.#refuse(socket);
          else onBytes = next;
          return true;
        },
      },
    });
    this.#socket = socket;
    const timer = setTimeout(() => socket.destroy(), attachMilliseconds);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      clearTimeout(timer);
      secret.fill(0);
      this.#lost();
    });
    this.#attachTimer = timer;
  }

  #attachTimer: NodeJS.Timeout | undefined;

  /** The handshake (attach.ts). @returns what takes the bytes that arrive next */
  #attach(secret: Buffer): OnBytes {
    let received: Buffer = Buffer.alloc(0);
    const ours = nonce();
    let theirs: Buffer | undefined;
    const onBytes: OnBytes = (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (theirs === undefined) {
        if (received.length < nonceBytes) return onBytes;
        theirs = Buffer.from(received.subarray(0, nonceBytes));
        received = received.subarray(nonceBytes);
        this.#socket?.write(Buffer.concat([ours, prove(secret, 'client', theirs, ours)]));
      }
      if (received.length < proofBytes) return onBytes;
      if (!proves(received, secret, 'host', ours, theirs)) {
        this.#options.onProblem(`host ${this.#options.index} doesn't know the attach secret`);
        return undefined;
      }
      secret.fill(0);
      clearTimeout(this.#attachTimer);
      this.#attached = true;
      this.#failures = 0;
      this.sick = false;
      this.stalled = false;
      const reader = new FrameReader(answerLimit, (code, id, buffer, start, end) =>
        this.#answer(code, id, buffer, start, end),
      );
      this.#reader = reader;
      const onFrames: OnBytes = (bytes) => (reader.push(bytes) ? onFrames : undefined);
      this.#options.onAttached();
      return onFrames;
    };
    return onBytes;
  }

  /** INVARIANT: answers come in the order of the requests, so the oldest is the only one that may be answered. */
  #answer(code: number, id: number, buffer: Buffer, start: number, end: number): boolean {
    const pending = this.#queue[this.#head];
    if (pending === undefined || pending.id !== id) return false;
    this.#head++;
    if (this.#head === this.#queue.length) {
      this.#queue.length = 0;
      this.#head = 0;
    } else if (this.#head === 1_024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    this.stalled = false;
    return pending.answer(code, buffer, start, end);
  }

  /** What arrived isn't what a host sends: nothing more goes to it. */
  #refuse(socket: Socket): void {
    if (this.#attached) this.#options.onProblem(`host ${this.#options.index} sent what is no answer`);
    this.#attached = false;
    socket.destroy();
  }

  #lost(): void {
    const was = this.#attached;
    this.#attached = false;
    this.#reader?.close();
    this.#reader = undefined;
    this.#socket = undefined;
    if (was && !this.#closed)
      this.#options.onProblem(`the connection to host ${this.#options.index} is lost`);
    this.#fail(`the connection to host ${this.#options.index} is lost`);
    this.#again();
  }

  #fail(message: string): void {
    this.#writer.clear();
    const waiting = this.#queue.splice(0).slice(this.#head);
    this.#head = 0;
    this.stalled = false;
    for (const { reject } of waiting) reject?.(new HsmError('unavailable', message));
  }

  #again(): void {
    if (this.#closed) return;
    const delay = retryMilliseconds[Math.min(this.#failures, retryMilliseconds.length - 1)];
    this.#failures++;
    this.#retry = setTimeout(() => this.#connect(), delay);
  }
}

/** @returns what takes the next bytes; `undefined` closes the connection */
type OnBytes = (chunk: Buffer) => OnBytes | undefined;
