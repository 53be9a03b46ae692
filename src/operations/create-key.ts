import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Scope } from '../arn.ts';
import { abandonKey } from '../keys/abandon.ts';
import type { Key } from '../keys/key.ts';
import { newMaterial } from '../keys/material.ts';
import { tagFacts } from './condition.ts';
import { internalError } from './failure.ts';
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
    checkSupported(input);
    const bypass = input.BypassPolicyLockoutSafetyCheck === true;
    const facts = {
      ...tagFacts(tags),
      'kms:keyspec': keySpec,
      'kms:keyusage': keyUsage,
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
        const lacking = await lackingAlgorithms(keySpec, keyUsage, services.hsm);
        const key = newKey(
          scope,
          {
            description: input.Description ?? '',
            policy,
            tags,
            keySpec,
            keyUsage,
            ...(lacking && { lacking }),
          },
          services.clock.now(),
        );
        if (policy !== undefined && !bypass) await checkLockout(policy, key, caller, services);
        const { type } = await services.changes.apply({ ...scope, type: 'key-creating', key }, undefined);
        if (type !== 'done') throw internalError(`a new key was refused as \`${type}\``);
        const material = { keyId: key.keyId, materialId: key.currentMaterialId };
        let publicKey: Buffer | undefined;
        try {
          publicKey = await services.hsm.generateKey(material, keySpec, keyUsage);
        } catch (cause) {
          // Where even this fails, nobody sees the row, and the primary's job clears it up.
          await abandonKey(key, services.changes, services.hsm).catch(() => false);
          throw cause;
        }
        const made: Key = { ...key, state: 'Enabled', ...(publicKey && { publicKey }) };
        const output = { KeyMetadata: keyMetadata(made) };
        return {
          type: 'change',
          change: { ...scope, type: 'key-created', keyId: key.keyId, ...(publicKey && { publicKey }) },
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
  given: Pick<Key, 'description' | 'policy' | 'tags' | 'keySpec' | 'keyUsage' | 'lacking'>,
  now: number,
): Key {
  const keyId = randomUUID();
  const material = newMaterial(keyId, now);
  return {
    ...scope,
    keyId,
    state: 'Creating',
    ...given,
    origin: 'AWS_KMS',
    createdAt: now,
    currentMaterialId: material.materialId,
    materials: [material],
    aliases: [],
  };
}

/** What AWS has and Coffer has not yet is refused by name. */
function checkSupported(given: z.infer<typeof input>): void {
  const wanted: readonly (readonly [string, string | boolean | undefined, string | boolean])[] = [
    ['Origin', given.Origin, 'AWS_KMS'],
    ['MultiRegion', given.MultiRegion, false],
  ];
  for (const [member, value, supported] of wanted) {
    if (value !== undefined && value !== supported) throw notSupported(member, String(value));
  }
}
