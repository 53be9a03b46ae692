import type { ServerResponse } from 'node:http';
import type { KmsError } from '../errors.ts';
import { errorBody, statusOf } from './errors.ts';

const amzJson = 'application/x-amz-json-1.1';

/** Sends a JSON answer. Headers as a flat list, head and body in one write: this is on the hot path. */
export function answer(response: ServerResponse, requestId: string, body: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(200, [
    'x-amzn-RequestId',
    requestId,
    'Content-Type',
    amzJson,
    'Content-Length',
    String(Buffer.byteLength(body)),
  ]);
  response.end(body);
}

/** Sends an error. @param status where it differs from the table's */
export function answerError(
  response: ServerResponse,
  requestId: string,
  error: KmsError,
  status: number = statusOf(error.code),
): void {
  if (response.headersSent || response.destroyed) return;
  // What is left of such a request on the connection is not worth waiting for.
  if (status === 408 || status === 413) response.shouldKeepAlive = false;
  const body = errorBody(error);
  response.writeHead(status, [
    'x-amzn-RequestId',
    requestId,
    'x-amzn-ErrorType',
    error.code,
    'Content-Type',
    amzJson,
    'Content-Length',
    String(Buffer.byteLength(body)),
  ]);
  response.end(body);
}
