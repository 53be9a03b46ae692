import { KmsError } from '../../errors.ts';
import type { Refusal } from '../../keys/repository.ts';
import { internalError } from '../failure.ts';

export function noSuchEntity(message: string): KmsError {
  return new KmsError('NoSuchEntityException', message);
}

export function alreadyExists(message: string): KmsError {
  return new KmsError('EntityAlreadyExistsException', message);
}

export function limitExceeded(quota: string, limit: number): KmsError {
  return new KmsError('LimitExceededException', `Cannot exceed quota for ${quota}: ${limit}`);
}

export function invalidInput(message: string): KmsError {
  return new KmsError('InvalidInputException', message);
}

/** AWS's words for what must go first. */
function deleteConflict(by: Extract<Refusal, { type: 'in-use' }>['by']): string {
  switch (by) {
    case 'access-keys':
      return 'Cannot delete entity, must delete access keys first.';
    case 'attachments':
      return 'Cannot delete entity, must detach all policies first.';
    case 'inline-policies':
      return 'Cannot delete entity, must delete policies first.';
    case 'memberships':
    case 'members':
      return 'Cannot delete entity, must remove users from group first.';
    case 'policy-versions':
      return "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.";
    case 'default-version':
      return 'Cannot delete the default version of a policy.';
  }
}

export function conflictOf({ by }: Extract<Refusal, { type: 'in-use' }>): KmsError {
  return new KmsError('DeleteConflictException', deleteConflict(by));
}

/** What a refusal of the store means for one operation. */
export function refusedAs(errors: {
  readonly exists?: KmsError;
  readonly limit?: KmsError;
  readonly notFound?: KmsError;
}): (refusal: Refusal) => KmsError {
  return (refusal) => {
    switch (refusal.type) {
      case 'in-use':
        return conflictOf(refusal);
      case 'exists':
        return errors.exists ?? unforeseen(refusal.type);
      case 'limit':
        return errors.limit ?? unforeseen(refusal.type);
      case 'not-found':
        return errors.notFound ?? unforeseen(refusal.type);
    }
  };
}

function unforeseen(type: Refusal['type']): KmsError {
  return internalError(`a change was refused as \`${type}\``);
}
