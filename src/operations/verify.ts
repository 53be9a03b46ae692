import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { verifySignature } from '../keys/public-key/verify.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';
import { publicKeyOf } from './public-key.ts';
import { planSigning, signingMembers } from './signing.ts';

/** With the public half that the store has: the token is not asked. */
export const verify = defineOperation({
  name: 'Verify',
  readOnly: true,
  input: z.strictObject({ ...signingMembers, Signature: members.signature }),
  async plan(input, caller, services) {
    const { key, subject, check } = await planSigning('kms:Verify', input, caller, services);
    return {
      subjects: [subject],
      validate: () => void check(),
      run() {
        const { algorithm, messageType } = check();
        const { Message, Signature } = input;
        if (!verifySignature(publicKeyOf(key), algorithm, messageType, Message, Signature)) {
          throw new KmsError('KMSInvalidSignatureException', '');
        }
        return {
          type: 'answer',
          output: { KeyId: keyArn(key, key.keyId), SignatureValid: true, SigningAlgorithm: algorithm },
        };
      },
    };
  },
});
