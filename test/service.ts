/** The whole of Coffer for a test: a temporary folder, a SoftHSM token, `coffer init`, `coffer serve`. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { KMS, type KMSClientConfig } from '@aws-sdk/client-kms';

const root = resolve(import.meta.dirname, '..');
const run = promisify(execFile);

export interface ServiceOptions {
  /** API processes; 2 by default. */
  readonly workers?: number;
  /** Token hosts; 2 by default. */
  readonly hosts?: number;
  /** Absolute, where they aren't to lie in the service's folder (a small mount). */
  readonly storeFile?: string;
  readonly trailFolder?: string;
  readonly segmentBytes?: number;
  readonly deadlineMilliseconds?: number;
  /** Whether a host may unwrap imported material where the token can't; not where it isn't said. */
  readonly hostUnwrap?: boolean;
  /** Added to the environment of `coffer serve`. */
  readonly environment?: Record<string, string>;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface Process {
  readonly pid: number;
  readonly kind: 'primary' | 'worker' | 'supervisor' | 'host';
}

export interface TokenSettings {
  readonly module: string;
  readonly label: string;
  readonly pinFile: string;
  readonly environment: Record<string, string>;
}

export interface Service {
  readonly url: string;
  readonly region: string;
  readonly account: string;
  readonly credentials: Credentials;
  readonly folder: string;
  readonly configFile: string;
  readonly credentialsFile: string;
  readonly storeFile: string;
  readonly trailFolder: string;
  readonly token: TokenSettings;
  /** Lines of the log, oldest first: the last 2,000 of every start. */
  readonly log: readonly string[];
  /** What `coffer serve` has printed on stdout since it was last started. */
  readonly output: string;
  /** An SDK client that doesn't retry; destroyed with the service. */
  client(options?: KMSClientConfig): KMS;
  /** The living processes of the service. */
  processes(): Process[];
  pids(): number[];
  /** SIGTERM. @returns the exit code */
  stop(): Promise<number | null>;
  /** SIGKILL to the whole process group; resolves when nothing of it lives. */
  kill9(): Promise<void>;
  /** Starts `coffer serve` again, on any free port: `url` changes. @returns milliseconds until it served */
  start(): Promise<number>;
  /** Ends what runs and removes the folder. */
  remove(): Promise<void>;
}

/** Process groups that must not outlive this process. */
const groups = new Set<number>();

process.on('exit', () => {
  for (const group of groups) signal(group, 'SIGKILL');
});
// A time limit outside ends this process by a signal, which would pass over the line above.
for (const [name, number] of Object.entries({ SIGTERM: 15, SIGHUP: 1 })) {
  process.once(name, () => process.exit(128 + number));
}

/** No `AWS_…`, `NODE_OPTIONS` or the like of whoever runs the tests. */
export function cleanEnvironment(added: Record<string, string> = {}): Record<string, string> {
  const kept = ['PATH', 'HOME', 'USER', 'LANG', 'TMPDIR'];
  const pairs = kept.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return { ...Object.fromEntries(pairs), ...added };
}

function signal(group: number, name: NodeJS.Signals): void {
  try {
    process.kill(-group, name);
  } catch {
    // nothing of it lives
  }
}

function living(group: number): Process[] {
  const found: Process[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      // `pid (name) state ppid pgrp …`, where the name may hold anything: proc_pid_stat(5)
      const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (state === 'Z' || Number(processGroup) !== group) continue;
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8');
      const kind =
        pid === group
          ? 'primary'
          : command.includes('hsm/host')
            ? 'host'
            : /\0token\0/.test(command)
              ? 'supervisor'
              : 'worker';
      found.push({ pid, kind });
    } catch {
      // ended while we looked
    }
  }
  return found;
}

/** Reads the profile `coffer` of a credentials file. */
function readCredentials(file: string): Credentials {
  const text = readFileSync(file, 'utf8');
  const value = (name: string) => new RegExp(`^${name}\\s*=\\s*(\\S+)$`, 'm').exec(text)?.[1];
  const accessKeyId = value('aws_access_key_id');
  const secretAccessKey = value('aws_secret_access_key');
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new Error(`no credentials in ${file}`);
  return { accessKeyId, secretAccessKey };
}

/** Makes a fresh Coffer and starts it. */
export async function startService(options: ServiceOptions = {}): Promise<Service> {
  // Short: a Unix socket's path has 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), 'coffer-'));
  try {
    return await prepare(folder, options);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

async function prepare(folder: string, options: ServiceOptions): Promise<Service> {
  const node = join(root, 'scripts/node');
  const coffer = join(root, 'scripts/coffer');
  const configFile = join(folder, 'coffer.json');
  const credentialsFile = join(folder, 'aws/credentials');
  const storeFile = options.storeFile ?? join(folder, 'store/coffer.db');
  const trailFolder = options.trailFolder ?? join(folder, 'trail');
  const region = 'us-east-1';
  const env = cleanEnvironment();

  const initialise = join(root, 'softhsm/initialise.ts');
  const made = await run(node, [initialise, join(folder, 'softhsm')], { env });
  const token: TokenSettings = JSON.parse(made.stdout);
  const config = {
    region,
    listen: { host: '127.0.0.1', port: 0 },
    workers: options.workers ?? 2,
    store: { file: storeFile },
    trail: {
      folder: trailFolder,
      ...(options.segmentBytes !== undefined && { segmentBytes: options.segmentBytes }),
    },
    token: {
      ...token,
      socketFolder: 'run',
      hosts: options.hosts ?? 2,
      start: true,
      ...(options.hostUnwrap !== undefined && { hostUnwrap: options.hostUnwrap }),
      ...(options.deadlineMilliseconds !== undefined && {
        deadlineMilliseconds: options.deadlineMilliseconds,
      }),
    },
  };
  writeFileSync(configFile, JSON.stringify(config, undefined, 2));
  mkdirSync(join(folder, 'aws'), { mode: 0o700 });
  const init = await run(coffer, ['init', '--config', configFile, '--credentials', credentialsFile], { env });
  const { account }: { account: string } = JSON.parse(init.stdout);

  const log: string[] = [];
  const clients: KMS[] = [];
  let url = '';
  let output = '';
  let child: ChildProcess | undefined;
  let ended: Promise<number | null> = Promise.resolve(null);

  const start = async (): Promise<number> => {
    const began = performance.now();
    const serving = spawn(coffer, ['serve', '--config', configFile], {
      // A group of its own, which kill9 ends as a whole.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: cleanEnvironment(options.environment),
    });
    const group = serving.pid;
    if (group === undefined) throw new Error(`can't run ${coffer}`);
    groups.add(group);
    child = serving;
    url = '';
    output = '';
    let rest = '';
    serving.stderr.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      log.push(...lines);
      if (log.length > 2_000) log.splice(0, log.length - 2_000);
    });
    ended = new Promise((settle) => {
      serving.once('exit', (code) => {
        // Whatever outlived the primary doesn't outlive the test.
        if (living(group).length === 0) groups.delete(group);
        settle(code);
      });
    });
    await new Promise<void>((settle, fail) => {
      const give = (why: string) => {
        signal(group, 'SIGKILL');
        fail(new Error(`coffer serve ${why}:\n${log.slice(-20).join('\n')}\n${rest}`));
      };
      const timer = setTimeout(give, 20_000, 'did not serve within 20 s');
      const over = (code: number | null) => {
        clearTimeout(timer);
        // its last words may still be in the pipe
        setTimeout(give, 50, `ended with ${code}`);
      };
      serving.once('exit', over);
      serving.stdout.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const found = /serving on (https?:\/\/\S+)\n/.exec(output)?.[1];
        if (found === undefined || url !== '') return;
        url = found;
        clearTimeout(timer);
        serving.off('exit', over);
        settle();
      });
    });
    return performance.now() - began;
  };

  const kill9 = async () => {
    const group = child?.pid;
    if (group === undefined) return;
    signal(group, 'SIGKILL');
    await ended;
    while (living(group).length > 0) {
      signal(group, 'SIGKILL');
      await pause(2);
    }
    groups.delete(group);
    child = undefined;
    url = '';
  };

  await start();
  return {
    region,
    account,
    credentials: readCredentials(credentialsFile),
    folder,
    configFile,
    credentialsFile,
    storeFile,
    trailFolder,
    token,
    log,
    get url() {
      return url;
    },
    get output() {
      return output;
    },
    client(given = {}) {
      const client = new KMS({
        region,
        endpoint: url,
        credentials: readCredentials(credentialsFile),
        maxAttempts: 1,
        ...given,
      });
      clients.push(client);
      return client;
    },
    processes: () => (child?.pid === undefined ? [] : living(child.pid)),
    pids: () => (child?.pid === undefined ? [] : living(child.pid).map(({ pid }) => pid)),
    async stop() {
      const group = child?.pid;
      if (group === undefined) return null;
      // To the primary alone, as a service manager would.
      process.kill(group, 'SIGTERM');
      const code = await ended;
      child = undefined;
      url = '';
      return code;
    },
    kill9,
    start,
    async remove() {
      for (const client of clients) client.destroy();
      await kill9();
      // To look at what a failed test has left.
      if (process.env.COFFER_KEEP !== undefined) console.error(`kept ${folder}`);
      else rmSync(folder, { recursive: true, force: true });
    },
  };
}
