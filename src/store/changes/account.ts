import { rootArn } from '../../arn.ts';
import { type ChangeOf, identitiesDone, type Made, type Trx } from './make.ts';

/** An account and its root, whose id is the account's number. */
export async function insertAccount(
  trx: Trx,
  account: string,
  name: string,
  createdAt: number,
): Promise<void> {
  await trx.insertInto('accounts').values({ account, name, created_at: createdAt }).execute();
  await trx
    .insertInto('identities')
    .values({
      id: account,
      account,
      type: 'Root',
      name: '',
      name_key: '',
      path: '/',
      arn: rootArn(account),
      created_at: createdAt,
      tags: '[]',
    })
    .execute();
}

export async function createAccount(trx: Trx, change: ChangeOf<'account-created'>): Promise<Made> {
  const { account, name, createdAt } = change;
  const taken = await trx
    .selectFrom('accounts')
    .select('account')
    .where((one) => one.or([one('account', '=', account), one('name', '=', name)]))
    .executeTakeFirst();
  if (taken !== undefined) return { type: 'exists' };
  await insertAccount(trx, account, name, createdAt);
  return identitiesDone(account);
}
