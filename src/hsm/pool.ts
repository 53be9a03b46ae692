/** The connections of a client to all hosts: which one takes a request, and what waits for one. */
import type { Logger } from 'pino';
import { HsmError } from '../keys/hsm.ts';
import type { Where } from './client-key.ts';
import { Connection } from './connection.ts';

const connectMilliseconds = 2_000;
const queueLimit = 4_096;
/** What takes seconds each is refused soon rather than late. */
const makerLimit = 16;
/** The maker is started when the first wants it. */
const makerMilliseconds = 10_000;
/** Token objects are made and destroyed by this host alone, one at a time. */
const keeper = 0;
const tickMilliseconds = 50;
/** How often a host that has no token is asked whether it has it again. */
const askTicks = 5;

export interface PoolOptions {
  readonly socketFolder: string;
  readonly hosts: number;
  readonly log: Logger;
  /** Asks a host that had no token whether it has it again. */
  readonly ask: (connection: Connection, index: number) => void;
}

interface Waiter {
  readonly where: Where;
  readonly deadlineAt: number;
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: HsmError) => void;
}

export class Pool {
  readonly connections: readonly Connection[];
  readonly #ask: PoolOptions['ask'];
  readonly #connect: (index: number) => Connection;
  #maker: Connection | undefined;
  readonly #timer: NodeJS.Timeout;
  #waiters: Waiter[] = [];
  #id = 0;
  #turn = 0;
  #ticks = 0;
  #closed = false;

  constructor({ socketFolder, hosts, log, ask }: PoolOptions) {
    this.#ask = ask;
    this.#connect = (index) =>
      new Connection({
        socketFolder,
        index,
        queueLimit: index < hosts ? queueLimit : makerLimit,
        nextId: () => ++this.#id,
        onAttached: () => this.#serveWaiters(),
        onProblem: (problem) => log.warn({ host: index }, problem),
      });
    this.connections = Array.from({ length: hosts }, (_, index) => this.#connect(index));
    this.#timer = setInterval(() => this.#tick(), tickMilliseconds);
    this.#timer.unref();
  }

  /**
   * The host with the fewest requests in flight, of those that answer and have their token.
   * @param where or the one host that will do
   * @returns `undefined` where none is connected
   */
  pick(where: Where): Connection | undefined {
    const { connections } = this;
    if (where !== 'any') {
      const connection = where === 'keeper' ? connections[keeper] : this.#maker;
      return connection?.attached ? connection : undefined;
    }
    let best: Connection | undefined;
    let bestLoad = Number.POSITIVE_INFINITY;
    this.#turn = (this.#turn + 1) % connections.length;
    for (let step = 0; step < connections.length; step++) {
      const connection = connections[(this.#turn + step) % connections.length];
      if (connection === undefined || !connection.attached) continue;
      // One that doesn't answer, or answers at once that it can't, must not draw the requests to itself.
      const load = connection.inFlight + (connection.stalled || connection.sick ? 1_000_000 : 0);
      if (load < bestLoad) {
        best = connection;
        bestLoad = load;
      }
    }
    return best;
  }

  /** Resolves when a host is connected; rejects with `unavailable` after two seconds, or ten for the maker. */
  wait(where: Where): Promise<Connection> {
    if (this.#closed) return Promise.reject(new HsmError('unavailable', 'the client is closed'));
    if (where === 'maker') this.#maker ??= this.#connect(this.connections.length);
    const milliseconds = where === 'maker' ? makerMilliseconds : connectMilliseconds;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ where, deadlineAt: performance.now() + milliseconds, resolve, reject });
    });
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const connection of this.connections) connection.close();
    this.#maker?.close();
    for (const { reject } of this.#waiters.splice(0)) {
      reject(new HsmError('unavailable', 'the client is closed'));
    }
  }

  #serveWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      const connection = this.pick(waiter.where);
      if (connection === undefined) this.#waiters.push(waiter);
      else waiter.resolve(connection);
    }
  }

  /** One coarse timer for every request: a timer each would cost more than the request. */
  #tick(): void {
    const now = performance.now();
    for (const connection of this.connections) connection.tick(now);
    this.#maker?.tick(now);
    if (++this.#ticks % askTicks === 0) {
      for (const [index, connection] of this.connections.entries()) {
        if (connection.sick && connection.attached && !connection.stalled) this.#ask(connection, index);
      }
    }
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (waiter.deadlineAt > now) this.#waiters.push(waiter);
      else waiter.reject(new HsmError('unavailable', 'no host of the token tier can be reached'));
    }
  }
}
