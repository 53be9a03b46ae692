/** One host as the supervisor sees it: started, listened to, ended, started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import {
  absentExitCode,
  encodeStart,
  endSignal,
  fatalExitCode,
  type HostMessage,
  type Start,
  type StartOptions,
} from './start.ts';
import type { Turns } from './turn.ts';

const program = fileURLToPath(new URL('./host/main.ts', import.meta.url));
/** A host that crashes must leave no image of its memory, which holds the PIN. */
const withoutCore = 'ulimit -c 0; exec "$0" "$@"';
/** After each death in a row a longer pause. */
const pauseMilliseconds = [0, 250, 500, 1_000, 2_000, 4_000, 8_000, 10_000];
/** A host that lived this long died of something new. */
const steadyMilliseconds = 30_000;
/** How much later than its deadline a host may be silent: the heartbeat comes every second. */
const silenceMilliseconds = 2_000;
/** Until the first heartbeat a process may take this much longer: it is being loaded. */
const loadMilliseconds = 10_000;
/** How long the pipe of a process that has ended is read on, where another holds it. */
const inheritedMilliseconds = 200;

export interface HostOptions {
  readonly index: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly deadlineMilliseconds: number;
  readonly log: Logger;
  /** What a start needs, made anew for each: its secrets are zeroed once they are handed over. */
  readonly start: (restarts: number) => Omit<Start, 'options'> & { readonly options: StartOptions };
  readonly turns: Turns<Host>;
  readonly onReady: () => void;
  /** A client wants the host that makes what takes long. */
  readonly onWake: () => void;
  /** The tier must end, with this exit code. */
  readonly onFatal: (message: string, exitCode: number) => void;
}

export class Host {
  readonly #options: HostOptions;
  #child: ChildProcess | undefined;
  #pipe: Socket | undefined;
  #restarts = -1;
  #deaths = 0;
  #startedAt = 0;
  #heardAt = 0;
  #beating = false;
  #fatal: string | undefined;
  #ending = false;
  #pause: NodeJS.Timeout | undefined;
  #ended: () => void = () => {};

  constructor(options: HostOptions) {
    this.#options = options;
  }

  /** Starts the process. */
  start(): void {
    const { index, environment, log } = this.#options;
    this.#restarts++;
    let start: Start;
    try {
      start = this.#options.start(this.#restarts);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (this.#restarts === 0) {
        this.#options.onFatal(message, fatalExitCode);
        return;
      }
      log.error({ host: index }, message);
      this.#again();
      return;
    }
    const child = spawn('/bin/sh', ['-c', withoutCore, process.execPath, program], {
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'ignore', 'inherit', 'pipe'],
    });
    this.#child = child;
    this.#startedAt = performance.now();
    this.#heardAt = this.#startedAt;
    this.#beating = false;
    const bytes = encodeStart(start);
    start.pin.fill(0);
    // The pipe stays open: a host ends when it closes, as it does when this process dies.
    child.stdin?.on('error', () => {});
    child.stdin?.write(bytes, () => bytes.fill(0));
    const pipe = child.stdio[3];
    if (pipe instanceof Socket) this.#listen(pipe);
    child.once('error', (error) => {
      log.error({ host: index, err: error }, "a host can't be started");
      if (child.pid === undefined) this.#died(`can't be started: ${error.message}`);
    });
    // A process that the library started may have inherited the pipe, and hold it for longer than this one lives.
    child.once('exit', () => {
      const timer = setTimeout(() => {
        child.stdin?.destroy();
        if (pipe instanceof Socket) pipe.destroy();
      }, inheritedMilliseconds);
      child.once('close', () => clearTimeout(timer));
    });
    // `close` and not `exit`: what it said last is read by then.
    child.once('close', (code, signal) => {
      if (this.#child !== child) return;
      if (code === fatalExitCode || code === absentExitCode) {
        // The turn isn't given on: the next would only try the same PIN.
        this.#child = undefined;
        this.#ended();
        if (this.#ending) return;
        this.#options.onFatal(this.#fatal ?? "a host refused to start and didn't say why", code);
        return;
      }
      this.#died(signal === null ? `exited with ${code}` : `was ended by ${signal}`);
    });
  }

  /** Ends a host that was silent for too long: stopped as a whole, or too busy to be of use. */
  checkHeartbeat(now: number): void {
    const child = this.#child;
    if (child === undefined) return;
    const limit =
      this.#options.deadlineMilliseconds + (this.#beating ? silenceMilliseconds : loadMilliseconds);
    const silent = now - this.#heardAt;
    if (silent < limit) return;
    const { index, log } = this.#options;
    log.error(
      { host: index, milliseconds: Math.round(silent) },
      'a host gives no sign of life: it is killed',
    );
    this.#heardAt = now;
    child.kill('SIGKILL');
  }

  /** The supervisor itself was stopped for a while: silence meanwhile says nothing. */
  excuse(now: number): void {
    this.#heardAt = now;
  }

  /** Ends the process for good. */
  end(): Promise<void> {
    this.#ending = true;
    clearTimeout(this.#pause);
    const child = this.#child;
    if (child === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#ended = resolve;
      child.kill(endSignal);
      // It may be waiting for its turn.
      this.#pipe?.end();
      setTimeout(() => child.kill('SIGKILL'), 1_000).unref();
    });
  }

  #died(how: string): void {
    this.#child = undefined;
    this.#options.turns.release(this);
    this.#ended();
    if (this.#ending) return;
    const lived = performance.now() - this.#startedAt;
    const { index, log } = this.#options;
    log.error({ host: index, lived: Math.round(lived) }, `a host ${how}: another is started`);
    if (lived >= steadyMilliseconds) this.#deaths = 0;
    this.#again();
  }

  #again(): void {
    if (this.#ending) return;
    const pause = pauseMilliseconds[Math.min(this.#deaths, pauseMilliseconds.length - 1)] ?? 0;
    this.#deaths++;
    if (pause === 0) this.start();
    else this.#pause = setTimeout(() => this.start(), pause);
  }

  #listen(pipe: Socket): void {
    this.#pipe = pipe;
    let rest = '';
    pipe.setEncoding('utf8');
    pipe.on('error', () => {});
    pipe.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#hear(JSON.parse(line));
    });
  }

  #hear(message: HostMessage): void {
    const { index, log } = this.#options;
    this.#heardAt = performance.now();
    switch (message.type) {
      case 'heartbeat':
        this.#beating = true;
        return;
      case 'deadline':
        log.error(
          { host: index, milliseconds: message.milliseconds },
          'a call is past its deadline: its host ends',
        );
        return;
      case 'login':
        this.#options.turns.take(this, () => this.#pipe?.write('.'));
        return;
      case 'logged-in':
        this.#options.turns.release(this);
        return;
      case 'wake':
        this.#options.onWake();
        return;
      case 'ready':
        log.info({ host: index, process: this.#child?.pid, restarts: this.#restarts }, 'a host serves');
        this.#options.onReady();
        return;
      case 'fatal':
        this.#fatal = message.message;
        return;
      case 'log':
        log[message.level]({ host: index }, message.message);
        return;
      default:
        message satisfies never;
    }
  }
}
