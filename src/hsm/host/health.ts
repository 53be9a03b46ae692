/** Whether a token that is open is well: what it says of itself, its canary, the known answer. */
import type graphene from 'graphene-pk11';
import type { Canary, FoundCanary } from './canary.ts';
import { ckrText } from './ckr.ts';
import { Failure } from './failure.ts';
import { patience, pause } from './patience.ts';

/** As much of an open token as is asked. */
export interface Opened {
  readonly slot: graphene.Slot;
  readonly info: graphene.Token;
  readonly session: graphene.Session;
  canary: FoundCanary | undefined;
}

const tokenInitialized = 0x400;

export class Health {
  readonly #canary: Canary;
  #searchDueAt = 0;

  constructor(canary: Canary) {
    this.#canary = canary;
  }

  /**
   * Asks the token's truth, and searches for the canary only as often as that is cheap: whoever reaches the
   * service may cause a check.
   * @returns what is wrong; `undefined` where the token is well
   */
  check(opened: Opened): string | undefined {
    const started = performance.now();
    const searching = started >= this.#searchDueAt;
    const problem = this.#ask(opened, searching);
    // Finding takes SoftHSM 17 µs for each object in the token: spend a hundredth of the time on it at most.
    if (searching) this.#searchDueAt = started + 100 * (performance.now() - started);
    return problem;
  }

  /** As check, but always searches: where an object was missed, the canary says whether all are. */
  search(opened: Opened): string | undefined {
    return this.#ask(opened, true);
  }

  #ask(opened: Opened, searching: boolean): string | undefined {
    for (let tries = 1; ; tries++) {
      let problem: string | undefined;
      try {
        problem = this.#askOnce(opened, searching);
      } catch (error) {
        problem = error instanceof Failure ? error.message : ckrText(error);
      }
      if (problem === undefined || tries === patience) return problem;
      pause();
    }
  }

  /** @throws whatever the module does */
  #askOnce(opened: Opened, searching: boolean): string | undefined {
    // Of all calls this one tells the truth when a token's folder is gone.
    const { flags, serialNumber } = opened.slot.getToken();
    if ((flags & tokenInitialized) === 0) return 'the token is no longer initialised';
    if (serialNumber !== opened.info.serialNumber) return 'another token is in the slot';
    if (opened.canary === undefined) {
      if (searching) opened.canary = this.#canary.find(opened.session);
      return undefined;
    }
    if (searching && !this.#canary.shows(opened.session)) return 'the token shows no canary any more';
    return this.#canary.answers(opened.session, opened.canary.key)
      ? undefined
      : 'the known-answer decrypt fails';
  }
}
