import { randomBytes } from 'node:crypto';
import type { Scope } from '../arn.ts';
import type { Clock } from '../clock.ts';
import type { Hsm } from './hsm.ts';
import type { Key, KeyState } from './key.ts';
import type { ChangeWriter, KeyChange } from './repository.ts';
import type { WrappingAlgorithm, WrappingKeySpec } from './spec/wrapping.ts';

/** How long an import token is good for, and with it its wrapping key (AWS KMS API reference, GetParametersForImport). */
export const importMilliseconds = 86_400_000;

/**
 * Wrapping keys that a key may have at a time. AWS names no limit; here each is an object in the token, which takes
 * seconds to make.
 */
export const wrappingKeyLimit = 20;

/**
 * `Creating`: the row is there, the token object may not be; nobody has an import token of it.
 * `Ready`: it unwraps, until its time has come.
 * `Destroying`: the token object is going.
 * `Destroyed`: it is gone; for a while the row says that the import token was a good one.
 */
export type WrappingKeyState = 'Creating' | 'Ready' | 'Destroying' | 'Destroyed';

/** A pair in the token, to whose public half material is encrypted that is imported into one key. */
export interface WrappingKey extends Scope {
  /** 32 lower-case hex digits: its CKA_ID in the token, and what its import token says. */
  readonly wrappingId: string;
  readonly keyId: string;
  readonly state: WrappingKeyState;
  readonly algorithm: WrappingAlgorithm;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** Milliseconds since the epoch. */
  readonly validTo: number;
}

/** Whether it is of no use any more: its import token is no longer valid, or it is going. @param now since the epoch */
export function isLeftOver({ state, validTo }: WrappingKey, now: number): boolean {
  return state === 'Destroying' || state === 'Destroyed' || validTo <= now;
}

const version = 1;
const idBytes = 16;

/**
 * The import token as callers have it: it names the row that says everything else, so nothing of it can be changed
 * into another that is good.
 */
export function writeImportToken(wrappingId: string): Buffer {
  return Buffer.concat([Buffer.of(version), Buffer.from(wrappingId, 'hex')]);
}

/** @returns the wrapping key's id; `undefined` where it is no import token */
export function readImportToken(token: Buffer): string | undefined {
  if (token.length !== 1 + idBytes || token[0] !== version) return undefined;
  return token.subarray(1).toString('hex');
}

export type BegunWrappingKey =
  | {
      readonly type: 'made';
      readonly wrappingKey: WrappingKey;
      /** SubjectPublicKeyInfo in DER. */
      readonly publicKey: Buffer;
      /** Whether material will be unwrapped inside the token. */
      readonly inToken: boolean;
      /** What lets it be used: to be applied with its record. */
      readonly change: KeyChange;
    }
  /** The key is no longer as it was read. */
  | { readonly type: 'conflict' }
  /** The key has as many as it may. */
  | { readonly type: 'limit' };

/** Makes a wrapping key: its row, then the pair. What fails is taken back; what dies half-way is by the next start. */
export async function beginWrappingKey(
  key: Key,
  from: readonly KeyState[],
  algorithm: WrappingAlgorithm,
  wrappingKeySpec: WrappingKeySpec,
  parts: { readonly changes: ChangeWriter; readonly hsm: Hsm; readonly clock: Clock },
): Promise<BegunWrappingKey> {
  const { region, account, keyId, keySpec, keyUsage } = key;
  const { changes, hsm, clock } = parts;
  const now = clock.now();
  const wrappingKey: WrappingKey = {
    region,
    account,
    wrappingId: randomBytes(idBytes).toString('hex'),
    keyId,
    state: 'Creating',
    algorithm,
    createdAt: now,
    validTo: now + importMilliseconds,
  };
  const { wrappingId } = wrappingKey;
  const begun = await changes.apply(
    { region, account, type: 'wrapping-key-creating', wrappingKey, from, limit: wrappingKeyLimit },
    undefined,
  );
  if (begun.type === 'conflict' || begun.type === 'limit') return { type: begun.type };
  if (begun.type !== 'done') throw new Error(`a wrapping key was refused as \`${begun.type}\``);
  try {
    const made = await hsm.createWrappingKey(wrappingId, wrappingKeySpec, algorithm, keySpec, keyUsage);
    const change = { region, account, type: 'wrapping-key-created', wrappingId } as const;
    return { type: 'made', wrappingKey, ...made, change };
  } catch (cause) {
    await endWrappingKey(wrappingKey, changes, hsm).catch(() => false);
    throw cause;
  }
}

/**
 * Takes a wrapping key out of the token. The row goes first out of use, so that it can't become `Ready` any more; then
 * whatever there is of the pair; then the row says so.
 * @returns whether it is gone: false where it was already
 */
export async function endWrappingKey(
  { region, account, wrappingId }: WrappingKey,
  changes: ChangeWriter,
  hsm: Hsm,
): Promise<boolean> {
  const row = { region, account, wrappingId };
  const { type } = await changes.apply({ ...row, type: 'wrapping-key-destroying' }, undefined);
  if (type !== 'done') return false;
  await hsm.destroyWrappingKey(wrappingId);
  await changes.apply({ ...row, type: 'wrapping-key-destroyed' }, undefined);
  return true;
}
