import { randomBytes, randomUUID } from 'node:crypto';
import { groupMacInput } from '../../src/audit/line.ts';
import {
  type Hsm,
  HsmError,
  type HsmErrorKind,
  type MaterialRef,
  trailCheckpointDomain,
} from '../../src/keys/hsm.ts';

/** What became of a request: `wrong` is an answer that isn't the right one, `other` an error that is no HsmError. */
export type Outcome = 'ok' | 'wrong' | 'other' | HsmErrorKind;

/** What a request may meet while a host or the token is away. */
export const passing: readonly Outcome[] = ['ok', 'unavailable', 'timeout'];

export function newMaterial(): MaterialRef {
  return { keyId: randomUUID(), materialId: randomBytes(16).toString('hex') };
}

/** What a trail has a MAC made over, for its first group or another. */
export function trailGroup(sequence = 1): Buffer {
  return groupMacInput({ stream: '0011223344556677', sequence, previous: 'ab'.repeat(32) });
}

/** What the checkpoint key signs. */
export const checkpoint = Buffer.concat([trailCheckpointDomain, Buffer.from('heads')]);

/** YYYYMMDD, so many days from now. */
export function dateIn(days: number): string {
  return new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10).replaceAll('-', '');
}

/** The outcome of any request whose answer nobody checks. */
export async function outcomeOf(request: Promise<unknown>): Promise<Outcome> {
  try {
    await request;
    return 'ok';
  } catch (error) {
    return error instanceof HsmError ? error.kind : 'other';
  }
}

/** Encrypts, decrypts and compares. */
export async function roundTrip(hsm: Hsm, material: MaterialRef): Promise<Outcome> {
  const plaintext = randomBytes(32);
  const context = randomBytes(24);
  try {
    const blob = await hsm.encrypt(material, context, plaintext);
    return plaintext.equals(await hsm.decrypt(blob, context)) ? 'ok' : 'wrong';
  } catch (error) {
    return error instanceof HsmError ? error.kind : 'other';
  }
}

export interface Load {
  /** Every kind of outcome so far, and how many of each. */
  readonly outcomes: ReadonlyMap<Outcome, number>;
  /** The longest that one round trip took so far, in milliseconds. */
  slowest(): number;
  /** Resolves after `count` more round trips have succeeded. */
  successes(count: number): Promise<void>;
  /** Ends the load; resolves when nothing is in flight. */
  stop(): Promise<void>;
}

/** Keeps round trips in flight until it is told to stop. */
export function startLoad(hsm: Hsm, material: MaterialRef, inFlight: number): Load {
  const outcomes = new Map<Outcome, number>();
  const waiting: { at: number; resolve: () => void }[] = [];
  let slowest = 0;
  let stopped = false;
  const note = (outcome: Outcome, milliseconds: number) => {
    const count = (outcomes.get(outcome) ?? 0) + 1;
    outcomes.set(outcome, count);
    slowest = Math.max(slowest, milliseconds);
    if (outcome !== 'ok') return;
    for (const waiter of waiting) if (waiter.at === count) waiter.resolve();
  };
  const one = async () => {
    while (!stopped) {
      const begin = performance.now();
      note(await roundTrip(hsm, material), performance.now() - begin);
    }
  };
  const all = Promise.all(Array.from({ length: inFlight }, one));
  return {
    outcomes,
    slowest: () => slowest,
    successes: (count) => {
      const at = (outcomes.get('ok') ?? 0) + count;
      return new Promise((resolve) => waiting.push({ at, resolve }));
    },
    stop: async () => {
      stopped = true;
      await all;
    },
  };
}
