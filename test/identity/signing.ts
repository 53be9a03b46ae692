/** Signs requests with the SDK's own signer, so that what verifies isn't tested by what it was made with. */
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Principal } from '../../src/identity/principal.ts';

export const credential = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};

export const principal: Principal = {
  type: 'IAMUser',
  arn: 'arn:aws:iam::111122223333:user/admin',
  principalId: 'AIDAIOSFODNN7EXAMPLE',
  account: '111122223333',
  userName: 'admin',
};

class Sha256 {
  readonly #hash: Hash | Hmac;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytes(secret));
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytes(data));
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {
    throw new Error('not used');
  }
}

function bytes(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data);
}

const mac = (key: Buffer | string, text: string) => createHmac('sha256', key).update(text).digest();

/** The day key as the token host derives it. */
export function deriveKey(secret: string, date: string, region: string, service: string): Buffer {
  return mac(mac(mac(mac(`AWS4${secret}`, date), region), service), 'aws4_request');
}

export interface ToSign {
  readonly method?: string;
  readonly host?: string;
  readonly path?: string;
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
  readonly date?: Date;
  readonly region?: string;
  readonly service?: string;
  readonly secretAccessKey?: string;
  readonly accessKeyId?: string;
  readonly sessionToken?: string;
  /** Seconds: puts the signature into the query. */
  readonly presign?: number;
}

export interface Signed {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

export async function sign(request: ToSign): Promise<Signed> {
  const {
    method = 'POST',
    host = 'kms.us-east-1.amazonaws.com',
    path = '/',
    query = {},
    headers = {},
  } = request;
  const { date = new Date(), region = 'us-east-1', service = 'kms', body = '' } = request;
  const signer = new SignatureV4({
    service,
    region,
    credentials: { ...credential, ...pick(request) },
    sha256: Sha256,
  });
  const [hostname = '', port] = host.split(':');
  const given = {
    method,
    protocol: 'http:',
    hostname,
    ...(port !== undefined && { port: Number(port) }),
    path,
    query,
    headers: { host, ...headers },
    body,
  };
  const names = new Set(Object.keys(given.headers));
  const signed =
    request.presign === undefined
      ? await signer.sign(given, { signingDate: date })
      : await signer.presign(given, {
          signingDate: date,
          expiresIn: request.presign,
          unhoistableHeaders: names,
          signableHeaders: names,
        });
  const search = Object.entries(signed.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  );
  return {
    method,
    url: search.length === 0 ? path : `${path}?${search.join('&')}`,
    headers: signed.headers,
    body: Buffer.from(body),
  };
}

function pick({ secretAccessKey, accessKeyId, sessionToken }: ToSign): Record<string, string> {
  return {
    ...(secretAccessKey !== undefined && { secretAccessKey }),
    ...(accessKeyId !== undefined && { accessKeyId }),
    ...(sessionToken !== undefined && { sessionToken }),
  };
}
