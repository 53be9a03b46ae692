import type { Clock } from '../clock.ts';
import { abandonKey } from '../keys/abandon.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { Key } from '../keys/key.ts';
import type { ChangeWriter } from '../keys/repository.ts';

/** A key that was `Creating` for so long has nobody who makes it: longer than any deadline on the way. */
export const creationMilliseconds = 300_000;

/** Clears up after processes that died while they made a key. */
export class Unfinished {
  readonly #parts: UnfinishedParts;
  /** When a key was first seen, by the monotonic clock: a machine that slept, or was set, makes nothing old. */
  readonly #seen = new Map<string, number>();

  constructor(parts: UnfinishedParts) {
    this.#parts = parts;
  }

  /** Takes back all of them: at start, when nobody makes keys. @returns how many */
  async abandonAll(): Promise<number> {
    return this.#abandon(await this.#parts.store.unfinishedCreations());
  }

  /** Takes back those that have been seen for `creationMilliseconds`. @returns how many */
  async abandonOld(): Promise<number> {
    const now = this.#parts.clock.monotonic();
    const unfinished = await this.#parts.store.unfinishedCreations();
    const there = new Set(unfinished.map(({ keyId }) => keyId));
    for (const keyId of this.#seen.keys()) if (!there.has(keyId)) this.#seen.delete(keyId);
    for (const keyId of there) if (!this.#seen.has(keyId)) this.#seen.set(keyId, now);
    return this.#abandon(
      unfinished.filter(({ keyId }) => now - (this.#seen.get(keyId) ?? now) >= creationMilliseconds),
    );
  }

  async #abandon(keys: readonly Key[]): Promise<number> {
    const { changes, hsm } = this.#parts;
    let abandoned = 0;
    for (const key of keys) if (await abandonKey(key, changes, hsm)) abandoned += 1;
    return abandoned;
  }
}

export interface UnfinishedParts {
  readonly store: { unfinishedCreations(): Promise<readonly Key[]> };
  readonly changes: ChangeWriter;
  readonly hsm: Hsm;
  readonly clock: Clock;
}

export interface Difference {
  /** Token objects of Coffer's that no row of the store explains. They are never destroyed: whose are they? */
  readonly unexplained: readonly string[];
  /** How many half-made objects without a key in them there are. */
  readonly shells: number;
  /** Materials of the store that the token has lost. */
  readonly lost: readonly { readonly keyId: string; readonly materialId: string }[];
}

/** States in which the object may be missing: not made yet, or gone already. */
const unmade: ReadonlySet<Key['state']> = new Set(['Creating', 'Abandoning', 'Destroying']);

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
  const materials = new Map(
    objects.filter(({ kind }) => kind === 'material').map((object) => [object.id, object]),
  );
  const lost: { keyId: string; materialId: string }[] = [];
  for await (const page of store.allMaterials()) {
    for (const { keyId, materialId, state } of page) {
      const there = materials.delete(materialId);
      if (!there && !unmade.has(state)) lost.push({ keyId, materialId });
    }
  }
  return {
    unexplained: [...materials.values(), ...objects.filter(({ kind }) => kind === 'unknown')].map(
      ({ id, label }) => `${label || '(no label)'} ${id}`.trim(),
    ),
    shells: objects.filter(({ kind }) => kind === 'shell').length,
    lost,
  };
}
