import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { z } from 'zod';
import { initialise, type SoftHsm } from '../../softhsm/initialise.ts';
import { connectHsm } from '../../src/hsm/client.ts';
import type { Hsm } from '../../src/keys/hsm.ts';
import { buildFaultModule } from './build.ts';
import { children, isAlive } from './process.ts';

/** The checkout that the test runs from; ends with a slash. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

export type FaultName = 'error' | 'stuck' | 'slow' | 'hang' | 'linger' | 'crash' | 'forget' | 'wrong' | 'lie';

/** One rule of the fault module (module.c says what each fault does). */
export interface Fault {
  readonly times: 'once' | 'always';
  readonly fault: FaultName;
  /** `C_Encrypt`, … */
  readonly call: string;
  /** Bytes of input data: tells a test's own call from a health check. Any by default. */
  readonly length?: number;
  /** A CKR code, milliseconds, calls to let pass or an attribute's type, as the fault has it. */
  readonly argument?: number;
}

/** Process groups that must not outlive the test run. */
const groups = new Set<number>();

process.on('exit', () => {
  for (const group of groups) end(group);
});

function end(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

export interface TierOptions {
  readonly hosts?: number;
  readonly deadlineMilliseconds?: number;
  /** Whether the fault module stands in front of SoftHSM. */
  readonly faults?: boolean;
  /** The group that may attach. */
  readonly socketGroup?: string;
  /** A command line that the supervisor's is appended to: runs it as another user. */
  readonly prefix?: readonly [string, ...string[]];
  /** Where the supervisor finds the checkout, if not where the test does. */
  readonly root?: string;
}

/** How the supervisor ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A token tier of its own: a SoftHSM token in a temporary folder, the real supervisor and the real hosts. */
export class Tier {
  readonly folder: string;
  readonly tokens: string;
  readonly socketFolder: string;
  readonly pinFile: string;
  readonly module: string;
  readonly label: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly hosts: number;
  readonly deadlineMilliseconds: number;
  readonly configFile: string;
  #supervisor: ChildProcess | undefined;
  #ending: Promise<Ending> | undefined;
  #output = '';
  #serial = 0;
  readonly #prefix: readonly string[];
  readonly #root: string;
  readonly #clients: Hsm[] = [];

  constructor(folder: string, token: SoftHsm, options: TierOptions) {
    this.folder = folder;
    this.tokens = join(folder, 'token', 'tokens');
    this.socketFolder = join(folder, 's');
    this.pinFile = token.pinFile;
    this.module = token.module;
    this.label = token.label;
    this.environment = token.environment;
    this.hosts = options.hosts ?? 1;
    this.deadlineMilliseconds = options.deadlineMilliseconds ?? 2_000;
    this.#prefix = options.prefix ?? [];
    this.#root = options.root ?? root;
    this.configFile = join(folder, 'coffer.json');
    const config = {
      token: {
        module: options.faults ? buildFaultModule() : token.module,
        label: token.label,
        pinFile: token.pinFile,
        environment: {
          ...token.environment,
          ...(options.faults && {
            COFFER_FAULT_REAL: token.module,
            COFFER_FAULT_CONTROL: join(folder, 'control'),
            COFFER_FAULT_CALLS: join(folder, 'calls'),
          }),
        },
        socketFolder: this.socketFolder,
        socketGroup: options.socketGroup,
        hosts: this.hosts,
        deadlineMilliseconds: this.deadlineMilliseconds,
      },
    };
    writeFileSync(this.configFile, JSON.stringify(config));
  }

  /** Everything the tier has written to stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  get supervisorPid(): number {
    const pid = this.#supervisor?.pid;
    if (pid === undefined) throw new Error('the supervisor was not started');
    return pid;
  }

  /** Starts the supervisor; resolves when all hosts serve. */
  async start(): Promise<void> {
    const { supervisor, ending } = this.#spawn();
    const ready = new Promise<void>((resolve) => {
      supervisor.on('message', (message) => {
        if (z.object({ type: z.literal('ready') }).safeParse(message).success) resolve();
      });
    });
    const first = await Promise.race([ready, ending]);
    if (first !== undefined) {
      throw new Error(
        `the tier ended with ${first.code ?? first.signal} before it was ready:\n${this.#output}`,
      );
    }
  }

  /** Starts the supervisor where it is expected to end by itself. */
  startAndEnd(): Promise<Ending> {
    return this.#spawn().ending;
  }

  #spawn(): { supervisor: ChildProcess; ending: Promise<Ending> } {
    const [execPath = process.execPath, ...execArgv] =
      this.#prefix.length > 0 ? [...this.#prefix, process.execPath.replace(root, this.#root)] : [];
    const supervisor = fork(join(this.#root, 'src/main.ts'), ['token', '--config', this.configFile], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execPath,
      execArgv,
      detached: true,
    });
    const take = (chunk: Buffer) => {
      this.#output += chunk.toString();
    };
    supervisor.stdout?.on('data', take);
    supervisor.stderr?.on('data', take);
    const ending = once(supervisor, 'close').then(([code, signal]): Ending => ({ code, signal }));
    this.#supervisor = supervisor;
    this.#ending = ending;
    if (supervisor.pid !== undefined) groups.add(supervisor.pid);
    return { supervisor, ending };
  }

  /** Resolves when the supervisor and everything that holds its output has ended. */
  ended(): Promise<Ending> {
    if (this.#ending === undefined) throw new Error('the supervisor was not started');
    return this.#ending;
  }

  /** The hosts that run now, oldest first. */
  hostPids(): number[] {
    return children(this.supervisorPid).filter((pid) => isAlive(pid));
  }

  /** The one host of a tier of one, or the first of several. */
  hostPid(): number {
    const [pid] = this.hostPids();
    if (pid === undefined) throw new Error('no host is running');
    return pid;
  }

  /** A client of its own, closed with the tier. */
  connect(deadlineMilliseconds = this.deadlineMilliseconds): Hsm {
    const client = connectHsm({
      socketFolder: this.socketFolder,
      hosts: this.hosts,
      deadlineMilliseconds,
      log: pino({ level: 'silent' }),
    });
    this.#clients.push(client);
    return client;
  }

  /** Replaces the rules of the fault module. Without any it is transparent. */
  inject(...faults: readonly Fault[]): void {
    const rules = faults.map((rule) => {
      this.#serial += 1;
      const { times, fault, call, length = -1, argument = 0 } = rule;
      return `${this.#serial} ${times} ${fault} ${call} ${length} ${argument}\n`;
    });
    const next = join(this.folder, `control.${this.#serial}.next`);
    writeFileSync(next, rules.join(''));
    renameSync(next, join(this.folder, 'control'));
  }

  /** How many of the `once` rules so far have struck. */
  struck(): number {
    return readdirSync(this.folder).filter((name) => name.startsWith('control.taken.')).length;
  }

  /** How often a function of the fault module was called, in all hosts. */
  calls(name: string): number {
    const file = join(this.folder, 'calls');
    if (!existsSync(file)) return 0;
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.endsWith(` ${name}`)).length;
  }

  setPin(pin: string): void {
    writeFileSync(this.pinFile, pin);
  }

  pin(): string {
    return readFileSync(this.pinFile, 'utf8').trim();
  }

  /** Ends everything that was started and removes the folder. */
  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    const group = this.#supervisor?.pid;
    if (group !== undefined) end(group);
    await this.#ending;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Makes a token and the configuration of a tier over it; nothing is started yet. */
export function makeTier(options: TierOptions = {}): Tier {
  const folder = mkdtempSync(join(tmpdir(), 'cof-'));
  return new Tier(folder, initialise(join(folder, 'token')), options);
}
