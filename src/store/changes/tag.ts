import { isIn } from './key.ts';
import { type ChangeOf, conflict, done, type Made, type Trx } from './make.ts';

export async function putTags(trx: Trx, change: ChangeOf<'tags-put'>): Promise<Made> {
  const { region, account, keyId, from, tags, limit } = change;
  if (!(await isIn(trx, change, keyId, from))) return conflict;
  const present = await trx
    .selectFrom('tags')
    .select('tag_key')
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId)
    .execute();
  const after = new Set([...present.map((tag) => tag.tag_key), ...tags.map((tag) => tag.key)]);
  if (after.size > limit) return { type: 'limit' };
  for (const tag of tags) {
    await trx
      .insertInto('tags')
      .values({ region, account, key_id: keyId, tag_key: tag.key, tag_value: tag.value })
      .onConflict((there) =>
        there.columns(['region', 'account', 'key_id', 'tag_key']).doUpdateSet({ tag_value: tag.value }),
      )
      .execute();
  }
  return done([keyId]);
}

/** A tag that isn't there is removed already. */
export async function removeTags(trx: Trx, change: ChangeOf<'tags-removed'>): Promise<Made> {
  const { region, account, keyId, from, tagKeys } = change;
  if (!(await isIn(trx, change, keyId, from))) return conflict;
  if (tagKeys.length > 0) {
    await trx
      .deleteFrom('tags')
      .where('region', '=', region)
      .where('account', '=', account)
      .where('key_id', '=', keyId)
      .where('tag_key', 'in', tagKeys)
      .execute();
  }
  return done([keyId]);
}
