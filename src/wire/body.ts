import type { IncomingMessage } from 'node:http';
import { KmsError } from '../errors.ts';

/** Thrown where the client hangs up before its request is complete: nobody is there to be answered. */
export class Aborted extends Error {
  override readonly name = 'Aborted';
}

export interface BodyLimits {
  readonly bytes: number;
  /** From the beginning of the reading to the end of the body. */
  readonly milliseconds: number;
  /**
   * Bytes of memory for all bodies on their way, whose senders are not authenticated yet: 64 MiB where not given. The
   * first 16 KiB of each are not counted, so that those who send little are served while others fill it.
   */
  readonly total?: number;
}

/** @param declared the value of Content-Length, where there is one: Node's own headers object costs a busy service */
export type ReadBody = (request: IncomingMessage, declared: string | undefined) => Promise<Buffer>;

/** Bytes of a body that are not counted: more than Encrypt, Decrypt and the data keys ever take. */
const free = 16 * 1024;

/**
 * @returns what reads a request's body; it throws KmsError RequestEntityTooLargeException, RequestTimeoutException,
 *   ThrottlingException; Aborted
 */
export function bodyReader(limits: BodyLimits): ReadBody {
  const { bytes, milliseconds, total = 64 * 1024 * 1024 } = limits;
  /** Bytes that are counted, of all bodies on their way. */
  let held = 0;

  return async (request, declared) => {
    // A small body comes in the packet that brought the headers, and is there before the next microtask: then there
    // is nothing to listen for and no deadline to set, which a busy service notices.
    await undefined;
    const length = Number(declared);
    if (length > bytes) throw tooLarge();
    if (length !== request.readableLength) return receive(request, length);
    const body: unknown = request.read();
    // So that it ends, and the connection's parser lets go of it.
    request.resume();
    return Buffer.isBuffer(body) ? body : Buffer.alloc(0);
  };

  function tooLarge(): KmsError {
    return new KmsError('RequestEntityTooLargeException', `The request body is larger than ${bytes} bytes.`);
  }

  /** @param expected NaN where the length is not declared */
  function receive(request: IncomingMessage, expected: number): Promise<Buffer> {
    if (request.destroyed && !request.complete) return Promise.reject(new Aborted('the client hung up'));
    return new Promise((resolve, reject) => {
      // One buffer that grows, and no list of pieces: a sender of single bytes would have each of them cost hundreds.
      let body: Buffer = Buffer.alloc(0);
      let length = 0;
      let counted = 0;
      const timer = setTimeout(
        () => fail(new KmsError('RequestTimeoutException', 'The request body did not arrive in time.')),
        milliseconds,
      );
      const settle = () => {
        clearTimeout(timer);
        request.off('data', take).off('end', end).off('error', abort).off('close', abort);
        held -= counted;
        counted = 0;
      };
      const fail = (error: Error) => {
        settle();
        body = Buffer.alloc(0);
        reject(error);
      };
      const take = (chunk: Buffer) => {
        const now = length + chunk.length;
        if (now > bytes) return fail(tooLarge());
        if (length === 0 && now === expected) {
          body = chunk;
        } else {
          if (now > body.length && !grow(now))
            return fail(new KmsError('ThrottlingException', 'Rate exceeded'));
          chunk.copy(body, length);
        }
        length = now;
      };
      /** @returns whether there is memory for it */
      const grow = (needed: number): boolean => {
        const most = expected > 0 ? expected : bytes;
        const size = Math.min(most, Math.max(needed, 2 * body.length, 1024));
        const more = Math.max(0, size - free) - counted;
        if (more > 0) {
          if (held + more > total) return false;
          held += more;
          counted += more;
        }
        const larger = Buffer.allocUnsafeSlow(size);
        body.copy(larger, 0, 0, length);
        body = larger;
        return true;
      };
      const end = () => {
        settle();
        resolve(body.subarray(0, length));
      };
      const abort = (cause?: Error) => {
        if (!request.complete) fail(new Aborted('the client hung up', { cause }));
      };
      request.on('data', take).on('end', end).on('error', abort).on('close', abort);
    });
  }
}
