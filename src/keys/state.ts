import { KmsError } from '../errors.ts';
import type { KeyState } from './key.ts';

/** What a state answers to an operation. */
type Verdict =
  | 'allow'
  | 'disabled'
  | 'pending-deletion'
  | 'pending-import'
  | 'not-pending-deletion'
  /** Only imported material can be awaited, and the operation has no use for it. */
  | 'imported';

/**
 * What each state allows, by the AWS developer guide's "Key states of AWS KMS keys". An operation names its
 * rule; this table is the only place that knows what follows.
 */
const table = {
  /** Cryptographic operations, CreateGrant, ReplicateKey, GetPublicKey, RotateKeyOnDemand. */
  use: {
    Enabled: 'allow',
    Disabled: 'disabled',
    PendingDeletion: 'pending-deletion',
    PendingImport: 'pending-import',
  },
  /** EnableKeyRotation, DisableKeyRotation. */
  'rotation-schedule': {
    Enabled: 'allow',
    Disabled: 'disabled',
    PendingDeletion: 'pending-deletion',
    PendingImport: 'imported',
  },
  /** GetKeyRotationStatus. */
  'rotation-status': {
    Enabled: 'allow',
    Disabled: 'allow',
    PendingDeletion: 'allow',
    PendingImport: 'imported',
  },
  /** EnableKey, DisableKey. */
  switch: {
    Enabled: 'allow',
    Disabled: 'allow',
    PendingDeletion: 'pending-deletion',
    PendingImport: 'pending-import',
  },
  /**
   * ScheduleKeyDeletion, tags, description, aliases that will name the key, GetParametersForImport,
   * ImportKeyMaterial.
   */
  change: {
    Enabled: 'allow',
    Disabled: 'allow',
    PendingDeletion: 'pending-deletion',
    PendingImport: 'allow',
  },
  /** CancelKeyDeletion. */
  cancel: {
    Enabled: 'not-pending-deletion',
    Disabled: 'not-pending-deletion',
    PendingDeletion: 'allow',
    PendingImport: 'not-pending-deletion',
  },
  /** Looking at a key, its policy, and taking an alias, a grant or imported material away from it. */
  look: {
    Enabled: 'allow',
    Disabled: 'allow',
    PendingDeletion: 'allow',
    PendingImport: 'allow',
  },
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
    case 'PendingImport':
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
    case 'pending-import':
      return awaitsImport(arn);
    case 'not-pending-deletion':
      return new KmsError('KMSInvalidStateException', `${arn} is not pending deletion.`);
    case 'imported':
      return wrongOrigin(arn, 'EXTERNAL');
  }
}

export function awaitsImport(arn: string): KmsError {
  return new KmsError('KMSInvalidStateException', `${arn} is pending import.`);
}

/** @param origin what the key's is, and must not be for the operation */
export function wrongOrigin(arn: string, origin: string): KmsError {
  return new KmsError(
    'UnsupportedOperationException',
    `${arn} origin is ${origin} which is not valid for this operation.`,
  );
}

const storedStates: readonly KeyState[] = [
  'Enabled',
  'Disabled',
  'PendingDeletion',
  'PendingImport',
  'Destroying',
];

/** The stored states that a rule allows: what a change under that rule names as its `from`. */
export function allowedStates(rule: StateRule): readonly KeyState[] {
  return storedStates.filter((state) => refusal(rule, state, '') === undefined);
}
