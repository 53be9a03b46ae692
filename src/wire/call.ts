import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { KmsError } from '../errors.ts';
import { RequestHeaders } from '../identity/sigv4/headers.ts';
import {
  type Audience,
  claimOf,
  type FindSigner,
  judge,
  type Verified,
  verify,
  wrongService,
} from '../identity/sigv4/verify.ts';
import type { Metrics } from '../metrics/registry.ts';
import { metricName } from '../operations/table.ts';
import { regionsOf, type ServiceName } from '../service.ts';
import { amzJson, answer, answerError, jsonFault, xml } from './answer.ts';
import { parseQueryBody } from './aws-query.ts';
import { Aborted, type BodyLimits, bodyReader } from './body.ts';
import type { Dispatch, Origin, Refused } from './dispatch.ts';
import { publicError, statusOf } from './errors.ts';
import { parseBody } from './json.ts';
import { queryAnswer, queryFault, serviceOfVersion } from './query-answer.ts';
import { isAmzJson, routeOf } from './route.ts';

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
 * Answers one request of AWS JSON 1.1 or AWS Query: judge what it claims, read it, verify its signature, parse,
 * dispatch. Never rejects.
 *
 * INVARIANT: no body is read and nothing is remembered of a request whose headers alone show that it will be refused.
 */
export function callHandler(
  options: CallOptions,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const { dispatch, refused, metrics, log, clock } = options;
  const readBody = bodyReader(options.body ?? { bytes: 1024 * 1024, milliseconds: 10_000 });
  const local = (service: ServiceName): Audience => ({ regions: [options.region], service, clock });
  const global = (service: ServiceName): Audience => ({
    regions: regionsOf(options.region),
    service,
    clock,
  });
  const audiences: Readonly<Record<ServiceName, Audience>> = {
    kms: local('kms'),
    cloudtrail: local('cloudtrail'),
    iam: global('iam'),
    sts: global('sts'),
  };

  return async (request, response) => {
    const headers = new RequestHeaders(request.rawHeaders);
    const route = routeOf(headers);
    const isQuery = route.protocol === 'query';
    let service: ServiceName = isQuery ? 'sts' : route.service;
    let operation = isQuery ? undefined : route.operation;
    let version: string | undefined;
    const requestId = randomUUID();
    const origin: Omit<Origin, 'service'> = {
      requestId,
      sourceIp: peer(request.socket.remoteAddress),
      userAgent: headers.get('user-agent') ?? '',
      secure: request.socket instanceof TLSSocket,
    };
    let began: number | undefined;
    let claimed: string | undefined;
    let verified: Verified | undefined;
    let input: Record<string, unknown> | undefined;
    try {
      const { method = '', url = '' } = request;
      const head = { method, url, headers };
      const claim = claimOf(head);
      claimed = claim.accessKeyId;
      if (isQuery && claim.service === 'iam') service = 'iam';
      const canonical = judge(head, claim, audiences[service]);
      const found = options.signer(claim);
      const signer = found instanceof Promise ? await found : found;
      const body = await readBody(request, headers.get('content-length'));
      began = clock.monotonic();
      verified = verify(claim, canonical, signer, body, headers.get('x-amz-content-sha256'));
      if (isQuery) {
        const query = parseQueryBody(body);
        operation = query.action;
        version = query.version;
        const spoken = serviceOfVersion(version);
        if (spoken === undefined || operation === undefined) throw unknownOperation();
        if (spoken !== service) throw wrongService(spoken);
        input = query.input;
      } else {
        if (operation === undefined || !isAmzJson(headers.get('content-type'))) throw unknownOperation();
        input = parseBody(body);
      }
      const output = await dispatch({
        ...origin,
        service,
        operation,
        input,
        principal: verified.principal,
        accessKeyId: verified.accessKeyId,
        // Whichever a signature for a service of no region was made for.
        region: options.region,
      });
      if (isQuery) answer(response, requestId, xml, queryAnswer(service, operation, output, requestId));
      else answer(response, requestId, amzJson, output === undefined ? '' : JSON.stringify(output));
      metrics.request(metricName(service, operation), 'none', seconds(began));
    } catch (thrown) {
      if (thrown instanceof Aborted) return;
      let error = publicError(thrown);
      if (input === undefined) {
        try {
          await refused(
            {
              ...origin,
              service,
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
      logError(error, requestId, operation);
      const fault = isQuery
        ? queryFault(error, service, requestId, { action: operation, version })
        : jsonFault(error);
      answerError(response, requestId, fault);
      if (verified === undefined) metrics.unauthenticated(error.code);
      else {
        const name = operation === undefined ? undefined : metricName(service, operation);
        metrics.request(name, error.code, seconds(began ?? clock.monotonic()));
      }
    }
  };

  function seconds(since: number): number {
    return (clock.monotonic() - since) / 1000;
  }

  function logError(error: KmsError, requestId: string, operation: string | undefined): void {
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

function unknownOperation(): KmsError {
  return new KmsError('UnknownOperationException', '');
}

/** An IPv4 address as such, also where the socket listens on IPv6. */
function peer(address: string | undefined): string {
  if (address === undefined) return '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
