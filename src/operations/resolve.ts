import { aliasArn, keyArn, parseKmsArn, type Scope } from '../arn.ts';
import { KmsError } from '../errors.ts';
import type { Principal } from '../identity/principal.ts';
import type { Alias, Key } from '../keys/key.ts';
import type { Caller, Services } from './operation.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Finds the key that `KeyId` names. Unknown in the caller's own account is NotFoundException; in another
 * account, unknown and forbidden are one answer.
 * @param aliases whether the operation takes an alias name or alias ARN too
 * @param action for the refusal's message
 */
export async function resolveKey(
  text: string,
  options: { aliases: boolean; action: string },
  caller: Caller,
  services: Services,
): Promise<Key> {
  const { scope } = caller;
  if (uuid.test(text)) return existingKey(scope, text, services);
  if (text.startsWith('alias/')) {
    if (!options.aliases) throw invalidKeyId(text);
    return aliasTarget(scope, text, services);
  }
  if (!text.startsWith('arn:')) throw invalidKeyId(text);
  const resource = parseKmsArn(text);
  if (resource === undefined) throw new KmsError('InvalidArnException', `Invalid arn '${text}'`);
  if (resource.account !== scope.account)
    throw denied(caller.principal, options.action, text, 'resource-based');
  if (resource.region !== scope.region)
    throw new KmsError('NotFoundException', `Invalid arn ${resource.region}`);
  if (resource.type === 'key') return existingKey(scope, resource.keyId, services);
  if (!options.aliases) throw invalidKeyId(text);
  return aliasTarget(scope, resource.aliasName, services);
}

/** @throws KmsError NotFoundException */
export async function existingKey(scope: Scope, keyId: string, services: Services): Promise<Key> {
  const key = await services.keys.findKey(scope, keyId);
  if (key === undefined)
    throw new KmsError('NotFoundException', `Key '${keyArn(scope, keyId)}' does not exist`);
  return key;
}

/** @throws KmsError NotFoundException */
export async function existingAlias(scope: Scope, aliasName: string, services: Services): Promise<Alias> {
  const alias = await services.keys.findAlias(scope, aliasName);
  if (alias === undefined)
    throw new KmsError('NotFoundException', `Alias ${aliasArn(scope, aliasName)} is not found.`);
  return alias;
}

async function aliasTarget(scope: Scope, aliasName: string, services: Services): Promise<Key> {
  const alias = await existingAlias(scope, aliasName, services);
  return existingKey(scope, alias.targetKeyId, services);
}

function invalidKeyId(text: string): KmsError {
  return new KmsError('NotFoundException', `Invalid keyId '${text}'`);
}

/** AWS's message for a refusal (IAM user guide, "Troubleshoot access denied error messages"). */
export function denied(
  principal: Principal,
  action: string,
  resource: string,
  because: 'resource-based' | 'identity-based',
): KmsError {
  return new KmsError(
    'AccessDeniedException',
    `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${resource} because no ${because} policy allows the ${action} action`,
  );
}
