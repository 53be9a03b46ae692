import { KmsError } from '../errors.ts';
import type { IdentityRepository } from '../identity/repository.ts';
import type { Key } from '../keys/key.ts';
import { compilePolicy } from '../policy/compile.ts';
import { defaultKeyPolicy } from '../policy/default-key.ts';
import { PolicyError } from '../policy/error.ts';
import {
  namedPrincipals,
  type PolicyKind,
  parsePolicy,
  renderPolicy,
  replacePrincipals,
} from '../policy/parse.ts';
import { decideFor } from './authorize.ts';
import type { Caller, Services } from './operation.ts';

/** Bytes (AWS KMS developer guide, "Resource quotas": key policy document size). */
const policyLimit = 32 * 1024;

const account = /^(?:arn:aws:iam::(\d{12}):root|(\d{12}))$/;
const identity = /^arn:aws:iam::\d{12}:(?:user|role)\/.+$/;
const session = /^arn:aws:sts::(\d{12}):assumed-role\/([^/]+)\/([^/]+)$/;
const uniqueId = /^A(?:IDA|ROA)[A-Z0-9]{16,}$/;

/**
 * A policy as it is stored: users and roles by their unique ids, so that one who is deleted and made again is
 * somebody else (IAM user guide, "AWS JSON policy elements: Principal").
 * @throws KmsError MalformedPolicyDocumentException, also where a principal does not exist, LimitExceededException
 */
export async function storedPolicy(
  text: string,
  kind: PolicyKind,
  identities: IdentityRepository,
): Promise<string> {
  const size = Buffer.byteLength(text);
  if (size > policyLimit) {
    throw new KmsError(
      'LimitExceededException',
      `The policy has ${size} bytes: at most ${policyLimit} are allowed.`,
    );
  }
  try {
    const document = parsePolicy(text, kind);
    const ids = new Map<string, string>();
    for (const name of namedPrincipals(document)) ids.set(name, await stableName(name, kind, identities));
    return renderPolicy(replacePrincipals(document, (name) => ids.get(name) ?? name));
  } catch (cause) {
    if (cause instanceof PolicyError) throw malformed(cause.message, cause);
    throw cause;
  }
}

/** @throws KmsError MalformedPolicyDocumentException */
async function stableName(name: string, kind: PolicyKind, identities: IdentityRepository): Promise<string> {
  if (name === '*') return name;
  const [, byArn, byNumber] = account.exec(name) ?? [];
  const number = byArn ?? byNumber;
  if (number !== undefined) {
    if (await identities.accountExists(number)) return name;
  } else if (identity.test(name)) {
    const id = await identities.findIdentityId(name);
    if (id !== undefined) return id;
  } else if (uniqueId.test(name)) {
    if ((await identities.findIdentity(name)) !== undefined) return name;
  } else {
    const [, owner, role, sessionName] = session.exec(name) ?? [];
    const id = role && (await identities.findIdentityId(`arn:aws:iam::${owner}:role/${role}`));
    if (id) return `${id}:${sessionName}`;
  }
  throw malformed(
    kind === 'trust'
      ? `Invalid principal in policy: "AWS":"${name}"`
      : 'Policy contains a statement with one or more invalid principals.',
  );
}

/** A stored policy as it is shown: whoever is still there by ARN, whoever is gone by unique id. */
export async function shownPolicy(
  text: string,
  kind: PolicyKind,
  identities: IdentityRepository,
): Promise<string> {
  const document = parsePolicy(text, kind);
  const shown = new Map<string, string>();
  for (const name of namedPrincipals(document)) {
    const [id = '', sessionName] = name.split(':', 2);
    const found = uniqueId.test(id) ? await identities.findIdentity(id) : undefined;
    if (found === undefined) continue;
    shown.set(
      name,
      sessionName === undefined
        ? found.arn
        : `arn:aws:sts::${found.account}:assumed-role/${found.name}/${sessionName}`,
    );
  }
  return renderPolicy(replacePrincipals(document, (name) => shown.get(name) ?? name));
}

/** The policy of a key as GetKeyPolicy answers it. */
export function shownKeyPolicy(key: Key, identities: IdentityRepository): Promise<string> {
  return shownPolicy(key.policy ?? defaultKeyPolicy(key.account), 'key', identities);
}

/**
 * The lock-out check (AWS KMS API reference, PutKeyPolicy): whoever puts a policy must be able to put the next.
 * @param policy as stored
 * @throws KmsError MalformedPolicyDocumentException
 */
export async function checkLockout(
  policy: string,
  key: Key,
  caller: Caller,
  services: Services,
): Promise<void> {
  const decision = await decideFor(
    caller,
    {
      type: 'key',
      action: 'kms:PutKeyPolicy',
      key: { ...key, policy },
      rule: 'look',
      facts: { 'kms:bypasspolicylockoutsafetycheck': 'false' },
    },
    services,
    { resource: compilePolicy(parsePolicy(policy, 'key'), { type: 'key policy', id: key.keyId }) },
  );
  if (!decision.allowed) {
    throw malformed('The new key policy will not allow you to update the key policy in the future.');
  }
}

function malformed(message: string, cause?: unknown): KmsError {
  return new KmsError('MalformedPolicyDocumentException', message, { cause });
}
