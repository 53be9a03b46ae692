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
export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const tooLarge = () =>
      new KmsError(
        'RequestEntityTooLargeException',
        `The request body is larger than ${limits.bytes} bytes.`,
      );
    const timer = setTimeout(() => {
      reject(
        length > limits.bytes
          ? tooLarge()
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
      else if (length > limits.bytes * tolerated) fail(tooLarge());
      else chunks.length = 0;
    });
    request.on('end', () => {
      clearTimeout(timer);
      const [first = Buffer.alloc(0)] = chunks;
      if (length > limits.bytes) reject(tooLarge());
      else resolve(chunks.length > 1 ? Buffer.concat(chunks, length) : first);
    });
    request.on('error', (cause) => fail(new Aborted('the client hung up', { cause })));
    request.on('close', () => fail(new Aborted('the client hung up')));
  });
}
