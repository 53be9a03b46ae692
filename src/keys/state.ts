import { KmsError } from '../errors.ts';
import type { KeyState } from './key.ts';

/**
 * What each state allows, by the AWS developer guide's "Key states of AWS KMS keys". An operation names its
 * rule; this table is the only place that knows what follows.
 */
type Verdict = 'allow' | 'disabled' | 'pending-deletion' | 'not-pending-deletion';

const table = {
  /** Cryptographic operations. */
  use: { Enabled: 'allow', Disabled: 'disabled', PendingDeletion: 'pending-deletion' },
  /** EnableKey, DisableKey, ScheduleKeyDeletion, tags, description, aliases that will name the key. */
  change: { Enabled: 'allow', Disabled: 'allow', PendingDeletion: 'pending-deletion' },
  /** CancelKeyDeletion. */
  cancel: { Enabled: 'not-pending-deletion', Disabled: 'not-pending-deletion', PendingDeletion: 'allow' },
  /** Looking at a key, and taking an alias away from it. */
  look: { Enabled: 'allow', Disabled: 'allow', PendingDeletion: 'allow' },
} as const satisfies Record<string, Record<PublicKeyState, Verdict>>;

export type StateRule = keyof typeof table;

/** The states that the API speaks of. */
export type PublicKeyState = Exclude<KeyState, 'Creating' | 'Abandoning' | 'Destroying'>;

/** A key being destroyed still reads as pending deletion: its object may be gone, its row is not. */
export function publicState(state: KeyState): PublicKeyState {
  switch (state) {
    case 'Enabled':
    case 'Disabled':
    case 'PendingDeletion':
      return state;
    case 'Destroying':
      return 'PendingDeletion';
    case 'Creating':
    case 'Abandoning':
      // INVARIANT: no repository hands out a key that is not made.
      throw new KmsError('KMSInternalException', 'The request failed.', {
        detail: `a key in state ${state} was read`,
      });
  }
}

/**
 * The refusal that a rule gives for a state, or undefined where it allows.
 * @param arn the key's ARN, for the message
 */
export function refusal(rule: StateRule, state: KeyState, arn: string): KmsError | undefined {
  const verdict: Verdict =
    rule === 'cancel' && state === 'Destroying' ? 'pending-deletion' : table[rule][publicState(state)];
  switch (verdict) {
    case 'allow':
      return undefined;
    case 'disabled':
      return new KmsError('DisabledException', `${arn} is disabled.`);
    case 'pending-deletion':
      return new KmsError('KMSInvalidStateException', `${arn} is pending deletion.`);
    case 'not-pending-deletion':
      return new KmsError('KMSInvalidStateException', `${arn} is not pending deletion.`);
  }
}

const storedStates: readonly KeyState[] = ['Enabled', 'Disabled', 'PendingDeletion', 'Destroying'];

/** The stored states that a rule allows: what a change under that rule names as its `from`. */
export function allowedStates(rule: StateRule): readonly KeyState[] {
  return storedStates.filter((state) => refusal(rule, state, '') === undefined);
}
