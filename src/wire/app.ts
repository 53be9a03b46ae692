import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { KmsError } from '../errors.ts';
import { answerError, jsonFault } from './answer.ts';
import { type CallOptions, callHandler } from './call.ts';
import { publicError } from './errors.ts';
import { shared } from './shared.ts';

export interface Readiness {
  readonly ready: boolean;
  /** What was asked and how it is: `ok` or what is wrong. */
  readonly checks: Record<string, string>;
}

export interface AppOptions extends CallOptions {
  /** One call at a time, and its answer serves for a second. */
  ready(): Promise<Readiness>;
  /** @returns Prometheus's text format, of the whole node; one call at a time, and its answer serves for a second */
  scrape(): Promise<string>;
}

/** Milliseconds. Both pages are anybody's to ask for, and cost the token, the store and the other processes work. */
const kept = 1_000;

/** The API on `POST /`, and `/healthz`, `/readyz` and `/metrics` for those who run it. */
export function createApp(options: AppOptions): Express {
  const monotonic = () => options.clock.monotonic();
  const ready = shared(async () => options.ready(), kept, monotonic);
  const scrape = shared(async () => options.scrape(), kept, monotonic);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.enable('strict routing');
  app.enable('case sensitive routing');

  // First: everything before it would be paid for by every request. No body parser: callHandler reads the bytes
  // that were signed.
  app.post('/', callHandler(options));

  app.get('/healthz', (_request, response) => plain(response, 200, 'application/json', '{"alive":true}'));
  app.get('/readyz', async (_request, response) => {
    const readiness = await ready();
    plain(response, readiness.ready ? 200 : 503, 'application/json', JSON.stringify(readiness));
  });
  app.get('/metrics', async (_request, response) => {
    plain(response, 200, 'text/plain; version=0.0.4; charset=utf-8', await scrape());
  });

  app.use((_request: Request, response: Response) => {
    answerError(response, randomUUID(), jsonFault(new KmsError('UnknownOperationException', ''), 404));
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const requestId = randomUUID();
    options.log.error({ requestId, path: request.path, err: error }, 'request failed');
    answerError(response, requestId, jsonFault(publicError(error)));
  });
  return app;
}

function plain(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  response.end(body);
}
