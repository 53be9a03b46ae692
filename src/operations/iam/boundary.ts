import type { Role, User } from '../../identity/entity.ts';
import type { Caller, Operation, Services } from '../operation.ts';
import { operationOn } from './entity-operation.ts';
import { noSuchEntity } from './errors.ts';
import { members } from './input.ts';
import { boundaryFacts, type Kind, roleKind, userKind } from './kind.ts';

/** Whether a managed policy may be given to somebody of the caller's account. @throws KmsError NoSuchEntityException */
export async function requirePolicy(
  policyArn: string,
  { scope }: Caller,
  { identities }: Services,
  asWhat: 'Policy' | 'Scope ARN:' = 'Policy',
): Promise<void> {
  const policy = await identities.findPolicy(policyArn);
  if (policy !== undefined && (policy.account === scope.account || policy.account === 'aws')) return;
  throw noSuchEntity(`${asWhat} ${policyArn} does not exist or is not attachable.`);
}

/** @throws KmsError NoSuchEntityException */
export function requireBoundary(policyArn: string, caller: Caller, services: Services): Promise<void> {
  return requirePolicy(policyArn, caller, services, 'Scope ARN:');
}

function put(kind: Kind<User | Role>): Operation {
  return operationOn(kind, {
    name: `Put${kind.type}PermissionsBoundary`,
    readOnly: false,
    input: { PermissionsBoundary: members.arn },
    plan: ({ PermissionsBoundary: policyArn }, caller, services) => ({
      async result({ id }) {
        await requireBoundary(policyArn, caller, services);
        return { type: 'change', change: { ...caller.scope, type: 'boundary-set', id, policyArn } };
      },
      facts: () => ({ 'iam:permissionsboundary': policyArn }),
    }),
  });
}

function remove(kind: Kind<User | Role>): Operation {
  return operationOn(kind, {
    name: `Delete${kind.type}PermissionsBoundary`,
    readOnly: false,
    input: {},
    plan: (_input, caller, _services, name) => ({
      result({ id, boundary }) {
        if (boundary === undefined) {
          throw noSuchEntity(`The ${kind.noun} with name ${name} does not have a permissions boundary.`);
        }
        return {
          type: 'change',
          change: { ...caller.scope, type: 'boundary-set', id, policyArn: undefined },
        };
      },
      facts: boundaryFacts,
    }),
  });
}

/** PutUserPermissionsBoundary, DeleteRolePermissionsBoundary and so on. */
export const boundaryOperations: readonly Operation[] = [userKind, roleKind].flatMap((kind) => [
  put(kind),
  remove(kind),
]);
