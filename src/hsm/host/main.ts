/**
 * The token host: a process that loads the PKCS#11 library, logs in and answers its clients. It calls the
 * library synchronously alone, one call at a time, and does nothing but cryptography.
 */
import { readSync, writeSync } from 'node:fs';
import {
  absentExitCode,
  decodeStart,
  endSignal,
  fatalExitCode,
  type HostMessage,
  hostPipe,
  type Start,
  type StartOptions,
} from '../start.ts';
import { Deadline } from './deadline.ts';
import { OpenError } from './failure.ts';
import { TokenModule, type Turn } from './module.ts';
import { Performer } from './perform.ts';
import { serve } from './serve.ts';
import { Token } from './token.ts';

const healthMilliseconds = 2_000;
/** Opening is several calls. */
const openFactor = 2;
const retryMilliseconds = [50, 100, 250, 500, 1_000];

function tell(message: HostMessage): void {
  try {
    writeSync(hostPipe, `${JSON.stringify(message)}\n`);
  } catch {
    process.exit(1);
  }
}

function fatal(message: string, exitCode = fatalExitCode): never {
  tell({ type: 'fatal', message });
  process.exit(exitCode);
}

/** Reads the start from stdin, which then stays open: its end is the supervisor's. */
function readStart(): Promise<Start> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    let started = false;
    process.stdin.on('data', (chunk: Buffer) => {
      if (started) return;
      const joined = Buffer.concat([received, chunk]);
      received.fill(0);
      chunk.fill(0);
      received = joined;
      const start = decodeStart(received);
      if (start === undefined) return;
      received.fill(0);
      started = true;
      resolve(start);
    });
    process.stdin.on('close', () => process.exit(0));
    process.stdin.on('error', () => process.exit(0));
  });
}

/** Opens the token, and keeps at it: a token that went away may come back. */
function keepOpen({ options, pin }: Start, deadline: Deadline): Token {
  let retries = 0;
  const failed = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    if (!(error instanceof OpenError) || error.type === 'refused') fatal(message);
    if (options.first && !opened) fatal(message, absentExitCode);
    if (retries === 0) tell({ type: 'log', level: 'error', message });
    retry();
  };
  const retry = () => {
    const delay = retryMilliseconds[Math.min(retries, retryMilliseconds.length - 1)];
    retries++;
    setTimeout(open, delay);
  };
  let opened = false;
  const open = () => {
    deadline.begin(openFactor);
    try {
      token.open();
      opened = true;
      if (retries > 0) tell({ type: 'log', level: 'info', message: 'the token is back' });
      retries = 0;
    } catch (error) {
      failed(error);
    } finally {
      deadline.end();
    }
  };

  deadline.begin(openFactor);
  const token = new Token(loadModule(options, deadline), pin, (problem, cause) => {
    if (cause !== undefined) return failed(cause);
    tell({ type: 'log', level: 'error', message: `the token is lost: ${problem}` });
    retry();
  });
  deadline.end();
  open();
  setInterval(() => {
    deadline.begin();
    token.checkRegularly();
    deadline.end();
  }, healthMilliseconds);
  return token;
}

/** Asks the supervisor, and blocks: nothing else goes on in this process meanwhile. */
function turnOf(deadline: Deadline): Turn {
  const granted = Buffer.alloc(1);
  return {
    take() {
      // The others' logins aren't this host's delay.
      deadline.end();
      tell({ type: 'login' });
      if (readSync(hostPipe, granted) === 0) process.exit(0);
      deadline.begin(openFactor);
    },
    release: () => tell({ type: 'logged-in' }),
  };
}

/** A library that can't be loaded now can't be loaded later by the same process. */
function loadModule(options: StartOptions, deadline: Deadline): TokenModule {
  try {
    return new TokenModule(options, turnOf(deadline));
  } catch (error) {
    fatal(error instanceof Error ? error.message : String(error));
  }
}

// Ctrl-C goes to the whole group, and a service manager's SIGTERM may: the supervisor decides when a host ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const start = await readStart();
const deadline = await Deadline.start(start.options.deadlineMilliseconds, hostPipe);
const token = keepOpen(start, deadline);
const { restarts, hostOaep, hostUnwrap } = start.options;
const performer = new Performer(token, restarts, { hostOaep, hostUnwrap }, () => tell({ type: 'wake' }));
await serve({ options: start.options, attachSecret: start.attachSecret, performer, deadline });
tell({ type: 'ready' });
process.on(endSignal, () => {
  // A network HSM keeps the sessions of a client that didn't say goodbye.
  deadline.begin();
  token.close();
  process.exit(0);
});
