import { iamArn, type Scope } from '../arn.ts';
import type { AuditRecord } from '../audit/record.ts';
import type { Clock } from '../clock.ts';
import { sealingAad } from '../identity/credential.ts';
import { newIdentifier } from '../identity/identifier.ts';
import { limits } from '../identity/limits.ts';
import { administratorAccess } from '../identity/managed.ts';
import type { Principal } from '../identity/principal.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { ChangeWriter } from '../keys/repository.ts';
import type { Change } from '../store/store.ts';

export const administrator = 'administrator';

/** @throws Error where it is not done */
export async function apply(
  changes: ChangeWriter<Change>,
  change: Change,
  record: AuditRecord | undefined,
): Promise<void> {
  const outcome = await changes.apply(change, record);
  if (outcome.type !== 'done') throw new Error(`the store refused \`${change.type}\` as \`${outcome.type}\``);
}

/** The administrator of an account: a user like any other, who may do everything. */
export async function createAdministrator(
  changes: ChangeWriter<Change>,
  scope: Scope,
  clock: Clock,
  record?: AuditRecord,
): Promise<Principal> {
  const { account } = scope;
  const id = newIdentifier('AIDA');
  const arn = iamArn(account, 'user', '/', administrator);
  const user = { type: 'User', account, id, name: administrator, path: '/', arn } as const;
  await apply(
    changes,
    {
      ...scope,
      type: 'user-created',
      user: { ...user, createdAt: clock.now(), boundary: undefined, tags: [] },
      limit: limits.users,
      attachments: [administratorAccess],
    },
    record,
  );
  return { type: 'IAMUser', arn, principalId: id, account, userName: administrator };
}

/**
 * Gives a principal another access key.
 * @param keep puts the secret where its owner finds it, before the row is made: a crash leaves a key that nobody knows
 * @returns the access key id
 */
export async function createAccessKey(
  changes: ChangeWriter<Change>,
  hsm: Hsm,
  scope: Scope,
  { principalId }: Pick<Principal, 'principalId'>,
  clock: Clock,
  keep: (accessKeyId: string, secret: Buffer) => void,
  record?: (accessKeyId: string) => AuditRecord,
): Promise<string> {
  const accessKeyId = newIdentifier('AKIA');
  const { secret, sealed } = await hsm.createAccessKeySecret(sealingAad(accessKeyId, principalId));
  try {
    keep(accessKeyId, secret);
  } finally {
    secret.fill(0);
  }
  await apply(
    changes,
    {
      ...scope,
      type: 'access-key-created',
      accessKeyId,
      principalId,
      sealedSecret: sealed,
      createdAt: clock.now(),
      limit: limits.accessKeys,
    },
    record?.(accessKeyId),
  );
  return accessKeyId;
}
