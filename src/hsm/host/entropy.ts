import { randomFillSync } from 'node:crypto';

/**
 * Random bytes for one batch of requests: the host's generator mixed with the token's, so that neither alone
 * decides. Nothing is kept from one batch to the next: a pool that lives on would give the same bytes again
 * after a virtual machine is restored from a snapshot of its memory.
 */
export class Entropy {
  readonly #fromToken: (target: Buffer) => void;
  readonly #ours = Buffer.allocUnsafeSlow(poolBytes);
  readonly #theirs = Buffer.allocUnsafeSlow(poolBytes);
  #expected = 0;
  #next = 0;
  #end = 0;

  /** @param fromToken fills a buffer from the token's generator */
  constructor(fromToken: (target: Buffer) => void) {
    this.#fromToken = fromToken;
  }

  /** Begins a batch of so many requests. */
  begin(requests: number): void {
    this.#expected = requests;
  }

  /** Fills the whole target. */
  fill(target: Buffer): void {
    let filled = 0;
    while (filled < target.length) {
      if (this.#next === this.#end) this.#draw(target.length - filled);
      const end = Math.min(this.#end, this.#next + target.length - filled);
      this.#ours.copy(target, filled, this.#next, end);
      this.#ours.fill(0, this.#next, end);
      filled += end - this.#next;
      this.#next = end;
    }
  }

  /** Ends the batch: what is left over is dropped. */
  end(): void {
    this.#ours.fill(0, this.#next, this.#end);
    this.#next = 0;
    this.#end = 0;
    this.#expected = 0;
  }

  #draw(needed: number): void {
    const size = Math.min(poolBytes, Math.max(needed, this.#expected * typicalBytes));
    const theirs = this.#theirs.subarray(0, size);
    this.#fromToken(theirs);
    randomFillSync(this.#ours, 0, size);
    for (let index = 0; index < size; index++) {
      this.#ours[index] = (this.#ours[index] ?? 0) ^ (theirs[index] ?? 0);
    }
    theirs.fill(0);
    this.#next = 0;
    this.#end = size;
  }
}

const poolBytes = 2048;
/** What a request needs, mostly: an IV. */
const typicalBytes = 12;
