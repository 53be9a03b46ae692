import { aliasArn, type KmsResource, keyArn, parseKmsArn, type Scope } from '../arn.ts';
import { KmsError } from '../errors.ts';
import type { Alias, Key } from '../keys/key.ts';
import { deniedElsewhere } from './denial.ts';
import type { Caller, Services } from './operation.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Finds the key that `KeyId` names. Unknown in the caller's own account is NotFoundException; in another
 * account, unknown and forbidden are one answer.
 * @param options `aliases`: whether the operation takes an alias name or alias ARN too; `action`: for the refusal's
 *   message; `elsewhere`: whether it works on keys of other accounts
 */
export async function resolveKey(
  text: string,
  options: { aliases: boolean; action: string; elsewhere?: boolean },
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
  if (resource.account !== scope.account) {
    const key =
      options.elsewhere === true
        ? await keyElsewhere(resource, caller, options.aliases, services)
        : undefined;
    if (key === undefined) throw deniedElsewhere(caller.principal, options.action, text);
    return key;
  }
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

/** A key of another account, named by its ARN or an alias's; whether the caller may know of it is not judged yet. */
async function keyElsewhere(
  resource: KmsResource,
  { scope }: Caller,
  aliases: boolean,
  services: Services,
): Promise<Key | undefined> {
  if (resource.region !== scope.region) return undefined;
  if (resource.type === 'key') return services.keys.findKey(resource, resource.keyId);
  if (!aliases) return undefined;
  const alias = await services.keys.findAlias(resource, resource.aliasName);
  return alias && services.keys.findKey(alias, alias.targetKeyId);
}

/** The alias in a `KeyId` that names one, for `kms:RequestAlias`. */
export function requestAlias(keyId: string | undefined): string | undefined {
  if (keyId === undefined) return undefined;
  if (keyId.startsWith('alias/')) return keyId;
  const resource = keyId.startsWith('arn:') ? parseKmsArn(keyId) : undefined;
  return resource?.type === 'alias' ? resource.aliasName : undefined;
}

function invalidKeyId(text: string): KmsError {
  return new KmsError('NotFoundException', `Invalid keyId '${text}'`);
}
