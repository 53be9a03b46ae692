/** One running Coffer for all the files of this folder, and the few words they share. */
import { request } from 'node:http';
import type { CreateKeyCommandInput, KMS } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { type Service, startService } from '../service.ts';
import { type SignOptions, sign } from '../sign.ts';

let shared: Promise<Service> | undefined;

after(async () => {
  await (await shared)?.remove();
});

export function service(): Promise<Service> {
  shared ??= startService({ workers: 2, hosts: 2, hostUnwrap: true });
  return shared;
}

export interface NewKey {
  readonly id: string;
  readonly arn: string;
  readonly account: string;
}

export async function newKey(client: KMS, input: CreateKeyCommandInput = {}): Promise<NewKey> {
  const { KeyMetadata } = await client.createKey(input);
  const { KeyId: id, Arn: arn, AWSAccountId: account } = KeyMetadata ?? {};
  if (id === undefined || arn === undefined || account === undefined) throw new Error('a key without names');
  return { id, arn, account };
}

/** An id, name or value that no other test uses. */
let last = 0;
export function unique(prefix: string): string {
  last += 1;
  return `${prefix}-${last}`;
}

/** The error that a promise must reject with. */
export async function refusal(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  return expect.fail('the request was answered, not refused');
}

/** Expects a rejection with this error name, and this message where one is given. */
export async function refused(
  promise: Promise<unknown>,
  name: string,
  message?: string | RegExp,
): Promise<void> {
  const error = await refusal(promise);
  expect(error.name, error.message).to.equal(name);
  if (typeof message === 'string') expect(error.message).to.equal(message);
  if (message instanceof RegExp) expect(error.message).to.match(message);
}

export interface Answer {
  readonly status: number | undefined;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  /** `undefined` where the body is empty. */
  readonly body: Record<string, unknown> | undefined;
}

/** Sends what the SDK wouldn't send, or would hide, on a connection of its own. */
export async function send(
  to: Pick<Service, 'url'>,
  given: { path: string; headers: Record<string, string>; body: string | Buffer; method?: string },
): Promise<Answer> {
  const { hostname, port } = new URL(to.url);
  return await new Promise((settle, fail) => {
    const outgoing = request(
      {
        hostname,
        port,
        path: given.path,
        method: given.method ?? 'POST',
        headers: { ...given.headers, 'content-length': String(Buffer.byteLength(given.body)) },
        agent: false,
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('error', fail);
        incoming.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          const body = text === '' ? undefined : JSON.parse(text);
          settle({ status: incoming.statusCode, headers: incoming.headers, text, body });
        });
      },
    );
    outgoing.once('error', fail);
    outgoing.end(given.body);
  });
}

/** One signed request as plain JSON, on a connection of its own. */
export async function call(
  to: Service,
  operation: string,
  input: unknown,
  options?: SignOptions,
): Promise<Answer> {
  return await send(to, await sign(to, operation, input, options));
}
