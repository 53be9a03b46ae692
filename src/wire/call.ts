import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { KmsError } from '../errors.ts';
import { RequestHeaders } from '../identity/sigv4/headers.ts';
import { claimOf, type FindSigner, judge, type Verified, verify } from '../identity/sigv4/verify.ts';
import type { Metrics } from '../metrics/registry.ts';
import { answer, answerError } from './answer.ts';
import { Aborted, type BodyLimits, bodyReader } from './body.ts';
import type { Dispatch, Origin, Refused } from './dispatch.ts';
import { publicError, statusOf } from './errors.ts';
import { parseBody } from './json.ts';

export interface CallOptions {
  readonly region: string;
  readonly clock: Clock;
  /** The signing keys' `find`. */
  readonly signer: FindSigner;
  readonly dispatch: Dispatch;
  readonly refused: Refused;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** 1 MiB and 10 seconds where not given. */
  readonly body?: BodyLimits;
}

/**
 * Answers one AWS JSON 1.1 request: judge what it claims, read it, verify its signature, parse, dispatch. Never rejects.
 *
 * INVARIANT: no body is read and nothing is remembered of a request whose headers alone show that it will be refused.
 */
export function callHandler(
  options: CallOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { dispatch, refused, metrics, log, clock } = options;
  const readBody = bodyReader(options.body ?? { bytes: 1024 * 1024, milliseconds: 10_000 });
  const audience = { region: options.region, service: 'kms', clock };

  return async (request, response) => {
    const headers = new RequestHeaders(request.rawHeaders);
    const origin: Origin = {
      requestId: randomUUID(),
      sourceIp: peer(request.socket.remoteAddress),
      userAgent: headers.get('user-agent') ?? '',
      secure: request.socket instanceof TLSSocket,
      service: 'kms',
    };
    const operation = readTarget(headers);
    let began: number | undefined;
    let claimed: string | undefined;
    let verified: Verified | undefined;
    let input: Record<string, unknown> | undefined;
    try {
      const { method = '', url = '' } = request;
      const head = { method, url, headers };
      const claim = claimOf(head);
      claimed = claim.accessKeyId;
      const canonical = judge(head, claim, audience);
      const found = options.signer(claim.accessKeyId, claim.date, claim.region);
      const signer = found instanceof Promise ? await found : found;
      const body = await readBody(request, headers.get('content-length'));
      began = clock.monotonic();
      verified = verify(claim, canonical, signer, body, headers.get('x-amz-content-sha256'));
      if (operation === undefined || !isAmzJson(headers.get('content-type'))) {
        throw new KmsError('UnknownOperationException', '');
      }
      input = parseBody(body);
      const output = await dispatch({
        ...origin,
        operation,
        input,
        principal: verified.principal,
        accessKeyId: verified.accessKeyId,
        region: verified.region,
      });
      answer(response, origin.requestId, output === undefined ? '' : JSON.stringify(output));
      metrics.request(operation, 'none', seconds(began));
    } catch (thrown) {
      if (thrown instanceof Aborted) return;
      let error = publicError(thrown);
      if (input === undefined) {
        try {
          await refused(
            {
              ...origin,
              operation,
              principal: verified?.principal,
              accessKeyId: claimed,
              region: options.region,
            },
            error,
          );
        } catch (cause) {
          error = publicError(new Error('a refusal could not be recorded', { cause }));
        }
      }
      logError(error, origin, operation);
      answerError(response, origin.requestId, error);
      if (verified === undefined) metrics.unauthenticated(error.code);
      else metrics.request(operation, error.code, seconds(began ?? clock.monotonic()));
    }
  };

  function seconds(since: number): number {
    return (clock.monotonic() - since) / 1000;
  }

  function logError(error: KmsError, { requestId }: Origin, operation: string | undefined): void {
    if (statusOf(error.code) >= 500) {
      log.error(
        { requestId, operation, code: error.code, detail: error.detail, err: error.cause },
        'request failed',
      );
    } else if (error.detail !== undefined || error.cause !== undefined) {
      log.info(
        { requestId, operation, code: error.code, detail: error.detail, err: error.cause },
        'request refused',
      );
    }
  }
}

const prefix = 'TrentService.';

function readTarget(headers: RequestHeaders): string | undefined {
  const target = headers.get('x-amz-target');
  return target?.startsWith(prefix) ? target.slice(prefix.length) : undefined;
}

/** Media types are case-insensitive and may have parameters (RFC 9110 §8.3.1). */
function isAmzJson(type: string | undefined): boolean {
  if (type === 'application/x-amz-json-1.1') return true;
  return type !== undefined && /^application\/x-amz-json-1\.1[ \t]*(;|$)/i.test(type);
}

/** An IPv4 address as such, also where the socket listens on IPv6. */
function peer(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
