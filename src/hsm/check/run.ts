/** Checking a token: the library is loaded in a process of its own, which may crash or hang. */
import { spawn } from 'node:child_process';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { ReadPin } from '../pin.ts';
import { encodeParts } from '../start.ts';
import { Findings } from './findings.ts';
import { type CheckMessage, type CheckOptions, openStep } from './message.ts';
import type { Report } from './report.ts';

const program = fileURLToPath(new URL('../host/check/main.ts', import.meta.url));
/** The library's crash must leave no image of its memory, which holds the PIN. */
const withoutCore = 'ulimit -c 0; exec "$0" "$@"';
/** Until the first message a process may take so long: it is being loaded. */
const loadMilliseconds = 30_000;

/** The check can't be made: the message says what to do. */
export class CheckError extends Error {
  override readonly name = 'CheckError';
}

export interface Check extends Omit<CheckOptions, 'done' | 'attributes'> {
  /** Set for the library's process alone. */
  readonly environment: Readonly<Record<string, string>>;
  readonly readPin: ReadPin;
}

/** How one process ended. */
type Ending =
  | { readonly type: 'finished' }
  | { readonly type: 'refused'; readonly message: string }
  | {
      readonly type: 'crash' | 'hang';
      readonly detail: string;
      /** Whether the PIN was being tried, which is then not tried again. */
      readonly loggingIn: boolean;
    };

/** @throws CheckError where the token can't be checked at all */
export async function checkToken(check: Check): Promise<Report> {
  const findings = new Findings();
  for (;;) {
    const ending = await runOnce(check, findings);
    switch (ending.type) {
      case 'finished':
        return findings.report();
      case 'refused':
        throw new CheckError(ending.message);
      case 'crash':
      case 'hang': {
        const { step } = findings;
        if (ending.loggingIn) {
          throw new CheckError(`${ending.detail} while it was given the PIN, which is not tried again`);
        }
        if (step === undefined || step === openStep) {
          throw new CheckError(`${ending.detail} before anything could be checked`);
        }
        findings.lose(ending.type, ending.detail);
        break;
      }
      default:
        return ending satisfies never;
    }
  }
}

function runOnce({ environment, readPin, ...options }: Check, findings: Findings): Promise<Ending> {
  const pin = readPin();
  const order: CheckOptions = {
    ...options,
    done: [...findings.done],
    attributes: findings.attributes,
  };
  return new Promise((resolve) => {
    const child = spawn('/bin/sh', ['-c', withoutCore, process.execPath, program], {
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    });
    let loggingIn = false;
    let hanging: string | undefined;
    let refused: string | undefined;
    let finished = false;
    let timer: NodeJS.Timeout;
    const within = (milliseconds: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        hanging = `the library did not answer within ${milliseconds} ms`;
        child.kill('SIGKILL');
      }, milliseconds);
    };
    within(loadMilliseconds);
    const bytes = encodeParts([Buffer.from(JSON.stringify(order), 'utf8'), pin]);
    pin.fill(0);
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(bytes, () => bytes.fill(0));
    // What a library prints isn't the report's, and not all of it is for others to read.
    child.stderr?.resume();
    const hear = (message: CheckMessage) => {
      switch (message.type) {
        case 'begin':
          findings.begin(message.step, message.lost);
          within(message.milliseconds);
          return;
        case 'end':
          findings.end(message.results);
          return;
        case 'login':
          loggingIn = true;
          return;
        case 'logged-in':
          loggingIn = false;
          return;
        case 'refused':
          refused = message.message;
          return;
        case 'finished':
          finished = true;
          return;
        default:
          message satisfies never;
      }
    };
    const pipe = child.stdio[3];
    if (pipe instanceof Socket) listen(pipe, hear);
    child.once('error', (cause) => {
      refused ??= `the process that loads the library can't be started: ${cause.message}`;
    });
    // Whatever the library started may hold the pipe for longer than this process lives.
    child.once('exit', () => {
      clearTimeout(timer);
      setTimeout(() => {
        child.stderr?.destroy();
        if (pipe instanceof Socket) pipe.destroy();
      }, 200).unref();
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      if (refused !== undefined) resolve({ type: 'refused', message: refused });
      else if (hanging !== undefined) resolve({ type: 'hang', detail: hanging, loggingIn });
      else if (finished) resolve({ type: 'finished' });
      else {
        const how = signal === null ? `ended its process with ${code}` : `crashed (${signal})`;
        resolve({ type: 'crash', detail: `the library ${how}`, loggingIn });
      }
    });
  });
}

function listen(pipe: Socket, hear: (message: CheckMessage) => void): void {
  let rest = '';
  pipe.setEncoding('utf8');
  pipe.on('error', () => undefined);
  pipe.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) hear(JSON.parse(line));
  });
}
