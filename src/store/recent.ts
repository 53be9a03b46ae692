/**
 * A map that forgets what hasn't been asked for lately. Two halves: when the young one is full it becomes the
 * old one, and what was in the old one and not asked for since is gone. A look-up of what is in use is one
 * `get` and writes nothing.
 */
export class Recent<T> {
  readonly #half: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  /** @param bound how many entries there may be at most */
  constructor(bound: number) {
    this.#half = Math.max(1, Math.floor(bound / 2));
  }

  get(name: string): T | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.set(name, old);
    return old;
  }

  set(name: string, value: T): void {
    if (this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    } else {
      this.#old.delete(name);
    }
    this.#young.set(name, value);
  }

  delete(name: string): void {
    this.#young.delete(name);
    this.#old.delete(name);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  /** How many entries there are; one that is in both halves counts twice. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
