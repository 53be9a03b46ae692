import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { canonicalContext } from '../keys/context.ts';
import type { Key } from '../keys/key.ts';
import type { EncryptionAlgorithm } from '../keys/spec/algorithm.ts';
import { checkPlaintext, cipherOf, decryptWith, encryptWith } from './cipher.ts';
import { ciphertextSource, ignoresCiphertext } from './ciphertext-source.ts';
import { algorithmFacts, encryptingMaterial, use } from './encryption.ts';
import { members } from './input.ts';
import { defineOperation, type Services } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const reEncrypt = defineOperation({
  name: 'ReEncrypt',
  readOnly: true,
  input: z.strictObject({
    CiphertextBlob: members.ciphertextBlob.optional(),
    SourceEncryptionContext: members.context.optional(),
    SourceKeyId: members.keyId.optional(),
    DestinationKeyId: members.keyId,
    DestinationEncryptionContext: members.context.optional(),
    SourceEncryptionAlgorithm: members.encryptionAlgorithm.optional(),
    DestinationEncryptionAlgorithm: members.encryptionAlgorithm.optional(),
    GrantTokens: members.grantTokens.optional(),
    DryRun: members.dryRun.optional(),
    DryRunModifiers: members.dryRunModifiers.optional(),
  }),
  async plan(input, caller, services) {
    const { SourceEncryptionContext: from, DestinationEncryptionContext: to } = input;
    const { SourceEncryptionAlgorithm: opening, DestinationEncryptionAlgorithm: closing } = input;
    const ignoreCiphertext = ignoresCiphertext(input);
    const source = await ciphertextSource(
      {
        ciphertextBlob: input.CiphertextBlob,
        keyId: input.SourceKeyId,
        keyIdMember: 'sourceKeyId',
        algorithm: opening,
        ignoreCiphertext,
        action: 'kms:ReEncryptFrom',
      },
      caller,
      services,
    );
    const options = { aliases: true, action: 'kms:ReEncryptTo', elsewhere: true };
    const destination = await resolveKey(input.DestinationKeyId, options, caller, services).catch(absent);
    if (destination instanceof KmsError) {
      const other = { 'kms:reencryptonsamekey': 'false' };
      return {
        subjects: [source.use('kms:ReEncryptFrom', from, { ...algorithmFacts(opening), ...other })],
        absent: destination,
        run: () => Promise.reject(destination),
      };
    }
    const same = { 'kms:reencryptonsamekey': String(source.key.keyId === destination.keyId) };
    return {
      subjects: [
        source.use('kms:ReEncryptFrom', from, { ...algorithmFacts(opening), ...same }),
        use(destination, 'kms:ReEncryptTo', {
          keyId: input.DestinationKeyId,
          context: to,
          facts: { ...algorithmFacts(closing), ...same },
        }),
      ],
      validate() {
        cipherOf(source.key, opening, from);
        cipherOf(destination, closing, to);
        if (!ignoreCiphertext) source.open();
      },
      async run() {
        const algorithms = {
          from: cipherOf(source.key, opening, from),
          to: cipherOf(destination, closing, to),
        };
        const { blob, keyMaterialId } = source.open();
        const sealed = await reSeal(
          { key: source.key, algorithm: algorithms.from, context: from, blob },
          { key: destination, algorithm: algorithms.to, context: to },
          services,
        );
        return {
          type: 'answer',
          output: {
            CiphertextBlob: sealed.blob.toString('base64'),
            SourceKeyId: keyArn(source.key, source.key.keyId),
            KeyId: keyArn(destination, destination.keyId),
            SourceEncryptionAlgorithm: algorithms.from,
            DestinationEncryptionAlgorithm: algorithms.to,
            SourceKeyMaterialId: keyMaterialId,
            DestinationKeyMaterialId: sealed.keyMaterialId,
          },
        };
      },
    };
  },
});

function absent(cause: unknown): KmsError {
  if (cause instanceof KmsError) return cause;
  throw cause;
}

interface Side {
  readonly key: Key;
  readonly algorithm: EncryptionAlgorithm;
  readonly context: Readonly<Record<string, string>> | undefined;
}

/** Within one host of the token where both keys are symmetric; else the plaintext is here for a moment. */
async function reSeal(
  from: Side & { readonly blob: Buffer },
  to: Side,
  services: Services,
): Promise<{ readonly blob: Buffer; readonly keyMaterialId?: string }> {
  if (from.algorithm === 'SYMMETRIC_DEFAULT' && to.algorithm === 'SYMMETRIC_DEFAULT') {
    const material = await encryptingMaterial(to.key, services);
    const contexts = [canonicalContext(from.context), canonicalContext(to.context)] as const;
    const blob = await services.hsm.reEncrypt(from.blob, contexts[0], material, contexts[1]);
    return { blob, keyMaterialId: material.keyMaterialId };
  }
  const plaintext = await decryptWith(from.key, from.algorithm, from.context, from.blob, services.hsm);
  try {
    checkPlaintext(to.key, to.algorithm, plaintext.length);
    return await encryptWith(to.key, to.algorithm, to.context, plaintext, services);
  } finally {
    plaintext.fill(0);
  }
}
