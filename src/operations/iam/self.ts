import { KmsError } from '../../errors.ts';
import type { User } from '../../identity/entity.ts';
import type { Caller, Plan, Result, Services } from '../operation.ts';
import { planOn, userKind } from './kind.ts';

/** The user that a request is about: the one it names, else its own. `undefined` is the account's root. */
function userNameOf(given: string | undefined, { principal }: Caller): string | undefined {
  if (given !== undefined) return given;
  switch (principal.type) {
    case 'IAMUser':
      return principal.userName;
    case 'Root':
      return undefined;
    case 'AssumedRole':
      throw new KmsError(
        'ValidationException',
        'Must specify userName when calling with non-User credentials',
      );
  }
}

/**
 * The plan of an operation on the user that the request names, and on whoever signed it where it names none.
 * @param result what it comes to for a user; `undefined` is the account's root
 */
export async function planOnSelf(
  action: string,
  given: string | undefined,
  caller: Caller,
  services: Services,
  result: (user: User | undefined) => Result | Promise<Result>,
): Promise<Plan> {
  const name = userNameOf(given, caller);
  if (name !== undefined) return planOn(userKind, action, name, caller, services, result);
  return { subjects: [{ type: 'account', action: `iam:${action}` }], run: () => result(undefined) };
}
