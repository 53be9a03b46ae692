import { hash } from 'node:crypto';
import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { type SigningFacts, signingAlgorithms } from '../keys/spec/algorithm.ts';
import { currentMaterial } from './encryption.ts';
import { defineOperation } from './operation.ts';
import { planSigning, signingMembers } from './signing.ts';

export const sign = defineOperation({
  name: 'Sign',
  readOnly: true,
  input: z.strictObject(signingMembers),
  async plan(input, caller, services) {
    const { key, subject, check } = await planSigning('kms:Sign', input, caller, services);
    return {
      subjects: [subject],
      validate: () => void check(),
      async run() {
        const { algorithm, messageType } = check();
        const { hash: name }: SigningFacts = signingAlgorithms[algorithm];
        const data =
          messageType === 'RAW' && name !== undefined ? hash(name, input.Message, 'buffer') : input.Message;
        const signature = await services.hsm.sign(currentMaterial(key), algorithm, data);
        return {
          type: 'answer',
          output: {
            KeyId: keyArn(key, key.keyId),
            Signature: signature.toString('base64'),
            SigningAlgorithm: algorithm,
          },
        };
      },
    };
  },
});
