/** What a state allows: the AWS developer guide's "Key states of AWS KMS keys", as requests and their answers. */

export const shownStates = ['Enabled', 'Disabled', 'PendingDeletion', 'PendingImport'] as const;
export type ShownState = (typeof shownStates)[number];

/** A symmetric key made by the token, and what it was given before it entered the state. */
export interface Subject {
  readonly KeyId: string;
  /** Made under the key. */
  readonly CiphertextBlob: string;
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
  /** The answer in a state: `allowed`, or code and message. */
  answer(state: ShownState): string;
  input(subject: Subject): Record<string, unknown>;
}

function row(operation: string, answers: Answers, input: Row['input']): Row {
  const [inDisabled, inPendingDeletion, inPendingImport] = answers;
  const byState: Record<ShownState, string> = {
    Enabled: operation === 'CancelKeyDeletion' ? notDeletion : allowed,
    Disabled: inDisabled,
    PendingDeletion: inPendingDeletion,
    PendingImport: inPendingImport,
  };
  return { operation, input, answer: (state) => byState[state] };
}

const key = ({ KeyId }: Subject) => ({ KeyId });
const Plaintext = 'AAAA';
const blob = ({ CiphertextBlob }: Subject) => ({ CiphertextBlob });

export const matrix: readonly Row[] = [
  row('Encrypt', use, ({ KeyId }) => ({ KeyId, Plaintext })),
  row('Decrypt', use, blob),
  row('ReEncrypt', use, (given) => ({ ...blob(given), DestinationKeyId: given.otherKeyId })),
  row('GenerateDataKey', use, ({ KeyId }) => ({ KeyId, KeySpec: 'AES_256' })),
  row('GenerateDataKeyWithoutPlaintext', use, ({ KeyId }) => ({ KeyId, KeySpec: 'AES_256' })),
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
  row('ListKeyPolicies', look, key),
  row('ListResourceTags', look, key),
  row('ListKeyRotations', look, key),
  row('ListGrants', look, key),
  row('ListAliases', look, key),
  row('DeleteAlias', look, ({ alias }) => ({ AliasName: alias })),
  row('RevokeGrant', look, ({ KeyId, grantId }) => ({ KeyId, GrantId: grantId })),
  row('RetireGrant', look, ({ KeyId, grantId }) => ({ KeyId, GrantId: grantId })),
];

/** Operations that are not about one key that is there, or need one of another kind. */
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
export async function makeSubject(call: Call, otherKeyId: string, grants: boolean): Promise<Subject> {
  const created = (await call('CreateKey', {})) as { KeyMetadata: { KeyId: string; AWSAccountId: string } };
  const { KeyId, AWSAccountId: account } = created.KeyMetadata;
  const { CiphertextBlob } = await call('Encrypt', { KeyId, Plaintext });
  const [alias, otherAlias] = [`alias/states-${KeyId}`, `alias/states-other-${KeyId}`];
  await call('CreateAlias', { AliasName: alias, TargetKeyId: KeyId });
  await call('CreateAlias', { AliasName: otherAlias, TargetKeyId: otherKeyId });
  const grant = {
    KeyId,
    GranteePrincipal: `arn:aws:iam::${account}:root`,
    RetiringPrincipal: `arn:aws:iam::${account}:root`,
    Operations: ['Decrypt'],
  };
  const GrantId = grants ? (await call('CreateGrant', grant)).GrantId : '';
  return {
    KeyId,
    CiphertextBlob: String(CiphertextBlob),
    otherKeyId,
    alias,
    otherAlias,
    account,
    grantId: String(GrantId),
  };
}

/** The states that requests lead to, and how. */
export const ways: Readonly<Partial<Record<ShownState, string>>> = {
  Disabled: 'DisableKey',
  PendingDeletion: 'ScheduleKeyDeletion',
};
