/**
 * Whose turn it is to log in. A PIN that has become wrong must be tried once by all hosts together, and not once
 * by each: a token may lock after a few.
 */
export class Turns<Host> {
  readonly #waiting: { readonly host: Host; readonly grant: () => void }[] = [];
  #holder: Host | undefined;
  #closed = false;

  /** Calls `grant` when the host may log in. */
  take(host: Host, grant: () => void): void {
    this.#waiting.push({ host, grant });
    this.#next();
  }

  /** The host is logged in, or is no more. */
  release(host: Host): void {
    if (this.#holder === host) this.#holder = undefined;
    const index = this.#waiting.findIndex((waiting) => waiting.host === host);
    if (index >= 0) this.#waiting.splice(index, 1);
    this.#next();
  }

  /** Nobody's any more. */
  close(): void {
    this.#closed = true;
  }

  #next(): void {
    if (this.#closed || this.#holder !== undefined) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#holder = next.host;
    next.grant();
  }
}
