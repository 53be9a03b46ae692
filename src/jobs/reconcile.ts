import type { Clock } from '../clock.ts';
import { abandonKey, abandonMaterial } from '../keys/abandon.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { Key, PendingMaterialState } from '../keys/key.ts';
import type { ChangeWriter } from '../keys/repository.ts';

/** A key that was `Creating` for so long has nobody who makes it: longer than any deadline on the way. */
export const creationMilliseconds = 300_000;

/** Clears up after processes that died while they made a key, or a key's next material. */
export class Unfinished {
  readonly #parts: UnfinishedParts;
  /** When a material was first seen, by the monotonic clock: a machine that slept, or was set, makes nothing old. */
  readonly #seen = new Map<string, number>();

  constructor(parts: UnfinishedParts) {
    this.#parts = parts;
  }

  /** Takes back all of them: at start, when nobody makes keys. @returns how many */
  async abandonAll(): Promise<number> {
    return this.#abandon(await this.#unfinished());
  }

  /** Takes back those that have been seen for `creationMilliseconds`. @returns how many */
  async abandonOld(): Promise<number> {
    const now = this.#parts.clock.monotonic();
    const unfinished = await this.#unfinished();
    const there = new Set(unfinished.map(({ materialId }) => materialId));
    for (const seen of this.#seen.keys()) if (!there.has(seen)) this.#seen.delete(seen);
    for (const materialId of there) if (!this.#seen.has(materialId)) this.#seen.set(materialId, now);
    return this.#abandon(
      unfinished.filter(
        ({ materialId }) => now - (this.#seen.get(materialId) ?? now) >= creationMilliseconds,
      ),
    );
  }

  async #unfinished(): Promise<Half[]> {
    const { store } = this.#parts;
    const keys = await store.unfinishedCreations();
    const rotating = await store.unfinishedRotations();
    return [
      ...keys.map((key) => ({ key, materialId: key.currentMaterialId, whole: true })),
      ...rotating.flatMap((key) =>
        key.pending === undefined ? [] : [{ key, materialId: key.pending.materialId, whole: false }],
      ),
    ];
  }

  async #abandon(halves: readonly Half[]): Promise<number> {
    const { changes, hsm } = this.#parts;
    let abandoned = 0;
    for (const { key, materialId, whole } of halves) {
      const done = whole
        ? await abandonKey(key, changes, hsm)
        : await abandonMaterial(key, materialId, changes, hsm);
      if (done) abandoned += 1;
    }
    return abandoned;
  }
}

interface Half {
  readonly key: Key;
  readonly materialId: string;
  /** Whether it is all of the key, which nobody has seen then. */
  readonly whole: boolean;
}

export interface UnfinishedParts {
  readonly store: {
    unfinishedCreations(): Promise<readonly Key[]>;
    unfinishedRotations(): Promise<readonly Key[]>;
  };
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

/** States of a key and of a material in which the object may be missing: not made yet, or gone already. */
const unmade: ReadonlySet<string> = new Set(['Creating', 'Abandoning', 'Destroying']);

/** Compares store and token, while nobody creates or destroys. */
export async function compare(
  store: {
    allMaterials(): AsyncIterable<
      readonly {
        readonly keyId: string;
        readonly materialId: string;
        readonly state: Key['state'];
        readonly materialState: 'Ready' | PendingMaterialState;
      }[]
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
    for (const { keyId, materialId, state, materialState } of page) {
      const there = materials.delete(materialId);
      if (!there && !unmade.has(state) && !unmade.has(materialState)) lost.push({ keyId, materialId });
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
