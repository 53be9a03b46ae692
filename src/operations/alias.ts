import { aliasArn, type Scope } from '../arn.ts';
import { KmsError } from '../errors.ts';
import type { Key } from '../keys/key.ts';
import type { Caller, Services, Subject } from './operation.ts';
import { resolveKey } from './resolve.ts';

/** @throws KmsError ValidationException or InvalidAliasNameException */
export function checkAliasName(name: string): void {
  if (!name.startsWith('alias/') || name === 'alias/') {
    throw new KmsError(
      'ValidationException',
      'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
    );
  }
  if (name.startsWith('alias/aws/')) {
    throw new KmsError(
      'InvalidAliasNameException',
      `${name} is reserved: alias names can't begin with alias/aws/`,
    );
  }
  if (name.includes(':')) {
    throw new KmsError('InvalidAliasNameException', `${name} contains invalid characters for an alias`);
  }
}

/** The key an alias is to name: by id or ARN, never by another alias. */
export function resolveTarget(
  targetKeyId: string,
  action: string,
  caller: Caller,
  services: Services,
): Promise<Key> {
  if (targetKeyId.startsWith('alias/') || /^arn:aws:kms:[^:]*:[^:]*:alias\//.test(targetKeyId)) {
    throw new KmsError('ValidationException', 'Aliases must refer to keys. Not aliases');
  }
  return resolveKey(targetKeyId, { aliases: false, action }, caller, services);
}

export function aliasSubject(scope: Scope, aliasName: string, action: string): Subject {
  return { type: 'alias', action, arn: aliasArn(scope, aliasName), account: scope.account };
}
