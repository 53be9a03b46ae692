/** Comparing store and token, while keys are made and destroyed. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { TokenObject } from '../keys/hsm.ts';
import type { ImportState, KeyState, PendingMaterialState } from '../keys/key.ts';
import { isPairSpec, type KeySpec } from '../keys/spec/key-spec.ts';
import { isLeftOver, type WrappingKey } from '../keys/wrapping-key.ts';
import { type Finding, finding, sameFinding } from './finding.ts';

/** A material as the store knows it. */
export interface MaterialRow {
  readonly keyId: string;
  readonly materialId: string;
  readonly keySpec: KeySpec;
  readonly state: KeyState;
  readonly materialState: 'Ready' | PendingMaterialState;
  /** Null of a material that the token made. */
  readonly importState: ImportState | null;
}

export interface CompareParts {
  readonly store: {
    allMaterials(): AsyncIterable<readonly MaterialRow[]>;
    wrappingKeys(): Promise<readonly WrappingKey[]>;
  };
  readonly clock: Clock;
  readonly hsm: { listObjects(): Promise<readonly TokenObject[]> };
  /** How long to wait before the second look, where others make and destroy keys. */
  readonly settleMilliseconds?: number;
}

export interface Comparison {
  readonly materials: number;
  readonly objects: number;
  readonly findings: readonly Finding[];
}

const own = ['canary', 'trail', 'sealing', 'checkpoint'] as const;

/**
 * Compares twice, and tells what both times is so. A row is written before the objects that it stands for, and stays until
 * they are gone; so of what a request does meanwhile, each reading of the token before the store sees at most one
 * half, and never the same twice.
 */
export async function compareStoreAndToken(parts: CompareParts): Promise<Comparison> {
  const first = await look(parts);
  if (first.findings.length === 0) return first;
  if (parts.settleMilliseconds !== undefined) await pause(parts.settleMilliseconds);
  const second = await look(parts);
  const lasting = second.findings.filter((one) => first.findings.some((other) => sameFinding(one, other)));
  return { ...second, findings: lasting };
}

/** INVARIANT: the token is read before the store. */
async function look({ store, hsm, clock }: CompareParts): Promise<Comparison> {
  const objects = await hsm.listObjects();
  const token = new Listing(objects);
  const found: Finding[] = [];
  let materials = 0;
  for await (const page of store.allMaterials()) {
    materials += page.length;
    for (const row of page) found.push(...token.explain(row));
  }
  const wrapping = token.wrapping(await store.wrappingKeys(), clock.now());
  return { materials, objects: objects.length, findings: [...found, ...wrapping, ...token.rest()] };
}

/** Objects of a token, of which each row of the store explains some. */
class Listing {
  readonly #objects: readonly TokenObject[];
  readonly #byId = new Map<string, TokenObject[]>();

  constructor(objects: readonly TokenObject[]) {
    this.#objects = objects;
    for (const object of objects) {
      if (object.kind !== 'material' && !(object.kind === 'public' && object.keyId !== undefined)) continue;
      this.#byId.set(object.id, [...(this.#byId.get(object.id) ?? []), object]);
    }
  }

  explain(row: MaterialRow): Finding[] {
    const { keyId, materialId } = row;
    const subject = `${keyId} material ${materialId}`;
    const there = (this.#byId.get(materialId) ?? []).filter((object) => object.keyId === keyId);
    const rest = (this.#byId.get(materialId) ?? []).filter((object) => object.keyId !== keyId);
    if (rest.length === 0) this.#byId.delete(materialId);
    else this.#byId.set(materialId, rest);
    const unsettled = unsettledKind(row);
    if (unsettled === 'import') return [];
    if (unsettled !== undefined) return [finding(unsettled, subject, keyId)];
    const secret = there.filter(({ kind }) => kind === 'material').length;
    const halves = there.filter(({ kind }) => kind === 'public').length;
    if (secret > 1 || halves > 1) return [finding('ambiguous-key', subject, keyId)];
    if (secret === 0 && halves === 0) return [finding('lost-key', subject, keyId)];
    if (secret === 0) return [finding('lost-half', `${subject}, the private half`, keyId)];
    if (halves === 0 && isPairSpec(row.keySpec)) {
      return [finding('lost-half', `${subject}, the public half`, keyId)];
    }
    return [];
  }

  /** Wrapping keys but those of imports that are under way. @param rows those that may be in the token */
  wrapping(rows: readonly WrappingKey[], now: number): Finding[] {
    const known = new Map(rows.map((row) => [row.wrappingId, row]));
    return this.#objects.flatMap(({ kind, id }) => {
      if (kind !== 'wrapping') return [];
      const row = known.get(id);
      if (row === undefined) return [finding('unexplained-wrapping-key', id)];
      return isLeftOver(row, now) ? [finding('wrapping-key', id, row.keyId)] : [];
    });
  }

  /** What no row has explained. */
  rest(): Finding[] {
    const shells = this.#objects.filter(({ kind }) => kind === 'shell').length;
    const missing = own.filter((kind) => !this.#objects.some((object) => object.kind === kind));
    return [
      ...missing.map((kind) => finding('lost-own-key', `coffer ${kind}`)),
      ...[...this.#byId.values()].flat().map((object) => {
        const half = object.kind === 'public' ? ', the public half' : '';
        return finding('unexplained-key', `${object.keyId} material ${object.id}${half}`, object.keyId);
      }),
      ...this.#objects
        .filter(({ kind }) => kind === 'unknown')
        .map(({ label, id }) => finding('unknown-object', `${label || '(no label)'} ${id}`.trim())),
      ...(shells === 0 ? [] : [finding('shells', String(shells))]),
    ];
  }
}

const unfinished: ReadonlySet<string | null> = new Set(['Creating', 'Abandoning', 'Importing', 'Deleting']);

/** Whether the objects of a material may be there or not: it is being made, or goes, or is yet to be imported. */
function unsettledKind({
  state,
  materialState,
  importState,
}: MaterialRow): 'destroying' | 'unfinished' | 'import' | undefined {
  if (state === 'Destroying') return 'destroying';
  if (state === 'PendingImport' || importState === 'Deleted') return 'import';
  return [state, materialState, importState].some((one) => unfinished.has(one)) ? 'unfinished' : undefined;
}
