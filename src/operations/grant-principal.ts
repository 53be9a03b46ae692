import { KmsError } from '../errors.ts';
import type { IdentityRepository } from '../identity/repository.ts';

/** Whom a grant names: by ARN in the API, by an id that nobody else ever has in the store. */

const root = /^arn:aws:iam::(\d{12}):root$/;
const identity = /^arn:aws:(?:iam::\d{12}:(?:user|role)|sts::\d{12}:assumed-role)\/.+$/;

export function rootArn(account: string): string {
  return `arn:aws:iam::${account}:root`;
}

/**
 * The id of a user, role, session of a role or account.
 * @returns `undefined` where there is none of this ARN
 */
export async function principalId(arn: string, identities: IdentityRepository): Promise<string | undefined> {
  const [, account] = root.exec(arn) ?? [];
  if (account !== undefined) return (await identities.accountExists(account)) ? account : undefined;
  return identity.test(arn) ? identities.findIdentityId(arn) : undefined;
}

/**
 * The ARN of an id as it is now. Of who is gone it is the id itself, as AWS answers it: the ARN may be somebody
 * else's by now.
 */
export async function principalArn(id: string, identities: IdentityRepository): Promise<string> {
  if (/^\d{12}$/.test(id)) return rootArn(id);
  const [own = id, session] = id.split(':', 2);
  const found = await identities.findIdentity(own);
  if (found === undefined) return id;
  return session === undefined
    ? found.arn
    : `arn:aws:sts::${found.account}:assumed-role/${found.name}/${session}`;
}

export function invalidPrincipal(arn: string): KmsError {
  return new KmsError('InvalidArnException', `ARN does not refer to a valid principal: ${arn}`);
}
