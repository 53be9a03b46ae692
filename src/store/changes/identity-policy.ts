import { isAwsManaged } from '../../identity/managed.ts';
import { StoreError } from '../error.ts';
import { countOf, findIdentity } from './identity.ts';
import { type ChangeOf, conflict, identitiesDone, type Made, type Trx } from './make.ts';

/** IAM counts no white space (IAM user guide, "IAM and AWS STS quotas"). */
function size(document: string): number {
  return document.replace(/\s/g, '').length;
}

export async function putInlinePolicy(trx: Trx, change: ChangeOf<'inline-policy-put'>): Promise<Made> {
  const { account, id, name, document, limit } = change;
  if ((await findIdentity(trx, change, id)) === undefined) return conflict;
  const others = await trx
    .selectFrom('inline_policies')
    .select('document')
    .where('identity_id', '=', id)
    .where('name', '!=', name)
    .execute();
  const total = others.reduce((sum, other) => sum + size(other.document), size(document));
  if (total > limit) return { type: 'limit' };
  await trx
    .insertInto('inline_policies')
    .values({ identity_id: id, name, document })
    .onConflict((there) => there.columns(['identity_id', 'name']).doUpdateSet({ document }))
    .execute();
  return identitiesDone(account);
}

export async function deleteInlinePolicy(trx: Trx, change: ChangeOf<'inline-policy-deleted'>): Promise<Made> {
  const { account, id, name } = change;
  if ((await findIdentity(trx, change, id)) === undefined) return conflict;
  const { numDeletedRows } = await trx
    .deleteFrom('inline_policies')
    .where('identity_id', '=', id)
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n ? identitiesDone(account) : { type: 'not-found' };
}

/** Whether there is such a managed policy for this account. AWS's own are always there. */
async function isThere(trx: Trx, account: string, arn: string): Promise<boolean> {
  if (isAwsManaged(arn)) return true;
  const row = await trx
    .selectFrom('managed_policies')
    .select('id')
    .where('arn', '=', arn)
    .where('account', '=', account)
    .executeTakeFirst();
  return row !== undefined;
}

export async function attachPolicy(trx: Trx, change: ChangeOf<'policy-attached'>): Promise<Made> {
  const { account, id, policyArn, limit } = change;
  if ((await findIdentity(trx, change, id)) === undefined) return conflict;
  if (!(await isThere(trx, account, policyArn))) return conflict;
  const attached = await trx
    .selectFrom('attachments')
    .select('policy_arn')
    .where('identity_id', '=', id)
    .execute();
  if (attached.some(({ policy_arn }) => policy_arn === policyArn)) return identitiesDone(account);
  if (attached.length >= limit) return { type: 'limit' };
  await trx.insertInto('attachments').values({ identity_id: id, policy_arn: policyArn }).execute();
  return identitiesDone(account);
}

export async function detachPolicy(trx: Trx, change: ChangeOf<'policy-detached'>): Promise<Made> {
  const { account, id, policyArn } = change;
  if ((await findIdentity(trx, change, id)) === undefined) return conflict;
  const { numDeletedRows } = await trx
    .deleteFrom('attachments')
    .where('identity_id', '=', id)
    .where('policy_arn', '=', policyArn)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n ? identitiesDone(account) : { type: 'not-found' };
}

export async function setBoundary(trx: Trx, change: ChangeOf<'boundary-set'>): Promise<Made> {
  const { account, id, policyArn } = change;
  if (policyArn !== undefined && !(await isThere(trx, account, policyArn))) return conflict;
  const { numUpdatedRows } = await trx
    .updateTable('identities')
    .set({ boundary: policyArn ?? null })
    .where('id', '=', id)
    .where('account', '=', account)
    .where('type', 'in', ['User', 'Role'])
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n ? identitiesDone(account) : conflict;
}

export async function createPolicy(trx: Trx, change: ChangeOf<'policy-created'>): Promise<Made> {
  const { account, policy, document, limit } = change;
  if (policy.account !== account || policy.defaultVersion !== 1 || policy.lastVersion !== 1) {
    throw new StoreError('constraint', `\`${policy.arn}\` is not a new policy of ${account}`);
  }
  const key = policy.name.toLowerCase();
  const kin = trx.selectFrom('managed_policies').where('account', '=', account);
  const taken = await kin.select('id').where('name_key', '=', key).executeTakeFirst();
  if (taken !== undefined) return { type: 'exists' };
  const { rows } = await kin.select((row) => row.fn.countAll<number>().as('rows')).executeTakeFirstOrThrow();
  if (rows >= limit) return { type: 'limit' };
  await trx
    .insertInto('managed_policies')
    .values({
      id: policy.id,
      account,
      name: policy.name,
      name_key: key,
      path: policy.path,
      arn: policy.arn,
      description: policy.description ?? null,
      default_version: 1,
      last_version: 1,
      created_at: policy.createdAt,
      updated_at: policy.updatedAt,
      tags: JSON.stringify(policy.tags),
    })
    .execute();
  await insertVersion(trx, policy.id, 1, document, policy.createdAt);
  return identitiesDone(account);
}

async function insertVersion(
  trx: Trx,
  policyId: string,
  version: number,
  document: string,
  createdAt: number,
): Promise<void> {
  await trx
    .insertInto('policy_versions')
    .values({ policy_id: policyId, version, document, created_at: createdAt })
    .execute();
}

function findPolicy(trx: Trx, change: { readonly account: string; readonly id: string }) {
  return trx
    .selectFrom('managed_policies')
    .select(['id', 'arn', 'default_version', 'last_version'])
    .where('id', '=', change.id)
    .where('account', '=', change.account)
    .executeTakeFirst();
}

export async function deletePolicy(trx: Trx, change: ChangeOf<'policy-deleted'>): Promise<Made> {
  const { account, id } = change;
  const policy = await findPolicy(trx, change);
  if (policy === undefined) return conflict;
  const attached = await trx
    .selectFrom('attachments')
    .select('identity_id')
    .where('policy_arn', '=', policy.arn)
    .executeTakeFirst();
  const bounded = await trx
    .selectFrom('identities')
    .select('id')
    .where('boundary', '=', policy.arn)
    .executeTakeFirst();
  if (attached !== undefined || bounded !== undefined) return { type: 'in-use', by: 'attachments' };
  if ((await countOf(trx, 'policy_versions', 'policy_id', id)) > 1) {
    return { type: 'in-use', by: 'policy-versions' };
  }
  await trx.deleteFrom('policy_versions').where('policy_id', '=', id).execute();
  await trx.deleteFrom('managed_policies').where('id', '=', id).execute();
  return identitiesDone(account);
}

export async function createPolicyVersion(
  trx: Trx,
  change: ChangeOf<'policy-version-created'>,
): Promise<Made> {
  const { account, id, version, document, isDefault, createdAt, limit } = change;
  const policy = await findPolicy(trx, change);
  if (policy === undefined || policy.last_version !== version - 1) return conflict;
  if ((await countOf(trx, 'policy_versions', 'policy_id', id)) >= limit) return { type: 'limit' };
  await insertVersion(trx, id, version, document, createdAt);
  await trx
    .updateTable('managed_policies')
    .set({ last_version: version, ...(isDefault && { default_version: version, updated_at: createdAt }) })
    .where('id', '=', id)
    .execute();
  return identitiesDone(account);
}

export async function deletePolicyVersion(
  trx: Trx,
  change: ChangeOf<'policy-version-deleted'>,
): Promise<Made> {
  const { account, id, version } = change;
  const policy = await findPolicy(trx, change);
  if (policy === undefined) return conflict;
  if (policy.default_version === version) return { type: 'in-use', by: 'default-version' };
  const { numDeletedRows } = await trx
    .deleteFrom('policy_versions')
    .where('policy_id', '=', id)
    .where('version', '=', version)
    .executeTakeFirstOrThrow();
  return numDeletedRows === 1n ? identitiesDone(account) : { type: 'not-found' };
}

export async function setDefaultVersion(trx: Trx, change: ChangeOf<'policy-default-set'>): Promise<Made> {
  const { account, id, version, updatedAt } = change;
  if ((await findPolicy(trx, change)) === undefined) return conflict;
  const there = await trx
    .selectFrom('policy_versions')
    .select('version')
    .where('policy_id', '=', id)
    .where('version', '=', version)
    .executeTakeFirst();
  if (there === undefined) return { type: 'not-found' };
  await trx
    .updateTable('managed_policies')
    .set({ default_version: version, updated_at: updatedAt })
    .where('id', '=', id)
    .execute();
  return identitiesDone(account);
}
