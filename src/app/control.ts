import { rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { Reconciliation } from '../jobs/mend.ts';
import type { ChangeOutcome, ChangeRecord, ChangeWriter } from '../keys/repository.ts';
import type { Change } from '../store/store.ts';

/**
 * How a command of the machine's operator has the primary do something while the service runs: over a socket that
 * nobody else may open, one JSON request a line and one JSON answer a line. It says what a change is to be and how it
 * is recorded, or that store and token are to be compared, and nothing else: who may write the store's folder could do
 * as much to the store.
 */
type ControlRequest =
  | { readonly type: 'change'; readonly change: Change; readonly record?: ChangeRecord }
  | ReconcileRequest;

export interface ReconcileRequest {
  readonly type: 'reconcile';
  readonly mend: boolean;
  /** Who asks, for the trail. */
  readonly operator: string;
}

type ControlAnswer =
  | { readonly type: 'outcome'; readonly outcome: ChangeOutcome }
  | { readonly type: 'reconciled'; readonly reconciliation: Reconciliation }
  | { readonly type: 'failed'; readonly detail: string };

/** Bytes of a line; the longest change puts a key policy. */
const longestLine = 1024 * 1024;

export function controlSocket(storeFile: string): string {
  return join(dirname(storeFile), 'control.sock');
}

/** Buffers as Buffer.toJSON has them. */
function parse(line: string): unknown {
  return JSON.parse(line, (_name, value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value
      ? Buffer.from(Array.isArray(value.data) ? value.data : [])
      : value,
  );
}

export interface Control {
  close(): Promise<void>;
}

/** Serves the control socket. The store's lock is held: whatever socket is there was left by who is gone. */
export async function openControl(
  storeFile: string,
  changes: ChangeWriter<Change>,
  reconcile: (request: ReconcileRequest) => Promise<Reconciliation>,
  log: Logger,
): Promise<Control> {
  const path = controlSocket(storeFile);
  const open = new Set<Socket>();
  const busy = new Set<Promise<unknown>>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => undefined);
    void serve(socket);
  });

  async function serve(socket: Socket): Promise<void> {
    try {
      for await (const line of lines(socket)) {
        const answered = answer(line).then((made) => socket.write(`${JSON.stringify(made)}\n`));
        busy.add(answered);
        await answered.finally(() => busy.delete(answered));
      }
    } catch (cause) {
      log.warn({ err: cause }, 'a request on the control socket was not understood');
    }
    socket.destroy();
  }

  async function answer(line: string): Promise<ControlAnswer> {
    // It comes from a command of this very version, as this very user.
    const request = parse(line) as ControlRequest;
    try {
      switch (request.type) {
        case 'change':
          return { type: 'outcome', outcome: await changes.apply(request.change, request.record) };
        case 'reconcile':
          return { type: 'reconciled', reconciliation: await reconcile(request) };
        default:
          request satisfies never;
      }
    } catch (cause) {
      const change = request.type === 'change' ? request.change.type : request.type;
      log.error({ err: cause, change }, 'a request on the control socket failed');
      return { type: 'failed', detail: String(cause) };
    }
    throw new Error('nothing else is done here');
  }

  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The socket is made in this very call: nobody opens it before it has its mode.
    const before = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(before);
    }
  });
  server.on('error', (cause) => log.error({ err: cause }, 'the control socket has a problem'));
  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      // What is being made is answered.
      await Promise.allSettled(busy);
      // Not `end`: a client that is stopped, or doesn't hang up, would keep the service from ending.
      for (const socket of open) socket.destroySoon();
      await closed;
    },
  };
}

async function* lines(socket: Socket): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of socket.setEncoding('utf8')) {
    rest += String(chunk);
    if (rest.length > longestLine) throw new Error('a line is too long');
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      yield rest.slice(0, end);
      rest = rest.slice(end + 1);
    }
  }
}

/** The primary of a service that runs, as the operator's commands see it. */
export interface ControlClient extends ChangeWriter<Change> {
  reconcile(request: Omit<ReconcileRequest, 'type'>): Promise<Reconciliation>;
  close(): void;
}

const gone = { value: undefined };

/** @returns `undefined` where nobody serves */
export async function connectControl(storeFile: string): Promise<ControlClient | undefined> {
  const socket = createConnection(controlSocket(storeFile));
  try {
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  } catch (cause) {
    if (
      cause instanceof Error &&
      'code' in cause &&
      ['ENOENT', 'ECONNREFUSED'].includes(String(cause.code))
    ) {
      return undefined;
    }
    throw cause;
  }
  const answers = lines(socket);
  socket.on('error', () => undefined);
  const ask = async (request: ControlRequest): Promise<ControlAnswer> => {
    socket.write(`${JSON.stringify(request)}\n`);
    const { value: line } = await answers.next().catch(() => gone);
    if (line === undefined) {
      throw new Error(
        'the service ended before it answered: whether the change was made is for its trail to say',
      );
    }
    const answer = parse(line) as ControlAnswer;
    if (answer.type === 'failed') {
      const what = request.type === 'change' ? 'make the change' : 'compare store and token';
      throw new Error(`the service could not ${what}: ${answer.detail}`);
    }
    return answer;
  };
  return {
    async apply(change, record) {
      const answer = await ask({ type: 'change', change, record });
      if (answer.type !== 'outcome') throw new Error(`the service answered \`${answer.type}\``);
      return answer.outcome;
    },
    async reconcile(request) {
      const answer = await ask({ type: 'reconcile', ...request });
      if (answer.type !== 'reconciled') throw new Error(`the service answered \`${answer.type}\``);
      return answer.reconciliation;
    },
    close: () => socket.destroy(),
  };
}
