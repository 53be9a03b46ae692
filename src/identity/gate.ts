import { KmsError } from '../errors.ts';

/** Lets so many through at once and so many wait: what strangers can set off must not take up everything. */
export class Gate {
  readonly #width: number;
  readonly #room: number;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor({ width, room }: { readonly width: number; readonly room: number }) {
    this.#width = width;
    this.#room = room;
  }

  /** @throws KmsError ThrottlingException where there is no room to wait */
  async pass<T>(run: () => Promise<T>): Promise<T> {
    if (this.#inside >= this.#width) {
      if (this.#waiting.length >= this.#room) throw new KmsError('ThrottlingException', 'Rate exceeded');
      // Whoever leaves hands over its place.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#inside += 1;
    }
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#inside -= 1;
      else next();
    }
  }
}
