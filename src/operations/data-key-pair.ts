import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { canonicalContext } from '../keys/context.ts';
import { namesOf } from '../keys/spec/algorithm.ts';
import {
  type DataKeyPairSpec,
  isDataKeyPairSpec,
  isRefusedKeySpec,
  keySpecs,
  refusedKeySpecs,
} from '../keys/spec/key-spec.ts';
import { cipherOf } from './cipher.ts';
import { algorithmFacts, type currentMaterial, encryptingMaterial, use } from './encryption.ts';
import { members } from './input.ts';
import type { Caller, Plan, Services } from './operation.ts';
import { resolveKey } from './resolve.ts';

const specNames = [...namesOf(keySpecs).filter(isDataKeyPairSpec), ...namesOf(refusedKeySpecs)] as const;

/** What GenerateDataKeyPair and GenerateDataKeyPairWithoutPlaintext have in common. */
export const dataKeyPairInput = z.strictObject({
  KeyId: members.keyId,
  EncryptionContext: members.context.optional(),
  KeyPairSpec: z.enum(specNames),
  GrantTokens: members.grantTokens.optional(),
  DryRun: members.dryRun.optional(),
});

type Material = ReturnType<typeof currentMaterial>;

/**
 * @param generate makes the pair; what it returns goes into the answer beside what both operations tell
 */
export async function planDataKeyPair(
  name: 'GenerateDataKeyPair' | 'GenerateDataKeyPairWithoutPlaintext',
  input: z.infer<typeof dataKeyPairInput>,
  caller: Caller,
  services: Services,
  generate: (material: Material, context: Buffer, pairSpec: DataKeyPairSpec) => Promise<object>,
): Promise<Plan> {
  const { KeyId, EncryptionContext, KeyPairSpec: pairSpec } = input;
  const action = `kms:${name}`;
  if (isRefusedKeySpec(pairSpec)) {
    throw new KmsError(
      'UnsupportedOperationException',
      `${name} does not support KeyPairSpec ${pairSpec}: ${refusedKeySpecs[pairSpec]}.`,
    );
  }
  const key = await resolveKey(KeyId, { aliases: true, action, elsewhere: true }, caller, services);
  const context = canonicalContext(EncryptionContext);
  const facts = { ...algorithmFacts(), 'kms:datakeypairspec': pairSpec };
  return {
    subjects: [use(key, action, { keyId: KeyId, context: EncryptionContext, facts })],
    validate: () => void cipherOf(key, 'SYMMETRIC_DEFAULT', EncryptionContext),
    async run() {
      const material = await encryptingMaterial(key, services);
      const { keyMaterialId } = material;
      const made = await generate(material, context, pairSpec);
      return {
        type: 'answer',
        output: {
          ...made,
          KeyId: keyArn(key, key.keyId),
          KeyPairSpec: pairSpec,
          KeyMaterialId: keyMaterialId,
        },
        additional: { keyMaterialId },
      };
    },
  };
}
