import { generateKeyPairSync } from 'node:crypto';
import { isPairSpec, type KeySpec, type KeyUsage } from '../../src/keys/spec/key-spec.ts';
import { newMaterialOf, wrap } from '../contract/hsm/wrap.ts';

/** What a state allows: the AWS developer guide's "Key states of AWS KMS keys", as requests and their answers. */

export const shownStates = ['Enabled', 'Disabled', 'PendingDeletion', 'PendingImport'] as const;
export type ShownState = (typeof shownStates)[number];

/**
 * A key, and what it was given before it entered the state. Its material was imported where that is what the state or
 * the operation is about, else the token made it.
 */
export interface Subject {
  readonly KeyId: string;
  /** Made with the key: a ciphertext, a signature, a MAC. */
  readonly made: string;
  /** A key that is enabled. */
  readonly otherKeyId: string;
  /** Names the key. */
  readonly alias: string;
  /** Names the other key. */
  readonly otherAlias: string;
  readonly account: string;
  /** Of a key whose material was imported: what imports it again. */
  readonly importing: Record<string, unknown>;
  readonly grantId: string;
}

type Answers = readonly [Disabled: string, PendingDeletion: string, PendingImport: string];

const allowed = 'allowed';
const disabled = 'DisabledException: <arn> is disabled.';
const deletion = 'KMSInvalidStateException: <arn> is pending deletion.';
const pendingImport = 'KMSInvalidStateException: <arn> is pending import.';
const notDeletion = 'KMSInvalidStateException: <arn> is not pending deletion.';
const notImported =
  'UnsupportedOperationException: <arn> origin is EXTERNAL which is not valid for this operation.';

const use: Answers = [disabled, deletion, pendingImport];
const schedule: Answers = [disabled, deletion, notImported];
const toggle: Answers = [allowed, deletion, pendingImport];
const change: Answers = [allowed, deletion, allowed];
const look: Answers = [allowed, allowed, allowed];

/** What a key is that an operation needs: a symmetric one that the token made, where nothing else is said. */
export interface Kind {
  readonly keySpec: KeySpec;
  readonly keyUsage: KeyUsage;
  /** Whether its material must be imported. */
  readonly isImported: boolean;
}

const symmetric: Kind = { keySpec: 'SYMMETRIC_DEFAULT', keyUsage: 'ENCRYPT_DECRYPT', isImported: false };
const imported: Kind = { ...symmetric, isImported: true };
const signing: Kind = { keySpec: 'ECC_NIST_P256', keyUsage: 'SIGN_VERIFY', isImported: false };
const agreeing: Kind = { ...signing, keyUsage: 'KEY_AGREEMENT' };
const authenticating: Kind = { keySpec: 'HMAC_256', keyUsage: 'GENERATE_VERIFY_MAC', isImported: false };

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
const Message = 'AAAA';
const blob = ({ made }: Subject) => ({ CiphertextBlob: made });
/** Somebody else's public key. */
const peer = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  .publicKey.export({ format: 'der', type: 'spki' })
  .toString('base64');

export const matrix: readonly Row[] = [
  row('Encrypt', use, ({ KeyId }) => ({ KeyId, Plaintext })),
  row('Decrypt', use, blob),
  row('ReEncrypt', use, (given) => ({ ...blob(given), DestinationKeyId: given.otherKeyId })),
  row('GenerateDataKey', use, ({ KeyId }) => ({ KeyId, KeySpec: 'AES_256' })),
  row('GenerateDataKeyWithoutPlaintext', use, ({ KeyId }) => ({ KeyId, KeySpec: 'AES_256' })),
  row('GenerateDataKeyPair', use, ({ KeyId }) => ({ KeyId, KeyPairSpec: 'ECC_NIST_P256' })),
  row('GenerateDataKeyPairWithoutPlaintext', use, ({ KeyId }) => ({ KeyId, KeyPairSpec: 'ECC_NIST_P256' })),
  row('CreateGrant', use, ({ KeyId, account }) => ({
    KeyId,
    GranteePrincipal: `arn:aws:iam::${account}:root`,
    Operations: ['Encrypt'],
  })),
  row('RotateKeyOnDemand', use, key),
  row('EnableKeyRotation', schedule, key),
  row('DisableKeyRotation', schedule, key),
  row('GetKeyRotationStatus', [allowed, allowed, notImported], key),
  row('EnableKey', toggle, key),
  row('DisableKey', toggle, key),
  row('ScheduleKeyDeletion', change, key),
  row('CancelKeyDeletion', [notDeletion, allowed, notDeletion], key),
  row('CreateAlias', change, ({ KeyId }) => ({ AliasName: `alias/new-${KeyId}`, TargetKeyId: KeyId })),
  row('UpdateAlias', change, ({ KeyId, otherAlias }) => ({ AliasName: otherAlias, TargetKeyId: KeyId })),
  row('TagResource', change, ({ KeyId }) => ({ KeyId, Tags: [{ TagKey: 'a', TagValue: 'b' }] })),
  row('UntagResource', change, ({ KeyId }) => ({ KeyId, TagKeys: ['a'] })),
  row('UpdateKeyDescription', change, ({ KeyId }) => ({ KeyId, Description: 'new' })),
  row(
    'GetParametersForImport',
    change,
    ({ KeyId }) => ({ KeyId, WrappingAlgorithm: 'RSAES_OAEP_SHA_1', WrappingKeySpec: 'RSA_2048' }),
    imported,
  ),
  row('ImportKeyMaterial', change, ({ importing }) => importing, imported),
  row('DeleteImportedKeyMaterial', look, key, imported),
  row('GetPublicKey', use, key, signing),
  row('Sign', use, ({ KeyId }) => ({ KeyId, Message, SigningAlgorithm: 'ECDSA_SHA_256' }), signing),
  row(
    'Verify',
    use,
    ({ KeyId, made }) => ({ KeyId, Message, SigningAlgorithm: 'ECDSA_SHA_256', Signature: made }),
    signing,
  ),
  row('GenerateMac', use, ({ KeyId }) => ({ KeyId, Message, MacAlgorithm: 'HMAC_SHA_256' }), authenticating),
  row(
    'VerifyMac',
    use,
    ({ KeyId, made }) => ({ KeyId, Message, MacAlgorithm: 'HMAC_SHA_256', Mac: made }),
    authenticating,
  ),
  row(
    'DeriveSharedSecret',
    use,
    ({ KeyId }) => ({ KeyId, KeyAgreementAlgorithm: 'ECDH', PublicKey: peer }),
    agreeing,
  ),
  row('DescribeKey', look, key),
  row('GetKeyLastUsage', look, key),
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
async function makeSubject(call: Call, otherKeyId: string, kind: Kind): Promise<Subject> {
  const { keySpec: KeySpec, keyUsage: KeyUsage, isImported } = kind;
  const Origin = isImported ? 'EXTERNAL' : 'AWS_KMS';
  const created = (await call('CreateKey', { Origin, KeySpec, KeyUsage })) as {
    KeyMetadata: { KeyId: string; AWSAccountId: string };
  };
  const { KeyId, AWSAccountId: account } = created.KeyMetadata;
  const importing = isImported ? await prepareImport(call, KeyId, KeySpec) : {};
  if (isImported) await call('ImportKeyMaterial', importing);
  const made = await makeWith(call, KeyId, KeyUsage);
  const [alias, otherAlias] = [`alias/states-${KeyId}`, `alias/states-other-${KeyId}`];
  await call('CreateAlias', { AliasName: alias, TargetKeyId: KeyId });
  await call('CreateAlias', { AliasName: otherAlias, TargetKeyId: otherKeyId });
  const { GrantId } = await call('CreateGrant', {
    KeyId,
    GranteePrincipal: `arn:aws:iam::${account}:root`,
    RetiringPrincipal: `arn:aws:iam::${account}:root`,
    Operations: ['DescribeKey'],
  });
  return { KeyId, made, otherKeyId, alias, otherAlias, account, importing, grantId: String(GrantId) };
}

async function makeWith(call: Call, KeyId: string, usage: KeyUsage): Promise<string> {
  switch (usage) {
    case 'ENCRYPT_DECRYPT':
      return String((await call('Encrypt', { KeyId, Plaintext })).CiphertextBlob);
    case 'SIGN_VERIFY':
      return String((await call('Sign', { KeyId, Message, SigningAlgorithm: 'ECDSA_SHA_256' })).Signature);
    case 'GENERATE_VERIFY_MAC':
      return String((await call('GenerateMac', { KeyId, Message, MacAlgorithm: 'HMAC_SHA_256' })).Mac);
    case 'KEY_AGREEMENT':
      return '';
  }
}

async function prepareImport(call: Call, KeyId: string, keySpec: KeySpec): Promise<Record<string, unknown>> {
  const WrappingAlgorithm = isPairSpec(keySpec) ? 'RSA_AES_KEY_WRAP_SHA_1' : 'RSAES_OAEP_SHA_1';
  const wanted = { KeyId, WrappingAlgorithm, WrappingKeySpec: 'RSA_2048' };
  const { ImportToken, PublicKey } = await call('GetParametersForImport', wanted);
  const publicKey = Buffer.from(String(PublicKey), 'base64');
  const wrapped = wrap(publicKey, WrappingAlgorithm, newMaterialOf(keySpec)).toString('base64');
  const ExpirationModel = 'KEY_MATERIAL_DOES_NOT_EXPIRE';
  return { KeyId, ImportToken, EncryptedKeyMaterial: wrapped, ExpirationModel };
}

/** How requests lead to each state. */
const ways: Readonly<Record<Exclude<ShownState, 'Enabled'>, string>> = {
  Disabled: 'DisableKey',
  PendingDeletion: 'ScheduleKeyDeletion',
  PendingImport: 'DeleteImportedKeyMaterial',
};

/** A key in a state, for one request. */
export async function enter(
  call: Call,
  state: ShownState,
  otherKeyId: string,
  kind: Kind = symmetric,
): Promise<Subject> {
  const isImported = kind.isImported || state === 'PendingImport';
  const subject = await makeSubject(call, otherKeyId, { ...kind, isImported });
  if (state !== 'Enabled') await call(ways[state], { KeyId: subject.KeyId });
  return subject;
}
