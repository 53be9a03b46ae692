import type { Role, User } from '../../identity/entity.ts';
import { type Caller, defineOperation, type Operation, type Services } from '../operation.ts';
import { noSuchEntity } from './errors.ts';
import { members } from './input.ts';
import { boundaryFacts, inputOn, type Kind, nameIn, planOn, roleKind, userKind } from './kind.ts';

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

function put(kind: Kind<User> | Kind<Role>): Operation {
  const action = `Put${kind.type}PermissionsBoundary`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: false,
    input: inputOn(kind, { PermissionsBoundary: members.arn }),
    plan(input, caller, services) {
      const { PermissionsBoundary: policyArn } = input;
      return planOn<User | Role>(
        kind,
        action,
        nameIn(input, kind),
        caller,
        services,
        async ({ id }) => {
          await requireBoundary(policyArn, caller, services);
          return { type: 'change', change: { ...caller.scope, type: 'boundary-set', id, policyArn } };
        },
        () => ({ 'iam:permissionsboundary': policyArn }),
      );
    },
  });
}

function remove(kind: Kind<User> | Kind<Role>): Operation {
  const action = `Delete${kind.type}PermissionsBoundary`;
  return defineOperation({
    service: 'iam',
    name: action,
    readOnly: false,
    input: inputOn(kind, {}),
    plan(input, caller, services) {
      const name = nameIn(input, kind);
      return planOn<User | Role>(
        kind,
        action,
        name,
        caller,
        services,
        ({ id, boundary }) => {
          if (boundary === undefined) {
            throw noSuchEntity(`The ${kind.noun} with name ${name} does not have a permissions boundary.`);
          }
          return {
            type: 'change',
            change: { ...caller.scope, type: 'boundary-set', id, policyArn: undefined },
          };
        },
        boundaryFacts,
      );
    },
  });
}

/** PutUserPermissionsBoundary, DeleteRolePermissionsBoundary and so on. */
export const boundaryOperations: readonly Operation[] = [userKind, roleKind].flatMap((kind) => [
  put(kind),
  remove(kind),
]);
