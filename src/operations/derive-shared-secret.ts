import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import type { Key } from '../keys/key.ts';
import { isPeerKey } from '../keys/public-key/peer.ts';
import { keyAgreementAlgorithms } from '../keys/spec/algorithm.ts';
import { factsOf } from '../keys/spec/key-spec.ts';
import { requireAlgorithm } from './algorithm.ts';
import { currentMaterial, takeBase64 } from './encryption.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';
import { requestAlias, resolveKey } from './resolve.ts';

export const deriveSharedSecret = defineOperation({
  name: 'DeriveSharedSecret',
  readOnly: true,
  input: z.strictObject({
    KeyId: members.keyId,
    KeyAgreementAlgorithm: members.keyAgreementAlgorithm,
    PublicKey: members.publicKey,
    GrantTokens: members.grantTokens.optional(),
    DryRun: members.dryRun.optional(),
  }),
  async plan(input, caller, services) {
    const action = 'kms:DeriveSharedSecret';
    const { KeyId, KeyAgreementAlgorithm: named, PublicKey } = input;
    const key = await resolveKey(KeyId, { aliases: true, action, elsewhere: true }, caller, services);
    return {
      subjects: [
        {
          type: 'key',
          action,
          key,
          rule: 'use',
          usage: 'KEY_AGREEMENT',
          facts: { 'kms:keyagreementalgorithm': named },
          requestAlias: requestAlias(KeyId),
        },
      ],
      validate() {
        requireAlgorithm(key, named, keyAgreementAlgorithms);
        checkPeer(key, PublicKey);
      },
      async run() {
        const secret = await services.hsm.deriveSharedSecret(currentMaterial(key), PublicKey);
        return {
          type: 'answer',
          output: {
            KeyId: keyArn(key, key.keyId),
            SharedSecret: takeBase64(secret),
            KeyAgreementAlgorithm: named,
            KeyOrigin: key.origin,
          },
        };
      },
    };
  },
});

/** @throws KmsError ValidationException */
function checkPeer(key: Key, publicKey: Buffer): void {
  const facts = factsOf(key.keySpec);
  if (facts.family === 'ec' && isPeerKey(publicKey, facts.curve)) return;
  throw new KmsError(
    'ValidationException',
    `The public key is not a valid DER-encoded X.509 public key on the curve of key spec ${key.keySpec}.`,
  );
}
