import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Scope } from '../arn.ts';
import { abandonKey } from '../keys/abandon.ts';
import type { Key, KeyOrigin } from '../keys/key.ts';
import { newMaterial } from '../keys/material.ts';
import { tagFacts } from './condition.ts';
import { internalError } from './failure.ts';
import { requireImports } from './import-capability.ts';
import { members } from './input.ts';
import { lackingAlgorithms, notSupported, specNames, usageNames, wantedKind } from './key-kind.ts';
import { checkLockout, storedPolicy } from './key-policy.ts';
import { keyMetadata } from './metadata.ts';
import { defineOperation } from './operation.ts';
import { checkTags, tagLimit, tooManyTags } from './tags.ts';

const input = z.strictObject({
  Description: members.description.optional(),
  KeySpec: z.enum(specNames).optional(),
  CustomerMasterKeySpec: z.enum(specNames).optional(),
  KeyUsage: z.enum(usageNames).optional(),
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
    const { keySpec, keyUsage } = wantedKind(input);
    const origin = wantedOrigin(input);
    const bypass = input.BypassPolicyLockoutSafetyCheck === true;
    const facts = {
      ...tagFacts(tags),
      'kms:keyspec': keySpec,
      'kms:keyusage': keyUsage,
      'kms:keyorigin': origin,
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
        const lacking = await lackingAlgorithms(keySpec, keyUsage, services.hsm);
        if (origin === 'EXTERNAL') await requireImports(keySpec, keyUsage, services.hsm);
        const key = newKey(
          scope,
          {
            description: input.Description ?? '',
            policy,
            tags,
            keySpec,
            keyUsage,
            origin,
            ...(lacking && { lacking }),
          },
          services.clock.now(),
        );
        if (policy !== undefined && !bypass) await checkLockout(policy, key, caller, services);
        const { type } = await services.changes.apply({ ...scope, type: 'key-creating', key }, undefined);
        if (type !== 'done') throw internalError(`a new key was refused as \`${type}\``);
        let publicKey: Buffer | undefined;
        const { keyId, currentMaterialId: materialId } = key;
        if (materialId !== undefined) {
          try {
            publicKey = await services.hsm.generateKey({ keyId, materialId }, keySpec, keyUsage);
          } catch (cause) {
            // Where even this fails, nobody sees the row, and the primary's job clears it up.
            await abandonKey(key, services.changes, services.hsm).catch(() => false);
            throw cause;
          }
        }
        const state = materialId === undefined ? 'PendingImport' : 'Enabled';
        const made: Key = { ...key, state, ...(publicKey && { publicKey }) };
        const output = { KeyMetadata: keyMetadata(made) };
        return {
          type: 'change',
          change: { ...scope, type: 'key-created', keyId, ...(publicKey && { publicKey }) },
          output,
          responseElements: output,
          keys: [made],
          refused: tooManyTags,
        };
      },
    };
  },
});

function newKey(
  scope: Scope,
  given: Pick<Key, 'description' | 'policy' | 'tags' | 'keySpec' | 'keyUsage' | 'origin' | 'lacking'>,
  now: number,
): Key {
  const keyId = randomUUID();
  const material = given.origin === 'AWS_KMS' ? newMaterial(keyId, now) : undefined;
  return {
    ...scope,
    keyId,
    state: 'Creating',
    ...given,
    createdAt: now,
    ...(material && { currentMaterialId: material.materialId }),
    materials: material === undefined ? [] : [material],
    aliases: [],
  };
}

/** What AWS has and Coffer has not yet is refused by name. */
function wantedOrigin({ Origin: origin = 'AWS_KMS', MultiRegion }: z.infer<typeof input>): KeyOrigin {
  if (origin !== 'AWS_KMS' && origin !== 'EXTERNAL') throw notSupported('Origin', origin);
  if (MultiRegion === true) throw notSupported('MultiRegion', 'true');
  return origin;
}
