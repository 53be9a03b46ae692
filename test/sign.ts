/** Requests signed once, to be sent by something that can't sign: wrk, node:http, a browser. */
import { SignatureV4 } from '@smithy/signature-v4';
import type { Service } from './service.ts';

export interface SignedRequest {
  /** With the query, where the request is presigned. */
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface SignOptions {
  /** Puts the signature into the query, valid for this many seconds. */
  readonly presign?: number;
  readonly date?: Date;
}

/** Signs as AWS's SDK does, with its own signer. */
export async function sign(
  service: Pick<Service, 'url' | 'region' | 'credentials' | 'client'>,
  operation: string,
  input: unknown,
  options: SignOptions = {},
): Promise<SignedRequest> {
  const { region, credentials } = service;
  const { hostname, port, host } = new URL(service.url);
  const body = JSON.stringify(input);
  const signer = new SignatureV4({
    service: 'kms',
    region,
    credentials,
    sha256: service.client().config.sha256,
  });
  const request = {
    method: 'POST',
    protocol: 'http:',
    hostname,
    port: Number(port),
    path: '/',
    query: {},
    headers: {
      host,
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': `TrentService.${operation}`,
    },
    body,
  };
  const date = options.date ?? new Date();
  const { query = {}, headers } =
    options.presign === undefined
      ? await signer.sign(request, { signingDate: date })
      : await signer.presign(request, {
          signingDate: date,
          expiresIn: options.presign,
          // what AWS wants signed can't be moved out of the headers
          unhoistableHeaders: new Set(['x-amz-target', 'content-type']),
          signableHeaders: new Set(['host', 'content-type', 'x-amz-target']),
        });
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (typeof value === 'string') search.set(name, value);
  }
  return { path: options.presign === undefined ? '/' : `/?${search}`, headers, body };
}
