import { KmsError } from '../../errors.ts';
import { PolicyError } from '../../policy/error.ts';
import { parsePolicy } from '../../policy/parse.ts';
import type { Services } from '../operation.ts';

/** @throws KmsError MalformedPolicyDocumentException */
export function checkSessionPolicy(text: string): void {
  try {
    parsePolicy(text, 'session');
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause;
    throw new KmsError('MalformedPolicyDocumentException', cause.message, { cause });
  }
}

/**
 * Whether managed session policies are there, of the role's account or AWS's own.
 * @returns what is wrong, to be told to whom may assume the role
 */
export async function checkManagedPolicies(
  arns: readonly string[],
  account: string,
  { identities }: Pick<Services, 'identities'>,
): Promise<KmsError | undefined> {
  for (const arn of arns) {
    const [, owner] = /^arn:aws:iam::(\d{12}|aws):policy\//.exec(arn) ?? [];
    const near = owner === account || owner === 'aws';
    if (!near || (await identities.findManagedPolicy(arn)) === undefined) {
      return new KmsError(
        'InvalidParameterValueException',
        `The policy ${arn} does not exist in the account of the role.`,
      );
    }
  }
  return undefined;
}
