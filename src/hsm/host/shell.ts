/** What is left of a key's making where a host was killed: objects without a name and without a key in them. */
import type graphene from 'graphene-pk11';
import { ckrClass } from './ckr.ts';
import { Failure } from './failure.ts';
import { destroy, find, isShell } from './object.ts';
import type { Token } from './token.ts';

/**
 * How long one must have been seen before it goes: while another host or program makes an object, it may look like one
 * for as long as it takes to write it; and a host that doesn't end a call for so long is ended.
 */
export const shellMilliseconds = 5_000;

export class Shells {
  readonly #token: Token;
  /** By handle, in the token's present epoch: a handle of before can name another object. */
  #seen = new Map<string, number>();
  #epoch: object | undefined;

  constructor(token: Token) {
    this.#token = token;
  }

  /** @returns how many are destroyed, and after how long the youngest of the others may be; 0 where there are none */
  sweep(now = performance.now()): { readonly destroyed: number; readonly waitMilliseconds: number } {
    const token = this.#token;
    if (this.#epoch !== token.handles) this.#seen = new Map();
    this.#epoch = token.handles;
    const seen = new Map<string, number>();
    let destroyed = 0;
    for (const object of find(token.grapheneSession, {})) {
      if (!isStillShell(object)) continue;
      const handle = object.handle.toString('hex');
      const since = this.#seen.get(handle) ?? now;
      if (now - since < shellMilliseconds) seen.set(handle, since);
      else if (isDestroyed(object)) destroyed += 1;
    }
    this.#seen = seen;
    const youngest = Math.max(0, ...[...seen.values()].map((since) => since + shellMilliseconds - now));
    return { destroyed, waitMilliseconds: Math.ceil(youngest) };
  }
}

/** Of so little that SoftHSM doesn't take it for an object, it destroys nothing either: that one stays. */
function isDestroyed(object: graphene.SessionObject): boolean {
  try {
    destroy(object);
    return true;
  } catch (error) {
    if (error instanceof Failure) return false;
    throw error;
  }
}

function isStillShell(object: graphene.SessionObject): boolean {
  try {
    return isShell(object);
  } catch (error) {
    // It went meanwhile, or can't be read: then nothing is sure of it.
    const meaning = ckrClass(error);
    if (meaning === 'handle' || meaning === 'ambiguous') return false;
    throw error;
  }
}
