/** Where a token is tried: keys that live as long as their session, and calls that may be refused. */
import graphene from 'graphene-pk11';
import { ckrClass, ckrOf, ckrText } from '../ckr.ts';
import { Failure } from '../failure.ts';
import type { Leave } from '../mechanism.ts';
import type { Quirk } from '../quirk.ts';
import type { Placing } from '../secret.ts';
import type { Token } from '../token.ts';

/**
 * What the objects of a check are called: not `coffer …`, which a service that runs on the same token would take for
 * its own.
 */
export const checkLabel = 'hsm check by coffer';

/** Keys of the session, which leave nothing behind. */
export const passing: Placing = { label: checkLabel, id: Buffer.alloc(16, 0xc2), token: false };

export interface Bench {
  readonly token: Token;
  readonly leave: Leave;
}

/** Limits that a key is made without, so that another one alone can be what refuses. */
export function without(quirk: Quirk, ...left: Quirk['refuses'][number][]): Quirk {
  return { ...quirk, refuses: [...quirk.refuses, ...left] };
}

export type Attempt =
  | { readonly done: true }
  | { readonly done: false; readonly code: number; readonly text: string };

/**
 * Makes calls in a session of their own, which takes a refused operation along.
 * @throws where it is the token that is gone, and not the call that is refused
 */
export function attempt({ token }: Bench, task: (session: graphene.Session) => unknown): Attempt {
  try {
    token.apart(task);
    return { done: true };
  } catch (error) {
    // Of what was read back: it was not as asked.
    if (error instanceof Failure && error.kind === 'unsupported') {
      return { done: false, code: 0, text: error.message };
    }
    const code = ckrOf(error);
    const meaning = ckrClass(error);
    if (code === undefined || meaning === 'lost' || meaning === 'busy') throw error;
    return { done: false, code, text: ckrText(error) };
  }
}

/** An object by the handle that pkcs11js gives. */
export function objectOf(bench: Bench, session: graphene.Session, handle: Buffer): graphene.SessionObject {
  return new graphene.SessionObject(handle, session, bench.token.lib);
}
