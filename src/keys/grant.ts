import type { Scope } from '../arn.ts';

/** What a grant can allow, as the service model's `GrantOperation` names it. */
export const grantOperations = [
  'Decrypt',
  'Encrypt',
  'GenerateDataKey',
  'GenerateDataKeyWithoutPlaintext',
  'ReEncryptFrom',
  'ReEncryptTo',
  'Sign',
  'Verify',
  'GetPublicKey',
  'CreateGrant',
  'RetireGrant',
  'DescribeKey',
  'GenerateDataKeyPair',
  'GenerateDataKeyPairWithoutPlaintext',
  'GenerateMac',
  'VerifyMac',
  'DeriveSharedSecret',
  'Encapsulate',
  'Decapsulate',
] as const;

export type GrantOperation = (typeof grantOperations)[number];

/** Grants on one key (AWS KMS developer guide, "Resource quotas"). */
export const grantLimit = 50_000;

export type EncryptionContext = Readonly<Record<string, string>>;

/** What a request must have in it; all that are given count. */
export interface GrantConstraints {
  /** At least one pair. */
  readonly encryptionContextEquals?: EncryptionContext;
  /** At least one pair. */
  readonly encryptionContextSubset?: EncryptionContext;
  /** The AWS resource on whose behalf the request is made. */
  readonly sourceArn?: string;
}

/** What a grant gives. */
export interface GrantTerms {
  /** No operation twice. */
  readonly operations: readonly GrantOperation[];
  readonly constraints: GrantConstraints;
}

/** A grant on a key, in the key's scope. Immutable: it is made and removed, never changed. */
export interface Grant extends Scope, GrantTerms {
  readonly keyId: string;
  /** 64 lower-case hex digits. */
  readonly grantId: string;
  /** Not unique: two grants of one name may differ in what they give. */
  readonly name: string | undefined;
  /**
   * Who gets it, by an id that nobody else ever has: `AIDA…` of a user, `AROA…` of a role, `AROA…:<session>` of a
   * role's session, the number of an account.
   */
  readonly granteeId: string;
  /** Who may retire it, as `granteeId`. */
  readonly retiringId: string | undefined;
  /** The account that made it. */
  readonly issuingAccount: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** For every kind of key what grants on it can allow, besides what they can on any. */
const special = {
  symmetric: [
    'Decrypt',
    'Encrypt',
    'GenerateDataKey',
    'GenerateDataKeyWithoutPlaintext',
    'GenerateDataKeyPair',
    'GenerateDataKeyPairWithoutPlaintext',
    'ReEncryptFrom',
    'ReEncryptTo',
  ],
  ENCRYPT_DECRYPT: ['Decrypt', 'Encrypt', 'ReEncryptFrom', 'ReEncryptTo', 'GetPublicKey'],
  SIGN_VERIFY: ['Sign', 'Verify', 'GetPublicKey'],
  GENERATE_VERIFY_MAC: ['GenerateMac', 'VerifyMac'],
  KEY_AGREEMENT: ['DeriveSharedSecret', 'GetPublicKey'],
  ENCAPSULATE_DECAPSULATE: ['Encapsulate', 'Decapsulate', 'GetPublicKey'],
} as const satisfies Record<string, readonly GrantOperation[]>;

const general: readonly GrantOperation[] = ['CreateGrant', 'DescribeKey', 'RetireGrant'];

/**
 * Which operations a grant on a key can allow (AWS KMS developer guide, "Grants in AWS KMS": grant operations).
 * @param keyUsage of a key that isn't symmetric
 * @returns none where spec and usage are unknown
 */
export function supportedGrantOperations(keySpec: string, keyUsage: string): readonly GrantOperation[] {
  const kind = keySpec === 'SYMMETRIC_DEFAULT' ? 'symmetric' : keyUsage;
  return isKind(kind) ? [...special[kind], ...general] : [];
}

function isKind(kind: string): kind is keyof typeof special {
  return Object.hasOwn(special, kind);
}

/** The operation that a permission is about; `undefined` where no grant can give it. @param action `kms:Encrypt` */
export function grantOperationOf(action: string): GrantOperation | undefined {
  return byAction.get(action);
}

const byAction: ReadonlyMap<string, GrantOperation> = new Map(
  grantOperations.map((operation) => [`kms:${operation}`, operation]),
);
