import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { beginImport } from '../keys/import.ts';
import type { Key } from '../keys/key.ts';
import { dayMilliseconds } from '../keys/rotate.ts';
import { wrappedLimit } from '../keys/spec/wrapping.ts';
import { readImportToken, type WrappingKey } from '../keys/wrapping-key.ts';
import { importUnderWay, requireOrigin } from './import.ts';
import { blob, members, text } from './input.ts';
import { type ChangeTarget, planKeyChange } from './key-change.ts';
import { defineOperation, type Result, type Services } from './operation.ts';

/** Days from the request that material may stay at most (AWS KMS API reference, ImportKeyMaterial, ValidTo). */
const longestDays = 365;

const schema = z.strictObject({
  KeyId: members.keyId,
  ImportToken: blob(1, 6144),
  EncryptedKeyMaterial: blob(1, wrappedLimit),
  ValidTo: z.number().optional(),
  ExpirationModel: z.enum(['KEY_MATERIAL_EXPIRES', 'KEY_MATERIAL_DOES_NOT_EXPIRE']).optional(),
  ImportType: z.enum(['NEW_KEY_MATERIAL', 'EXISTING_KEY_MATERIAL']).optional(),
  KeyMaterialDescription: text(0, 256)
    .regex(/^[a-zA-Z0-9:/_\s.-]*$/)
    .optional(),
  KeyMaterialId: members.keyMaterialId.optional(),
});
type Input = z.infer<typeof schema>;

export const importKeyMaterial = defineOperation({
  name: 'ImportKeyMaterial',
  readOnly: false,
  input: schema,
  async plan(input, caller, services) {
    const validTo = input.ValidTo === undefined ? undefined : Math.round(input.ValidTo * 1000);
    const plan = await planKeyChange(
      'ImportKeyMaterial',
      'change',
      input.KeyId,
      caller,
      services,
      (target, key) => importMaterial(target, key, input, validTo, services),
      {
        'kms:expirationmodel': input.ExpirationModel ?? 'KEY_MATERIAL_EXPIRES',
        'kms:validto': validTo === undefined ? undefined : dateText(validTo),
      },
    );
    return {
      ...plan,
      validate() {
        requireOrigin(plan.key, 'EXTERNAL');
        checkMembers(input, plan.key);
        checkExpiration(input, validTo, services.clock.now());
      },
    };
  },
});

async function importMaterial(
  { from }: ChangeTarget,
  key: Key,
  input: Input,
  validTo: number | undefined,
  services: Services,
): Promise<Result> {
  const wrappingKey = await wrappingKeyOf(key, input.ImportToken, services);
  const begun = await beginImport(
    key,
    from,
    {
      wrappingKey,
      wrapped: input.EncryptedKeyMaterial,
      isNew: isNew(key, input),
      keyMaterialId: input.KeyMaterialId,
      validTo,
      description: input.KeyMaterialDescription,
    },
    services,
  );
  const arn = keyArn(key, key.keyId);
  switch (begun.type) {
    case 'conflict':
      return begun;
    case 'incorrect':
      throw new KmsError(
        'IncorrectKeyMaterialException',
        'The key material in the request does not meet expectations: it is not the same key material that was previously imported, or it was expected to be new and is already associated with the KMS key.',
      );
    case 'waiting':
      throw new KmsError(
        'KMSInvalidStateException',
        `${arn} has key material that is pending rotation: rotate the key or delete that key material first.`,
      );
    case 'busy':
      throw importUnderWay(key);
    case 'made': {
      const { material, change, inToken, undo } = begun;
      const output = { KeyId: arn, KeyMaterialId: material.keyMaterialId };
      return {
        type: 'change',
        change,
        output,
        responseElements: output,
        additional: { unwrappedIn: inToken ? 'token' : 'host' },
        ...(undo && { undo }),
      };
    }
    default:
      return begun satisfies never;
  }
}

/** @throws KmsError InvalidImportTokenException, ExpiredImportTokenException */
async function wrappingKeyOf(
  key: Key,
  token: Buffer,
  { keys, clock }: Pick<Services, 'keys' | 'clock'>,
): Promise<WrappingKey> {
  const wrappingId = readImportToken(token);
  const found = wrappingId === undefined ? undefined : await keys.findWrappingKey(key, wrappingId);
  if (found === undefined || found.keyId !== key.keyId || found.state === 'Creating') {
    throw new KmsError(
      'InvalidImportTokenException',
      'The import token is invalid or is associated with a different KMS key.',
    );
  }
  if (found.state !== 'Ready' || found.validTo <= clock.now()) {
    throw new KmsError('ExpiredImportTokenException', 'The import token is expired.');
  }
  return found;
}

function isNew(key: Key, { ImportType: given }: Input): boolean {
  return given === undefined ? key.currentMaterialId === undefined : given === 'NEW_KEY_MATERIAL';
}

/** @throws KmsError UnsupportedOperationException, ValidationException */
function checkMembers(input: Input, key: Key): void {
  if (key.keySpec !== 'SYMMETRIC_DEFAULT') {
    for (const member of ['ImportType', 'KeyMaterialDescription', 'KeyMaterialId'] as const) {
      if (input[member] === undefined) continue;
      throw new KmsError(
        'UnsupportedOperationException',
        `${member} is only supported for symmetric encryption KMS keys.`,
      );
    }
  }
  if (input.ImportType === 'NEW_KEY_MATERIAL' && input.KeyMaterialId !== undefined) {
    throw new KmsError(
      'ValidationException',
      'You cannot specify KeyMaterialId when ImportType is NEW_KEY_MATERIAL.',
    );
  }
}

/** @param validTo and `now` in milliseconds since the epoch @throws KmsError ValidationException */
function checkExpiration({ ExpirationModel: model }: Input, validTo: number | undefined, now: number): void {
  if (model === 'KEY_MATERIAL_DOES_NOT_EXPIRE') {
    if (validTo === undefined) return;
    throw new KmsError(
      'ValidationException',
      'A validTo date must not be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE',
    );
  }
  if (validTo === undefined) {
    throw new KmsError(
      'ValidationException',
      'A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES',
    );
  }
  if (validTo <= now || validTo > now + longestDays * dayMilliseconds) {
    throw new KmsError(
      'ValidationException',
      `The validTo date must be in the future and no more than ${longestDays} days from now`,
    );
  }
}

/** As date operators of policies read it; what no date is, none of them matches. */
function dateText(milliseconds: number): string {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
