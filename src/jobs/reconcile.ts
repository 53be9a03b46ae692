import type { Hsm } from '../keys/hsm.ts';
import type { Key } from '../keys/key.ts';
import type { ChangeWriter } from '../keys/repository.ts';

/**
 * Takes back the keys that were being made when their process died: nobody has seen them. Whatever part of
 * the token object is there goes first, so that none is left without a row.
 * @param unfinished keys in `Creating` that nobody is making any more
 * @returns how many were taken back
 */
export async function abandonUnfinished(
  unfinished: readonly Key[],
  changes: ChangeWriter,
  hsm: Hsm,
): Promise<number> {
  for (const { region, account, keyId, materials } of unfinished) {
    for (const { materialId } of materials) await hsm.destroyKey({ keyId, materialId });
    await changes.apply({ region, account, type: 'key-abandoned', keyId }, undefined);
  }
  return unfinished.length;
}

export interface Difference {
  /** Token objects of Coffer's that no row of the store explains. They are never destroyed: whose are they? */
  readonly unexplained: readonly string[];
  /** Materials of the store that the token has lost. */
  readonly lost: readonly { readonly keyId: string; readonly materialId: string }[];
}

/** Compares store and token, while nobody creates or destroys. */
export async function compare(
  store: {
    allMaterials(): AsyncIterable<
      readonly { readonly keyId: string; readonly materialId: string; readonly state: Key['state'] }[]
    >;
  },
  hsm: Hsm,
): Promise<Difference> {
  const objects = await hsm.listObjects();
  const unexplained = new Map(
    objects
      .filter(({ kind }) => kind === 'material' || kind === 'unknown')
      .map((object) => [object.id, object.label]),
  );
  const lost: { keyId: string; materialId: string }[] = [];
  for await (const page of store.allMaterials()) {
    for (const { keyId, materialId, state } of page) {
      const there = unexplained.delete(materialId);
      // A key being destroyed may have lost its object to that already.
      if (!there && state !== 'Destroying' && state !== 'Creating') lost.push({ keyId, materialId });
    }
  }
  return {
    unexplained: [...unexplained].map(([id, label]) => `${label || '(no label)'} ${id}`.trim()),
    lost,
  };
}
