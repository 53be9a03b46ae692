import { expect } from 'chai';
import { KmsError } from '../../../src/errors.ts';
import type { Principal } from '../../../src/identity/principal.ts';
import { type Assembly, assemble } from '../../jobs/assembly.ts';

let shared: Promise<Assembly> | undefined;

after(async () => {
  await (await shared)?.close();
});

/** One Coffer below the wire for all the files of this folder. */
export function assembly(): Promise<Assembly> {
  shared ??= assemble();
  return shared;
}

/** A name that no other test uses. */
let last = 0;
export function unique(prefix: string): string {
  last += 1;
  return `${prefix}-${last}`;
}

/** IAM as the account's root, or as whoever is given. */
export async function iam<T = Record<string, unknown>>(
  operation: string,
  input: Record<string, unknown> = {},
  principal?: Principal,
): Promise<T> {
  const at = await assembly();
  return at.callAs<T>(principal ?? at.root, 'iam', operation, input);
}

/** Expects a refusal with this code, and this message where one is given. */
export async function refused(
  work: Promise<unknown>,
  code: string,
  message?: string | RegExp,
): Promise<void> {
  const error = await work.then(
    () => expect.fail('it was answered, not refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof KmsError)) throw error;
  expect(error.code, error.message).to.equal(code);
  if (typeof message === 'string') expect(error.message).to.equal(message);
  if (message instanceof RegExp) expect(error.message).to.match(message);
}

export const allow = (action: string | readonly string[], more: object = {}) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: action, Resource: '*', ...more }],
  });

export const trust = (principal: string) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: principal }, Action: 'sts:AssumeRole' }],
  });

/** A new user, with an inline policy where one is given, as who makes requests. */
export async function newUser(policy?: string, input: Record<string, unknown> = {}): Promise<Principal> {
  const userName = unique('user');
  const { User } = await iam<{ User: { UserId: string; Arn: string } }>('CreateUser', {
    UserName: userName,
    ...input,
  });
  if (policy !== undefined) {
    await iam('PutUserPolicy', { UserName: userName, PolicyName: 'own', PolicyDocument: policy });
  }
  const { account } = (await assembly()).root;
  return { type: 'IAMUser', arn: User.Arn, principalId: User.UserId, account, userName };
}
