import { systemClock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { User } from '../identity/entity.ts';
import { limits } from '../identity/limits.ts';
import { administratorAccess } from '../identity/managed.ts';
import { parsePolicy } from '../policy/parse.ts';
import { administrator, apply, createAdministrator } from './administrator.ts';
import { profileOf, readAccessKeyId } from './credentials-file.ts';
import { giveAccessKey } from './give-access-key.ts';
import { accountOf, type Machine } from './machine.ts';

export interface ResetOptions {
  /** Twelve digits; the only account where it isn't given. */
  readonly account: string | undefined;
  readonly credentialsFile: string;
  /** Deletes the access keys that the administrator has. */
  readonly revoke: boolean;
}

/**
 * Gives the administrator of an account its access again: makes the user where it is gone, attaches
 * AdministratorAccess, takes a permissions boundary away and gives a new access key. Policies that deny are left, and
 * named: they are somebody's decision.
 * @throws Error with what to do
 */
export async function resetAdministrator(
  machine: Machine,
  config: Config,
  { account: number, credentialsFile, revoke }: ResetOptions,
): Promise<object> {
  const { account, name } = await accountOf(machine.store, number);
  const profile = profileOf(name);
  readAccessKeyId(credentialsFile, profile);
  // First of all: without it old access keys would be gone and no new one given.
  await machine.token();
  const scope = { account, region: config.region };
  const done = (operation: string, parameters: object) =>
    machine.record({ source: 'iam.amazonaws.com', operation, account, parameters });

  const user = await machine.store.findUser(account, administrator);
  let revoked: readonly string[] = [];
  let principalId: string;
  if (user === undefined) {
    const record = done('CreateUser', { userName: administrator, attachedPolicies: [administratorAccess] });
    ({ principalId } = await createAdministrator(machine.changes, scope, systemClock, record));
  } else {
    principalId = user.id;
    revoked = await makeRoom(machine, scope, user, revoke);
    await clearWay(machine, scope, user);
  }
  const accessKeyId = await giveAccessKey(machine, config, {
    account,
    principalId,
    profile,
    credentialsFile,
  });
  return {
    account,
    administrator: user?.arn ?? `arn:aws:iam::${account}:user/${administrator}`,
    accessKeyId,
    credentialsFile,
    profile,
    revoked,
    denying: await denying(machine, principalId),
  };

  async function clearWay(
    { changes, store }: Machine,
    at: typeof scope,
    { id, boundary }: User,
  ): Promise<void> {
    if (boundary !== undefined) {
      await apply(
        changes,
        { ...at, type: 'boundary-set', id, policyArn: undefined },
        done('DeleteUserPermissionsBoundary', { userName: administrator }),
      );
    }
    if ((await store.listAttachments(id)).includes(administratorAccess)) return;
    await apply(
      changes,
      // One more than IAM lets anybody attach: full of others, the user must still become what it was.
      { ...at, type: 'policy-attached', id, policyArn: administratorAccess, limit: limits.attachments + 1 },
      done('AttachUserPolicy', { userName: administrator, policyArn: administratorAccess }),
    );
  }

  async function makeRoom(
    { changes, store }: Machine,
    at: typeof scope,
    { id }: User,
    all: boolean,
  ): Promise<readonly string[]> {
    const keys = (await store.listAccessKeyMetadata(id)).map(({ accessKeyId }) => accessKeyId);
    if (!all && keys.length >= limits.accessKeys) {
      throw new Error(
        `the administrator has ${keys.length} access keys already (${keys.join(', ')}), as many as it may: --revoke deletes them`,
      );
    }
    if (!all) return [];
    for (const accessKeyId of keys) {
      await apply(
        changes,
        { ...at, type: 'access-key-deleted', accessKeyId, principalId: id },
        done('DeleteAccessKey', { userName: administrator, accessKeyId }),
      );
    }
    return keys;
  }
}

/** The policies of a user that deny something: what stands in its way may be in them. */
async function denying({ store }: Machine, id: string): Promise<readonly string[]> {
  const identity = await store.findIdentity(id);
  return (identity?.policies ?? [])
    .filter(({ document }) =>
      parsePolicy(document, 'identity').statements.some(({ effect }) => effect === 'Deny'),
    )
    .map(({ type, id: policy }) => `${type} ${policy}`);
}
