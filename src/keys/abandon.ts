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
