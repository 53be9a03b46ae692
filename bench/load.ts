/** One measurement: wrk sends one signed request again and again over so many connections. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Process } from '../test/service.ts';
import type { SignedRequest } from '../test/sign.ts';

export interface Load {
  readonly operationsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Answers that were not 200, and what went wrong on sockets. */
  readonly errors: number;
  /** CPU microseconds an operation, by kind of process. */
  readonly cpu: Record<Process['kind'] | 'wrk', number>;
  /** Share of the machine's CPU time that others took meanwhile, the hypervisor among them: above a few per cent the row says little. */
  readonly others: number;
}

/** What the script's `done` prints. */
interface Summary {
  readonly requests: number;
  readonly microseconds: number;
  readonly errors: number;
  readonly p50: number;
  readonly p99: number;
}

const lua = (text: string) => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** The request as wrk wants it: made once, so that wrk does no work of its own for each. */
function script({ body, headers }: SignedRequest): string {
  const lines = Object.entries(headers)
    // wrk sends a Host of its own, the same
    .filter(([name]) => name !== 'host')
    .map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`);
  return `wrk.method = "POST"
wrk.body = ${lua(body)}
${lines.join('\n')}
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\\n@{"requests":%d,"microseconds":%d,"errors":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99)))
end
`;
}

/** CPU microseconds of a process so far; of its ended children where `children` is set. */
function cpuOf(pid: number | 'self', children = false): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime, stime, cutime, cstime in ticks of 10 ms: proc_pid_stat(5)
  const [own, system] = children ? [13, 14] : [11, 12];
  return (Number(fields[own]) + Number(fields[system])) * 10_000;
}

/** CPU microseconds of all cores since the machine's start: used by anybody (stolen ones too), and idle. */
function cpuOfAll(): { used: number; idle: number } {
  // user nice system idle iowait irq softirq steal guest guest_nice: proc_stat(5)
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = line
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) * 10_000);
  return { used: user + nice + system + irq + soft + steal, idle: idle + wait };
}

export async function load(options: {
  readonly url: string;
  readonly request: SignedRequest;
  readonly connections: number;
  readonly seconds: number;
  readonly processes: readonly Process[];
}): Promise<Load> {
  const { url, request, connections, seconds, processes } = options;
  const folder = mkdtempSync(join(tmpdir(), 'coffer-load-'));
  try {
    const file = join(folder, 'request.lua');
    writeFileSync(file, script(request), { mode: 0o600 });
    const before = processes.map(({ pid }) => cpuOf(pid));
    const wrkBefore = cpuOf('self', true);
    const allBefore = cpuOfAll();
    const { stdout } = await promisify(execFile)('wrk', [
      '-t1',
      `-c${connections}`,
      `-d${seconds}s`,
      '--timeout',
      '5s',
      '-s',
      file,
      `${url}${request.path}`,
    ]);
    const line = /^@(.*)$/m.exec(stdout)?.[1];
    if (line === undefined) throw new Error(`wrk printed no summary:\n${stdout}`);
    const summary: Summary = JSON.parse(line);
    const each = Math.max(1, summary.requests);
    const cpu = {
      primary: 0,
      worker: 0,
      supervisor: 0,
      host: 0,
      wrk: (cpuOf('self', true) - wrkBefore) / each,
    };
    processes.forEach(({ pid, kind }, index) => {
      cpu[kind] += (cpuOf(pid) - (before[index] ?? 0)) / each;
    });
    const all = cpuOfAll();
    const used = all.used - allBefore.used;
    const ours = each * Object.values(cpu).reduce((sum, one) => sum + one, 0);
    return {
      others: Math.max(0, used - ours) / (used + all.idle - allBefore.idle),
      operationsPerSecond: (summary.requests / summary.microseconds) * 1e6,
      p50: summary.p50 / 1_000,
      p99: summary.p99 / 1_000,
      errors: summary.errors,
      cpu,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
