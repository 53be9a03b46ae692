import type { Hsm } from './hsm.ts';
import type { Key } from './key.ts';
import type { ChangeWriter } from './repository.ts';

/**
 * Takes back a key that is not made to the end: nobody has seen it. The row goes first out of `Creating`, so
 * that whoever still makes it can't finish; then whatever there is of the token object; then the row.
 * @param key in `Creating` or `Abandoning`
 * @returns whether it was taken back: false where it was finished after all
 */
export async function abandonKey(key: Key, changes: ChangeWriter, hsm: Hsm): Promise<boolean> {
  const { region, account, keyId, materials } = key;
  if (key.state === 'Creating') {
    const { type } = await changes.apply({ region, account, type: 'key-abandoning', keyId }, undefined);
    if (type !== 'done') return false;
  }
  for (const { materialId } of materials) await hsm.destroyKey({ keyId, materialId });
  const { type } = await changes.apply({ region, account, type: 'key-abandoned', keyId }, undefined);
  return type === 'done';
}

/**
 * Takes back a material that did not become the current one: the row goes first out of `Creating`, so that it can't
 * any more; then whatever there is of the object; then the row. Where there is no row any more, the object goes all
 * the same: one that was made late would be nobody's.
 *
 * INVARIANT: no object goes whose material is one of its key's.
 * @returns whether it was taken back: false where it is the key's after all
 */
export async function abandonMaterial(
  { region, account, keyId }: Key,
  materialId: string,
  changes: ChangeWriter,
  hsm: Hsm,
): Promise<boolean> {
  const row = { region, account, keyId, materialId };
  const { type } = await changes.apply({ ...row, type: 'material-abandoning' }, undefined);
  if (type !== 'done') return false;
  await hsm.destroyKey({ keyId, materialId });
  await changes.apply({ ...row, type: 'material-abandoned' }, undefined);
  return true;
}
