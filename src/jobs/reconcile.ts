import type { Clock } from '../clock.ts';
import { abandonKey, abandonMaterial } from '../keys/abandon.ts';
import type { Hsm } from '../keys/hsm.ts';
import type { Key } from '../keys/key.ts';
import type { ChangeWriter } from '../keys/repository.ts';
import { endWrappingKey, type WrappingKey } from '../keys/wrapping-key.ts';

/** A key that was `Creating` for so long has nobody who makes it: longer than any deadline on the way. */
export const creationMilliseconds = 300_000;

/** Clears up after processes that died while they made a key, or made, imported or deleted a key's material. */
export class Unfinished {
  readonly #parts: UnfinishedParts;
  /** When each was first seen, by the monotonic clock: a machine that slept, or was set, makes nothing old. */
  readonly #seen = new Map<string, number>();

  constructor(parts: UnfinishedParts) {
    this.#parts = parts;
  }

  /** Takes back all of them: at start, when nobody makes keys. @returns how many */
  async abandonAll(): Promise<number> {
    const { store, changes, hsm } = this.#parts;
    let abandoned = await this.#abandon(await this.#unfinished());
    for (const wrappingKey of await store.wrappingKeys()) {
      if (wrappingKey.state === 'Ready') continue;
      if (await endWrappingKey(wrappingKey, changes, hsm)) abandoned += 1;
    }
    return abandoned;
  }

  /** Takes back those that have been seen for `creationMilliseconds`, and what only has to go. @returns how many */
  async abandonOld(): Promise<number> {
    const now = this.#parts.clock.monotonic();
    const unfinished = await this.#unfinished();
    const there = new Set(unfinished.map(nameOf));
    for (const seen of this.#seen.keys()) if (!there.has(seen)) this.#seen.delete(seen);
    for (const name of there) if (!this.#seen.has(name)) this.#seen.set(name, now);
    return this.#abandon(
      unfinished.filter(
        (half) => half.isGoing || now - (this.#seen.get(nameOf(half)) ?? now) >= creationMilliseconds,
      ),
    );
  }

  async #unfinished(): Promise<Half[]> {
    const { store } = this.#parts;
    const keys = await store.unfinishedCreations();
    const others = await store.unfinishedMaterials();
    return [
      ...keys.map((key) => ({ key, isGoing: false })),
      ...others.flatMap((key) => unfinishedOf(key).map((half) => ({ key, ...half }))),
    ];
  }

  async #abandon(halves: readonly Half[]): Promise<number> {
    const { changes, hsm } = this.#parts;
    let abandoned = 0;
    for (const { key, materialId } of halves) {
      const done =
        materialId === undefined
          ? await abandonKey(key, changes, hsm)
          : await abandonMaterial(key, materialId, changes, hsm);
      if (done) abandoned += 1;
    }
    return abandoned;
  }
}

interface Half {
  readonly key: Key;
  /** `undefined` where it is all of the key, which nobody has seen then. */
  readonly materialId?: string;
  /** Whether nobody makes it any more: it only has to go. */
  readonly isGoing: boolean;
}

const nameOf = ({ key, materialId }: Half): string => materialId ?? key.keyId;

function unfinishedOf({ materials, pending }: Key): Required<Omit<Half, 'key'>>[] {
  const halves = materials.flatMap(({ materialId, import: given }) =>
    given?.state === 'Importing' || given?.state === 'Deleting'
      ? [{ materialId, isGoing: given.state === 'Deleting' }]
      : [],
  );
  return pending === undefined || pending.state === 'PendingRotation'
    ? halves
    : [...halves, { materialId: pending.materialId, isGoing: pending.state === 'Abandoning' }];
}

export interface UnfinishedParts {
  readonly store: {
    unfinishedCreations(): Promise<readonly Key[]>;
    unfinishedMaterials(): Promise<readonly Key[]>;
    wrappingKeys(): Promise<readonly WrappingKey[]>;
  };
  readonly changes: ChangeWriter;
  readonly hsm: Hsm;
  readonly clock: Clock;
}
