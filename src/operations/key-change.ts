import type { Scope } from '../arn.ts';
import type { Key, KeyState } from '../keys/key.ts';
import { allowedStates, type StateRule } from '../keys/state.ts';
import type { OperationName } from './names.ts';
import type { Caller, Facts, Plan, Result, Services } from './operation.ts';
import { resolveKey } from './resolve.ts';

/** The key that a change is about, and the states that it may be in. */
export type ChangeTarget = Scope & { readonly keyId: string; readonly from: readonly KeyState[] };

/**
 * The plan of an operation that changes one key, named by id or ARN, and needs its own permission on it.
 * @param rule which states allow it: for the request now, and for the change when it is made
 */
export async function planKeyChange(
  name: OperationName,
  rule: StateRule,
  keyIdText: string,
  caller: Caller,
  services: Services,
  result: (target: ChangeTarget, key: Key) => Result | Promise<Result>,
  facts?: Facts,
): Promise<Plan & { readonly key: Key }> {
  const action = `kms:${name}`;
  const key = await resolveKey(keyIdText, { aliases: false, action }, caller, services);
  const { region, account, keyId } = key;
  return {
    key,
    subjects: [{ type: 'key', action, key, rule, ...(facts && { facts }) }],
    run: () => result({ region, account, keyId, from: allowedStates(rule) }, key),
  };
}
