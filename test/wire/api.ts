/** The API over real sockets, with an operation table of the test's own. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import pino from 'pino';
import { systemClock } from '../../src/clock.ts';
import type { KmsError } from '../../src/errors.ts';
import { signingKeys } from '../../src/identity/signing-keys.ts';
import { aggregate, createMetrics, type Metrics } from '../../src/metrics/registry.ts';
import { type AppOptions, createApp, type Readiness } from '../../src/wire/app.ts';
import type { Call, Dispatch, Refusal } from '../../src/wire/dispatch.ts';
import { type Listening, type ListenOptions, listen } from '../../src/wire/server.ts';
import { credential, deriveKey, principal, type Signed, sign, type ToSign } from '../identity/signing.ts';

export interface Api extends Listening {
  /** What was dispatched, and what was refused before. */
  readonly calls: Call[];
  readonly refusals: { refusal: Refusal; error: KmsError }[];
  readonly log: Record<string, unknown>[];
  readonly metrics: Metrics;
  dispatch: Dispatch;
  refused: (refusal: Refusal, error: KmsError) => Promise<void>;
  readiness: () => Promise<Readiness>;
}

/** A logger that keeps its lines. */
export function memoryLog(lines: Record<string, unknown>[]): pino.Logger {
  return pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line)) });
}

export async function startApi(
  options: Partial<ListenOptions> & Partial<Pick<AppOptions, 'body' | 'signer' | 'region'>> = {},
): Promise<Api> {
  const lines: Record<string, unknown>[] = [];
  const log = memoryLog(lines);
  const metrics = createMetrics(['Encrypt', 'ListKeys']);
  const keys = signingKeys({
    identities: {
      findAccessKey: async (accessKeyId) =>
        accessKeyId === credential.accessKeyId
          ? { accessKeyId, sealedSecret: Buffer.alloc(0), active: true, principal }
          : undefined,
    },
    derive: async (_accessKey, date, region, service) =>
      deriveKey(credential.secretAccessKey, date, region, service),
  });
  const state: Pick<Api, 'calls' | 'refusals' | 'dispatch' | 'refused' | 'readiness'> = {
    calls: [],
    refusals: [],
    dispatch: async () => ({ done: true }),
    refused: async () => {},
    readiness: async () => ({ ready: true, checks: { token: 'ok' } }),
  };
  const app = createApp({
    region: options.region ?? 'us-east-1',
    clock: systemClock,
    signer: options.signer ?? keys.find,
    metrics,
    log,
    ...(options.body && { body: options.body }),
    dispatch: (call) => {
      state.calls.push(call);
      return state.dispatch(call);
    },
    refused: (refusal, error) => {
      state.refusals.push({ refusal, error });
      return state.refused(refusal, error);
    },
    ready: () => state.readiness(),
    scrape: async () => aggregate([await metrics.snapshot()]),
  });
  const listening = await listen(app, { host: '127.0.0.1', port: 0, plainHttp: false, log, ...options });
  return Object.assign(state, { log: lines, metrics }, listening);
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The body as JSON, `undefined` where it is empty. */
  readonly json: Record<string, unknown> | undefined;
}

export function signCall(
  api: Listening,
  operation: string,
  body: string | Buffer,
  more: ToSign = {},
): Promise<Signed> {
  return sign({
    host: `127.0.0.1:${api.port}`,
    body,
    ...more,
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `TrentService.${operation}`,
      ...more.headers,
    },
  });
}

export async function call(
  api: Listening,
  operation: string,
  body: string | Buffer,
  more?: ToSign,
): Promise<Answer> {
  return await send(api, await signCall(api, operation, body, more));
}

export function send(
  api: Listening,
  { method, url, headers, body }: Pick<Signed, 'method' | 'url'> & Partial<Signed>,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      host: '127.0.0.1',
      port: api.port,
      method,
      path: url,
      headers,
      agent: false,
    });
    request.on('error', reject);
    request.on('response', (response) => resolve(readAnswer(response)));
    request.end(body);
  });
}

export async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const isJson = text.startsWith('{');
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

/** A bare connection, and all that comes back on it until it is closed. */
export function open(api: Listening): { socket: Socket; closed: Promise<string> } {
  const socket = connect(api.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  return { socket, closed: new Promise((resolve) => socket.on('close', () => resolve(text))) };
}

/** The head of a request, as it goes over the wire; what of its body comes after it is told by the headers given. */
export function head({ method, url, headers }: Signed, extra: Record<string, string> = {}): string {
  const { 'content-length': _replaced, ...kept } = headers;
  const lines = Object.entries({ ...kept, ...extra });
  return `${method} ${url} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** The bytes of a signed request. */
export function bytes(request: Signed, extra: Record<string, string> = {}): Buffer {
  const length = { 'content-length': String(request.body.length) };
  return Buffer.concat([Buffer.from(head(request, { ...length, ...extra })), request.body]);
}
