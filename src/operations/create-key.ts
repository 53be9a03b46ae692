import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Scope } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { abandonKey } from '../keys/abandon.ts';
import type { Key } from '../keys/key.ts';
import { newMaterial } from '../keys/material.ts';
import { tagFacts } from './condition.ts';
import { internalError } from './failure.ts';
import { members } from './input.ts';
import { checkLockout, storedPolicy } from './key-policy.ts';
import { keyMetadata } from './metadata.ts';
import { defineOperation } from './operation.ts';
import { checkTags, tagLimit, tooManyTags } from './tags.ts';

const keySpecs = [
  'SYMMETRIC_DEFAULT',
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'ECC_NIST_P256',
  'ECC_NIST_P384',
  'ECC_NIST_P521',
  'ECC_SECG_P256K1',
  'HMAC_224',
  'HMAC_256',
  'HMAC_384',
  'HMAC_512',
  'SM2',
  'ML_DSA_44',
  'ML_DSA_65',
  'ML_DSA_87',
  'ECC_NIST_EDWARDS25519',
  'ML_KEM_512',
  'ML_KEM_768',
  'ML_KEM_1024',
] as const;
const usages = [
  'SIGN_VERIFY',
  'ENCRYPT_DECRYPT',
  'GENERATE_VERIFY_MAC',
  'KEY_AGREEMENT',
  'KEY_ENCAPSULATION',
] as const;

const input = z.strictObject({
  Description: members.description.optional(),
  KeySpec: z.enum(keySpecs).optional(),
  CustomerMasterKeySpec: z.enum(keySpecs).optional(),
  KeyUsage: z.enum(usages).optional(),
  Origin: z.enum(['AWS_KMS', 'EXTERNAL', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE']).optional(),
  MultiRegion: z.boolean().optional(),
  BypassPolicyLockoutSafetyCheck: z.boolean().optional(),
  Policy: members.policy.optional(),
  Tags: members.tags.max(tagLimit).optional(),
});

export const createKey = defineOperation({
  name: 'CreateKey',
  readOnly: false,
  input,
  plan(input, caller, services) {
    const tags = checkTags(input.Tags ?? []);
    checkSupported(input);
    const bypass = input.BypassPolicyLockoutSafetyCheck === true;
    const facts = {
      ...tagFacts(tags),
      'kms:keyspec': 'SYMMETRIC_DEFAULT',
      'kms:keyusage': 'ENCRYPT_DECRYPT',
      'kms:keyorigin': 'AWS_KMS',
      'kms:multiregion': 'false',
      'kms:bypasspolicylockoutsafetycheck': String(bypass),
    };
    return {
      subjects: [
        { type: 'account', action: 'kms:CreateKey', facts },
        ...(tags.length > 0 ? [{ type: 'account', action: 'kms:TagResource', facts } as const] : []),
      ],
      async run() {
        const { scope } = caller;
        const policy =
          input.Policy === undefined
            ? undefined
            : await storedPolicy(input.Policy, 'key', services.identities);
        const key = newKey(
          scope,
          { description: input.Description ?? '', policy, tags },
          services.clock.now(),
        );
        if (policy !== undefined && !bypass) await checkLockout(policy, key, caller, services);
        const { type } = await services.changes.apply({ ...scope, type: 'key-creating', key }, undefined);
        if (type !== 'done') throw internalError(`a new key was refused as \`${type}\``);
        const material = { keyId: key.keyId, materialId: key.currentMaterialId };
        try {
          await services.hsm.generateKey(material);
        } catch (cause) {
          // Where even this fails, nobody sees the row, and the primary's job clears it up.
          await abandonKey(key, services.changes, services.hsm).catch(() => false);
          throw cause;
        }
        const made: Key = { ...key, state: 'Enabled' };
        const output = { KeyMetadata: keyMetadata(made) };
        return {
          type: 'change',
          change: { ...scope, type: 'key-created', keyId: key.keyId },
          output,
          responseElements: output,
          keys: [made],
          refused: tooManyTags,
        };
      },
    };
  },
});

function newKey(scope: Scope, given: Pick<Key, 'description' | 'policy' | 'tags'>, now: number): Key {
  const keyId = randomUUID();
  const material = newMaterial(keyId, now);
  return {
    ...scope,
    keyId,
    state: 'Creating',
    ...given,
    keySpec: 'SYMMETRIC_DEFAULT',
    keyUsage: 'ENCRYPT_DECRYPT',
    origin: 'AWS_KMS',
    createdAt: now,
    currentMaterialId: material.materialId,
    materials: [material],
    aliases: [],
  };
}

/** What AWS has and Coffer has not yet is refused by name. */
function checkSupported(given: z.infer<typeof input>): void {
  const spec = given.KeySpec ?? given.CustomerMasterKeySpec;
  if (given.KeySpec !== undefined && given.CustomerMasterKeySpec !== undefined) {
    throw new KmsError(
      'ValidationException',
      'You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.',
    );
  }
  const wanted: readonly (readonly [string, string | boolean | undefined, string | boolean])[] = [
    [given.KeySpec === undefined ? 'CustomerMasterKeySpec' : 'KeySpec', spec, 'SYMMETRIC_DEFAULT'],
    ['KeyUsage', given.KeyUsage, 'ENCRYPT_DECRYPT'],
    ['Origin', given.Origin, 'AWS_KMS'],
    ['MultiRegion', given.MultiRegion, false],
  ];
  for (const [member, value, supported] of wanted) {
    if (value !== undefined && value !== supported) {
      throw new KmsError('UnsupportedOperationException', `CreateKey does not support ${member} ${value}.`);
    }
  }
}
