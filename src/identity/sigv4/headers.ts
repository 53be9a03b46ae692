/** A request's headers, by lower-case name, taken from the wire once and read by everybody after that. */
export class RequestHeaders {
  readonly #values = new Map<string, string>();
  /** Names that came more than once, where there are any. */
  #repeated: Set<string> | undefined;
  /** How many different `x-amz-*` headers there are. */
  readonly amzCount: number;

  /** @param raw name, value, name, value, … as they came (`IncomingMessage.rawHeaders`) */
  constructor(raw: readonly string[]) {
    let amzCount = 0;
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = (raw[i] ?? '').toLowerCase();
      const value = raw[i + 1] ?? '';
      const before = this.#values.get(name);
      if (before === undefined) {
        this.#values.set(name, value);
        if (name.startsWith('x-amz-')) amzCount++;
      } else {
        // The form that a signature covers: values joined in the order they came.
        this.#values.set(name, `${before},${value}`);
        this.#repeated ??= new Set();
        this.#repeated.add(name);
      }
    }
    this.amzCount = amzCount;
  }

  /** The value; of a header that came more than once, all of them with commas between. */
  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  /** Whether a header came more than once: what is signed and what is acted upon could then differ. */
  repeats(name: string): boolean {
    return this.#repeated?.has(name) ?? false;
  }

  names(): Iterable<string> {
    return this.#values.keys();
  }
}
