/** What a client was told: every acknowledged thing, and every thing of which it can't know. */

export type Existence = 'there' | 'gone';
export type State = 'Enabled' | 'Disabled' | 'PendingDeletion';

export interface KeyFact {
  readonly keyId: string;
  /** The states it may be in: one, unless a request about it went unanswered. */
  states: readonly State[];
  description: readonly string[];
}

export interface AliasFact {
  readonly aliasName: string;
  readonly target: string;
  existence: readonly Existence[];
}

export interface CiphertextFact {
  readonly keyId: string;
  readonly blob: Uint8Array;
  /** `undefined` where the plaintext was never told. */
  readonly plaintext: Uint8Array | undefined;
  readonly context: Record<string, string>;
}

export interface Facts {
  readonly keys: Map<string, KeyFact>;
  readonly aliases: Map<string, AliasFact>;
  readonly ciphertexts: CiphertextFact[];
  /** By request id: the operation, and the error's name where it was refused. */
  readonly answered: Map<string, { readonly operation: string; readonly error: string | undefined }>;
  /** Requests that got no answer. */
  unanswered: number;
}

export function noFacts(): Facts {
  return { keys: new Map(), aliases: new Map(), ciphertexts: [], answered: new Map(), unanswered: 0 };
}

/** Numbers in [0, 1) that follow from a seed: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
