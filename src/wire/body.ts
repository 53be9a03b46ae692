import type { IncomingMessage } from 'node:http';
import { KmsError } from '../errors.ts';

/** Thrown where the client hangs up before its request is complete: nobody is there to be answered. */
export class Aborted extends Error {
  override readonly name = 'Aborted';
}

export interface BodyLimits {
  readonly bytes: number;
  /** From the end of the headers to the end of the body. */
  readonly milliseconds: number;
}

/** So much more than the limit is read and dropped, for a client that reads no answer before it has sent all. */
const tolerated = 16;

/**
 * Reads a request's body.
 * @throws KmsError RequestEntityTooLargeException, RequestTimeoutException; Aborted
 */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  // A small body comes in the packet that brought the headers, and is there before the next microtask: then there
  // is nothing to listen for and no deadline to set, which a busy service notices.
  await undefined;
  const length = Number(request.headers['content-length']);
  if (length !== request.readableLength || length > limits.bytes) return receive(request, limits);
  const body: unknown = request.read();
  // So that it ends, and the connection's parser lets go of it.
  request.resume();
  return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
}

function tooLarge({ bytes }: BodyLimits): KmsError {
  return new KmsError('RequestEntityTooLargeException', `The request body is larger than ${bytes} bytes.`);
}

function receive(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(() => {
      reject(
        length > limits.bytes
          ? tooLarge(limits)
          : new KmsError('RequestTimeoutException', 'The request body did not arrive in time.'),
      );
    }, limits.milliseconds);
    const fail = (error: Error) => {
      clearTimeout(timer);
      reject(error);
    };
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limits.bytes) chunks.push(chunk);
      else if (length > limits.bytes * tolerated) fail(tooLarge(limits));
      else chunks.length = 0;
    });
    request.on('end', () => {
      clearTimeout(timer);
      if (length > limits.bytes) reject(tooLarge(limits));
      else resolve(Buffer.concat(chunks, length));
    });
    request.on('error', (cause) => fail(new Aborted('the client hung up', { cause })));
    request.on('close', () => {
      if (!request.complete) fail(new Aborted('the client hung up'));
    });
  });
}
