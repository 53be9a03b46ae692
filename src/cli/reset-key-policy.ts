import { keyArn, parseKmsArn } from '../arn.ts';
import { allowedStates } from '../keys/state.ts';
import { defaultKeyPolicy } from '../policy/default-key.ts';
import type { Machine } from './machine.ts';

/**
 * Gives a key the policy that it would have been made with: its account decides by identity policies again.
 * @param text key id or key ARN @throws Error with what to do
 */
export async function resetKeyPolicy(
  { store, changes, record }: Machine,
  region: string,
  text: string,
): Promise<object> {
  const named = text.startsWith('arn:') ? parseKmsArn(text) : { region, type: 'key' as const, keyId: text };
  if (named?.type !== 'key') throw new Error(`\`${text}\` names no key: give a key id or a key ARN`);
  const key = await store.findKeyAnywhere(named.region, named.keyId);
  if (key === undefined) throw new Error(`there is no key \`${text}\` in this store`);
  const { account, keyId } = key;
  const arn = keyArn(key, keyId);
  const policy = defaultKeyPolicy(account);
  const outcome = await changes.apply(
    { region: key.region, account, type: 'key-policy', keyId, from: allowedStates('look'), policy },
    record({
      source: 'kms.amazonaws.com',
      operation: 'PutKeyPolicy',
      account,
      parameters: { keyId: arn, policyName: 'default', policy },
      resources: [{ accountId: account, type: 'AWS::KMS::Key', ARN: arn }],
    }),
  );
  if (outcome.type !== 'done') throw new Error(`the key \`${keyId}\` is being destroyed`);
  return { key: arn, policy: JSON.parse(policy) };
}
