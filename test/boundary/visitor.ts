/** What a user of the machine can reach of a token tier: run as that user, prints what each attempt came to, as JSON. */
import { execFileSync } from 'node:child_process';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import pino from 'pino';
import { connectHsm } from '../../src/hsm/client.ts';
import { HsmError } from '../../src/keys/hsm.ts';

export interface Visit {
  readonly pinFile: string;
  readonly tokens: string;
  readonly socketFolder: string;
  readonly hosts: number;
  /** The processes of the tier, each with an address (hex) that is mapped in it. */
  readonly processes: readonly { readonly pid: number; readonly address: string }[];
  /** The compiled trace.c. */
  readonly tracer: string;
}

/** `ok`, a system error's code or an HsmError's kind. */
export type Seen = Record<string, string>;

const visit: Visit = JSON.parse(process.argv[2] ?? '');
const seen: Seen = {};

function codeOf(error: unknown): string {
  if (error instanceof HsmError) return error.kind;
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function attempt(name: string, act: () => unknown): void {
  try {
    act();
    seen[name] = 'ok';
  } catch (error) {
    seen[name] = codeOf(error);
  }
}

attempt('pin file', () => readFileSync(visit.pinFile));
attempt('token folder', () => readdirSync(visit.tokens));
attempt('attach secret', () => readFileSync(`${visit.socketFolder}/attach.secret`));
for (const { pid, address } of visit.processes) {
  for (const file of ['mem', 'environ', 'maps'])
    attempt(`${file} of ${pid}`, () => openSync(`/proc/${pid}/${file}`, 'r'));
  attempt(`fd of ${pid}`, () => readdirSync(`/proc/${pid}/fd`));
  attempt(`signal to ${pid}`, () => process.kill(pid, 0));
  const [trace = '', read = ''] = execFileSync(visit.tracer, [String(pid), address], { encoding: 'utf8' })
    .trim()
    .split(' ');
  seen[`trace of ${pid}`] = trace;
  seen[`process_vm_readv of ${pid}`] = read;
}

seen.socket = await new Promise((resolve) => {
  const socket = connect(`${visit.socketFolder}/host-0.sock`);
  socket.on('connect', () => resolve('ok')).on('error', (error) => resolve(codeOf(error)));
  socket.unref();
});

const hsm = connectHsm({
  socketFolder: visit.socketFolder,
  hosts: visit.hosts,
  deadlineMilliseconds: 2_000,
  log: pino({ level: 'silent' }),
});
seen.attach = await hsm.random(16).then(() => 'ok', codeOf);
await hsm.close();

process.stdout.write(JSON.stringify(seen));
