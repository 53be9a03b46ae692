/**
 * A map that forgets what hasn't been asked for lately. Two halves: when the young one is full it becomes the
 * old one, and what was in the old one and not asked for since is gone. A look-up of what is in use is one
 * `get` and writes nothing.
 */
export class Recent<T> {
  readonly #half: number;
  readonly #weigh: (value: T) => number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  /** Of the young half. */
  #weight = 0;

  /**
   * @param bound how much all entries may weigh together, but for one that is heavier than half of it alone
   * @param weigh the same for the same value; 1 for each where it is left out, so that `bound` is a number of entries
   */
  constructor(bound: number, weigh: (value: T) => number = () => 1) {
    this.#half = Math.max(1, Math.floor(bound / 2));
    this.#weigh = weigh;
  }

  get(name: string): T | undefined {
    const young = this.#young.get(name);
    if (young !== undefined) return young;
    const old = this.#old.get(name);
    if (old !== undefined) this.set(name, old);
    return old;
  }

  set(name: string, value: T): void {
    const weight = this.#weigh(value);
    this.delete(name);
    if (this.#weight + weight > this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#weight = 0;
    }
    this.#young.set(name, value);
    this.#weight += weight;
  }

  delete(name: string): void {
    const young = this.#young.get(name);
    if (young !== undefined) {
      this.#young.delete(name);
      this.#weight -= this.#weigh(young);
    }
    this.#old.delete(name);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#weight = 0;
  }

  /** How many entries there are. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
