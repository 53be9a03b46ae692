import { KmsError } from '../../errors.ts';
import { limits } from '../../identity/limits.ts';
import type { IdentityRepository } from '../../identity/repository.ts';
import { PolicyError } from '../../policy/error.ts';
import { parsePolicy } from '../../policy/parse.ts';
import { storedPolicy } from '../key-policy.ts';
import { limitExceeded } from './errors.ts';

/** A policy of a user, group or role, which is kept as it was given. @throws KmsError MalformedPolicyDocumentException */
export function checkDocument(document: string): void {
  try {
    parsePolicy(document, 'identity');
  } catch (cause) {
    if (!(cause instanceof PolicyError)) throw cause;
    throw new KmsError('MalformedPolicyDocumentException', cause.message, { cause });
  }
}

/** Also within its size. @throws KmsError MalformedPolicyDocumentException, LimitExceededException */
export function checkManagedDocument(document: string): void {
  checkDocument(document);
  if (sizeOf(document) > limits.managedPolicySize) {
    throw limitExceeded('PolicySize', limits.managedPolicySize);
  }
}

/**
 * A trust policy as it is stored: users and roles by their unique ids.
 * @throws KmsError MalformedPolicyDocumentException, LimitExceededException
 */
export function storedTrustPolicy(document: string, identities: IdentityRepository): Promise<string> {
  if (sizeOf(document) > limits.trustPolicySize) {
    throw limitExceeded('ACLSizePerRole', limits.trustPolicySize);
  }
  return storedPolicy(document, 'trust', identities);
}

/** White space isn't counted (IAM user guide, "IAM and AWS STS quotas"). */
function sizeOf(document: string): number {
  return document.replace(/\s/g, '').length;
}
