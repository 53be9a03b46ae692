import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { canonicalContext } from '../keys/context.ts';
import type { Key } from '../keys/key.ts';
import { cipherOf } from './cipher.ts';
import { algorithmFacts, type currentMaterial, encryptingMaterial, use } from './encryption.ts';
import { members } from './input.ts';
import type { Caller, Plan, Services } from './operation.ts';
import { resolveKey } from './resolve.ts';

/** What GenerateDataKey and GenerateDataKeyWithoutPlaintext have in common. */
export const dataKeyInput = z.strictObject({
  KeyId: members.keyId,
  EncryptionContext: members.context.optional(),
  KeySpec: members.dataKeySpec.optional(),
  NumberOfBytes: members.numberOfBytes.optional(),
  GrantTokens: members.grantTokens.optional(),
  DryRun: members.dryRun.optional(),
});

type Material = ReturnType<typeof currentMaterial>;

/**
 * @param generate makes the data key of `length` bytes; what it returns goes into the answer beside the
 * key's ARN and material
 */
export async function planDataKey(
  action: string,
  input: z.infer<typeof dataKeyInput>,
  caller: Caller,
  services: Services,
  generate: (material: Material, context: Buffer, length: number) => Promise<object>,
): Promise<Plan> {
  const length = dataKeyLength(input.KeySpec, input.NumberOfBytes);
  const key: Key = await resolveKey(
    input.KeyId,
    { aliases: true, action, elsewhere: true },
    caller,
    services,
  );
  const context = canonicalContext(input.EncryptionContext);
  return {
    subjects: [
      use(key, action, { keyId: input.KeyId, context: input.EncryptionContext, facts: algorithmFacts() }),
    ],
    validate: () => void cipherOf(key, 'SYMMETRIC_DEFAULT', input.EncryptionContext),
    async run() {
      const material = await encryptingMaterial(key, services);
      const made = await generate(material, context, length);
      return {
        type: 'answer',
        output: { ...made, KeyId: keyArn(key, key.keyId), KeyMaterialId: material.keyMaterialId },
      };
    },
  };
}

function dataKeyLength(spec: 'AES_256' | 'AES_128' | undefined, bytes: number | undefined): number {
  if ((spec === undefined) === (bytes === undefined)) {
    throw new KmsError('ValidationException', 'Please specify either number of bytes or key spec.');
  }
  return bytes ?? (spec === 'AES_128' ? 16 : 32);
}
