import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import {
  type EncryptionContext,
  type GrantConstraints,
  type GrantOperation,
  type GrantTerms,
  grantOperations,
  supportedGrantOperations,
} from '../keys/grant.ts';
import type { Key } from '../keys/key.ts';
import { members } from './input.ts';
import type { Facts } from './operation.ts';

/** What CreateGrant says of the grant that it wants. */

export const grantTermsInput = {
  Operations: z.array(z.enum(grantOperations)).min(1),
  Constraints: z
    .strictObject({
      EncryptionContextEquals: members.context.optional(),
      EncryptionContextSubset: members.context.optional(),
      SourceArn: z.string().min(20).max(512).optional(),
    })
    .optional(),
};

type Input = z.infer<z.ZodObject<typeof grantTermsInput>>;

/** Pairs in a constraint, and characters of all of them (AWS KMS API reference, CreateGrant). */
const pairLimit = 8;
const characterLimit = 384;

/** @throws KmsError ValidationException */
export function grantTerms(input: Input): GrantTerms {
  const operations: readonly GrantOperation[] = [...new Set(input.Operations)];
  if (operations.every((operation) => operation === 'CreateGrant')) {
    throw new KmsError('ValidationException', 'Grants must not contain only the CreateGrant operation.');
  }
  return { operations, constraints: grantConstraints(input.Constraints ?? {}) };
}

function grantConstraints(given: NonNullable<Input['Constraints']>): GrantConstraints {
  const { EncryptionContextEquals, EncryptionContextSubset, SourceArn: sourceArn } = given;
  // Terraform's provider sends both, one of them empty.
  const exact = besides(EncryptionContextEquals, EncryptionContextSubset);
  const subset = besides(EncryptionContextSubset, EncryptionContextEquals);
  if (exact !== undefined && subset !== undefined) {
    throw new KmsError(
      'ValidationException',
      'A grant can have an EncryptionContextEquals constraint or an EncryptionContextSubset constraint, not both.',
    );
  }
  const context = exact ?? subset;
  if (context !== undefined) checkContext(context);
  return {
    ...(exact !== undefined && { encryptionContextEquals: exact }),
    ...(subset !== undefined && { encryptionContextSubset: subset }),
    ...(sourceArn !== undefined && { sourceArn }),
  };
}

/** A constraint, unless it is empty beside one that isn't. */
function besides(
  constraint: EncryptionContext | undefined,
  other: EncryptionContext | undefined,
): EncryptionContext | undefined {
  const isEmpty = (context: EncryptionContext = {}) => Object.keys(context).length === 0;
  return isEmpty(constraint) && !isEmpty(other) ? undefined : constraint;
}

/**
 * INVARIANT: a constraint constrains. One without a pair would let everything through and still satisfy a policy
 * that asks for it by its type.
 */
function checkContext(context: EncryptionContext): void {
  const pairs = Object.entries(context);
  if (pairs.length === 0) {
    throw new KmsError(
      'ValidationException',
      'A grant constraint must include at least one encryption context pair.',
    );
  }
  const characters = pairs.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (pairs.length > pairLimit || characters > characterLimit) {
    throw new KmsError(
      'ValidationException',
      `A grant constraint can include up to ${pairLimit} encryption context pairs and cannot exceed ${characterLimit} characters.`,
    );
  }
}

/** @throws KmsError ValidationException where a key of this kind has no such operation or no encryption context */
export function checkTerms({ operations, constraints }: GrantTerms, key: Key): void {
  const arn = keyArn(key, key.keyId);
  const supported = supportedGrantOperations(key.keySpec, key.keyUsage);
  const unsupported = operations.filter((operation) => !supported.includes(operation));
  if (unsupported.length > 0) {
    throw new KmsError(
      'ValidationException',
      `${arn} key usage is ${key.keyUsage} and key spec is ${key.keySpec} which is not valid for grants of ${unsupported.join(', ')}.`,
    );
  }
  const context = constraints.encryptionContextEquals ?? constraints.encryptionContextSubset;
  if (context !== undefined && key.keySpec !== 'SYMMETRIC_DEFAULT') {
    throw new KmsError(
      'ValidationException',
      `${arn} key spec is ${key.keySpec} which is not valid for encryption context grant constraints.`,
    );
  }
}

/** `kms:Grant…` and its fellows (AWS KMS developer guide, "AWS KMS condition keys"). */
export function grantFacts(
  { operations, constraints }: GrantTerms,
  granteePrincipal: string,
  retiringPrincipal: string | undefined,
): Facts {
  const { encryptionContextEquals, encryptionContextSubset, sourceArn } = constraints;
  const type =
    encryptionContextEquals !== undefined
      ? 'EncryptionContextEquals'
      : encryptionContextSubset !== undefined
        ? 'EncryptionContextSubset'
        : undefined;
  return {
    ...notForAwsResource,
    'kms:grantoperations': operations,
    'kms:granteeprincipal': granteePrincipal,
    'kms:retiringprincipal': retiringPrincipal,
    'kms:grantconstrainttype': type,
    'kms:grantconstraintsourcearn': sourceArn,
  };
}

/** No AWS service asks on anybody's behalf here. */
export const notForAwsResource: Facts = { 'kms:grantisforawsresource': 'false' };
