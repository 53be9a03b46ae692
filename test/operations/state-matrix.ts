/** What a state allows: the AWS developer guide's "Key states of AWS KMS keys", as requests and their answers. */

export const shownStates = ['Enabled', 'Disabled', 'PendingDeletion', 'PendingImport'] as const;
export type ShownState = (typeof shownStates)[number];

/** What kind of key an operation is about. */
export interface Kind {
  readonly KeySpec: string;
  readonly KeyUsage: string;
}

const symmetric: Kind = { KeySpec: 'SYMMETRIC_DEFAULT', KeyUsage: 'ENCRYPT_DECRYPT' };
const signing: Kind = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' };
const macs: Kind = { KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' };
const agreement: Kind = { KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' };

/** A key made by the token, and what it was given before it entered the state. */
export interface Subject {
  readonly KeyId: string;
  /** What the key made before: a ciphertext, a signature, a MAC or its public half. */
  readonly made: string;
  /** A key that is enabled. */
  readonly otherKeyId: string;
  /** Names the key. */
  readonly alias: string;
  /** Names the other key. */
  readonly otherAlias: string;
  readonly account: string;
  /** Empty where there are no grants. */
  readonly grantId: string;
}

type Answers = readonly [Disabled: string, PendingDeletion: string, PendingImport: string];

const allowed = 'allowed';
const disabled = 'DisabledException: <arn> is disabled.';
const deletion = 'KMSInvalidStateException: <arn> is pending deletion.';
const pendingImport = 'KMSInvalidStateException: <arn> is pending import.';
const notDeletion = 'KMSInvalidStateException: <arn> is not pending deletion.';
const imported =
  'UnsupportedOperationException: <arn> origin is EXTERNAL which is not valid for this operation.';

const use: Answers = [disabled, deletion, pendingImport];
const schedule: Answers = [disabled, deletion, imported];
const toggle: Answers = [allowed, deletion, pendingImport];
const change: Answers = [allowed, deletion, allowed];
const look: Answers = [allowed, allowed, allowed];

export interface Row {
  readonly operation: string;
  readonly kind: Kind;
  /** The answer in a state: `allowed`, or code and message. */
  answer(state: ShownState): string;
  input(subject: Subject): Record<string, unknown>;
}

function row(operation: string, answers: Answers, input: Row['input'], kind = symmetric): Row {
  const [inDisabled, inPendingDeletion, inPendingImport] = answers;
  const byState: Record<ShownState, string> = {
    Enabled: operation === 'CancelKeyDeletion' ? notDeletion : allowed,
    Disabled: inDisabled,
    PendingDeletion: inPendingDeletion,
    PendingImport: inPendingImport,
  };
  return { operation, kind, input, answer: (state) => byState[state] };
}

const key = ({ KeyId }: Subject) => ({ KeyId });
const Plaintext = 'AAAA';
const Message = Plaintext;
const blob = ({ made }: Subject) => ({ CiphertextBlob: made });
const signature = { Message, SigningAlgorithm: 'ECDSA_SHA_256' };
const mac = { Message, MacAlgorithm: 'HMAC_SHA_256' };

export const matrix: readonly Row[] = [
  row('Encrypt', use, ({ KeyId }) => ({ KeyId, Plaintext })),
  row('Decrypt', use, blob),
  row('ReEncrypt', use, (given) => ({ ...blob(given), DestinationKeyId: given.otherKeyId })),
  row('GenerateDataKey', use, ({ KeyId }) => ({ KeyId, KeySpec: 'AES_256' })),
  row('GenerateDataKeyWithoutPlaintext', use, ({ KeyId }) => ({ KeyId, KeySpec: 'AES_256' })),
  row('GenerateDataKeyPair', use, ({ KeyId }) => ({ KeyId, KeyPairSpec: 'ECC_NIST_P256' })),
  row('GenerateDataKeyPairWithoutPlaintext', use, ({ KeyId }) => ({ KeyId, KeyPairSpec: 'ECC_NIST_P256' })),
  row('Sign', use, ({ KeyId }) => ({ KeyId, ...signature }), signing),
  row('Verify', use, ({ KeyId, made }) => ({ KeyId, ...signature, Signature: made }), signing),
  row('GetPublicKey', use, key, signing),
  row('GenerateMac', use, ({ KeyId }) => ({ KeyId, ...mac }), macs),
  row('VerifyMac', use, ({ KeyId, made }) => ({ KeyId, ...mac, Mac: made }), macs),
  row(
    'DeriveSharedSecret',
    use,
    ({ KeyId, made }) => ({ KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey: made }),
    agreement,
  ),
  row('CreateGrant', use, ({ KeyId, account }) => ({
    KeyId,
    GranteePrincipal: `arn:aws:iam::${account}:root`,
    Operations: ['Encrypt'],
  })),
  row('RotateKeyOnDemand', use, key),
  row('EnableKeyRotation', schedule, key),
  row('DisableKeyRotation', schedule, key),
  row('GetKeyRotationStatus', [allowed, allowed, imported], key),
  row('EnableKey', toggle, key),
  row('DisableKey', toggle, key),
  row('ScheduleKeyDeletion', change, key),
  row('CancelKeyDeletion', [notDeletion, allowed, notDeletion], key),
  row('CreateAlias', change, ({ KeyId }) => ({ AliasName: `alias/new-${KeyId}`, TargetKeyId: KeyId })),
  row('UpdateAlias', change, ({ KeyId, otherAlias }) => ({ AliasName: otherAlias, TargetKeyId: KeyId })),
  row('TagResource', change, ({ KeyId }) => ({ KeyId, Tags: [{ TagKey: 'a', TagValue: 'b' }] })),
  row('UntagResource', change, ({ KeyId }) => ({ KeyId, TagKeys: ['a'] })),
  row('UpdateKeyDescription', change, ({ KeyId }) => ({ KeyId, Description: 'new' })),
  row('DescribeKey', look, key),
  row('GetKeyPolicy', look, key),
  row('PutKeyPolicy', look, ({ KeyId, account }) => ({
    KeyId,
    Policy: JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: `arn:aws:iam::${account}:root` },
          Action: 'kms:*',
          Resource: '*',
        },
      ],
    }),
  })),
  row('GetKeyLastUsage', look, key),
  row('ListKeyPolicies', look, key),
  row('ListResourceTags', look, key),
  row('ListKeyRotations', look, key),
  row('ListGrants', look, key),
  row('ListAliases', look, key),
  row('DeleteAlias', look, ({ alias }) => ({ AliasName: alias })),
  row('RevokeGrant', look, ({ KeyId, grantId }) => ({ KeyId, GrantId: grantId })),
  row('RetireGrant', look, ({ KeyId, grantId }) => ({ KeyId, GrantId: grantId })),
];

/** Operations that are not about one key that is there. */
export const elsewhere: ReadonlySet<string> = new Set([
  'CreateKey',
  'GenerateRandom',
  'ListKeys',
  'ListRetirableGrants',
]);

type Call = (operation: string, input: Record<string, unknown>) => Promise<Record<string, unknown>>;

/**
 * A key for one request, with all that the request may need.
 * @param call makes a request as somebody who may do everything
 */
export async function makeSubject(
  call: Call,
  kind: Kind,
  otherKeyId: string,
  grants: boolean,
): Promise<Subject> {
  const created = (await call('CreateKey', { ...kind })) as {
    KeyMetadata: { KeyId: string; AWSAccountId: string };
  };
  const { KeyId, AWSAccountId: account } = created.KeyMetadata;
  const made = await firstOf(call, kind, KeyId);
  const [alias, otherAlias] = [`alias/states-${KeyId}`, `alias/states-other-${KeyId}`];
  await call('CreateAlias', { AliasName: alias, TargetKeyId: KeyId });
  await call('CreateAlias', { AliasName: otherAlias, TargetKeyId: otherKeyId });
  const grant = {
    KeyId,
    GranteePrincipal: `arn:aws:iam::${account}:root`,
    RetiringPrincipal: `arn:aws:iam::${account}:root`,
    Operations: ['DescribeKey'],
  };
  const GrantId = grants ? (await call('CreateGrant', grant)).GrantId : '';
  return {
    KeyId,
    made: String(made),
    otherKeyId,
    alias,
    otherAlias,
    account,
    grantId: String(GrantId),
  };
}

/** What the key makes while it may. */
async function firstOf(call: Call, kind: Kind, KeyId: string): Promise<unknown> {
  switch (kind) {
    case signing:
      return (await call('Sign', { KeyId, ...signature })).Signature;
    case macs:
      return (await call('GenerateMac', { KeyId, ...mac })).Mac;
    case agreement:
      return (await call('GetPublicKey', { KeyId })).PublicKey;
    default:
      return (await call('Encrypt', { KeyId, Plaintext })).CiphertextBlob;
  }
}

/** The states that requests lead to, and how. */
export const ways: Readonly<Partial<Record<ShownState, string>>> = {
  Disabled: 'DisableKey',
  PendingDeletion: 'ScheduleKeyDeletion',
};
