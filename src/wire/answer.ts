import type { IncomingMessage, ServerResponse } from 'node:http';
import type { KmsError } from '../errors.ts';
import { errorBody, statusOf } from './errors.ts';

export const amzJson = 'application/x-amz-json-1.1';
export const xml = 'text/xml';

/** Sends an answer. Headers as a flat list, head and body in one write: this is on the hot path. */
export function answer(response: ServerResponse, requestId: string, type: string, body: string): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(200, [
    'x-amzn-RequestId',
    requestId,
    'Content-Type',
    type,
    'Content-Length',
    String(Buffer.byteLength(body)),
  ]);
  response.end(body);
}

/** An error as a protocol writes it. */
export interface Fault {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** What AWS JSON's clients read instead of the body. */
  readonly errorType?: string;
}

/** As AWS JSON 1.1 writes an error. @param status where it differs from the table's */
export function jsonFault(error: KmsError, status: number = statusOf(error.code)): Fault {
  return { status, contentType: amzJson, body: errorBody(error), errorType: error.code };
}

/** Sends an error, also where the request's body is still on its way. */
export function answerError(
  response: ServerResponse,
  requestId: string,
  { status, contentType, body, errorType }: Fault,
): void {
  if (response.headersSent || response.destroyed) return;
  const rest = unread(response.req);
  // What is left of such a request on the connection is not worth waiting for.
  if (status === 408 || rest > worthReading) response.shouldKeepAlive = false;
  response.writeHead(status, [
    'x-amzn-RequestId',
    requestId,
    ...(errorType === undefined ? [] : ['x-amzn-ErrorType', errorType]),
    'Content-Type',
    contentType,
    'Content-Length',
    String(Buffer.byteLength(body)),
  ]);
  if (status !== 408 && rest > worthReading) {
    response.write(body);
    linger(response.req, response);
  } else {
    response.end(body);
    response.req.resume();
  }
}

/** Bytes of a body that nobody wants which are read all the same, so that the connection can be used again. */
const worthReading = 1024 * 1024;
/** What is read and dropped of a longer one: bytes and milliseconds. */
const patience = { bytes: 16 * worthReading, milliseconds: 10_000 };

/** @returns how many bytes may still come at most */
function unread(request: IncomingMessage): number {
  if (request.complete) return 0;
  if (request.headers['transfer-encoding'] !== undefined) return Number.POSITIVE_INFINITY;
  return Number(request.headers['content-length'] ?? 0);
}

/**
 * The whole answer is sent, but not its end, upon which the connection would be closed: closing one on which bytes
 * come in resets it (RFC 9112 §9.6), and a client that sends all before it reads would lose the answer.
 */
function linger(request: IncomingMessage, response: ServerResponse): void {
  let left = patience.bytes;
  const end = () => {
    clearTimeout(timer);
    request.off('data', drop).off('end', end).off('close', end);
    response.end();
  };
  const drop = (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) end();
  };
  const timer = setTimeout(end, patience.milliseconds);
  request.on('data', drop).on('end', end).on('close', end);
  // Whoever hangs up is done with.
  request.on('error', () => {});
}
