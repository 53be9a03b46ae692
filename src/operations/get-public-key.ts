import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { isPairSpec } from '../keys/spec/key-spec.ts';
import { members } from './input.ts';
import { algorithmMembers } from './metadata.ts';
import { defineOperation } from './operation.ts';
import { publicKeyOf } from './public-key.ts';
import { requestAlias, resolveKey } from './resolve.ts';

export const getPublicKey = defineOperation({
  name: 'GetPublicKey',
  readOnly: true,
  input: z.strictObject({ KeyId: members.keyId, GrantTokens: members.grantTokens.optional() }),
  async plan(input, caller, services) {
    const action = 'kms:GetPublicKey';
    const options = { aliases: true, action, elsewhere: true };
    const key = await resolveKey(input.KeyId, options, caller, services);
    const arn = keyArn(key, key.keyId);
    return {
      subjects: [{ type: 'key', action, key, rule: 'use', requestAlias: requestAlias(input.KeyId) }],
      validate() {
        if (isPairSpec(key.keySpec)) return;
        throw new KmsError(
          'UnsupportedOperationException',
          `${arn} key spec is ${key.keySpec} which is not valid for GetPublicKey.`,
        );
      },
      run: () => ({
        type: 'answer',
        output: {
          KeyId: arn,
          PublicKey: publicKeyOf(key).toString('base64'),
          CustomerMasterKeySpec: key.keySpec,
          KeySpec: key.keySpec,
          KeyUsage: key.keyUsage,
          ...algorithmMembers(key),
        },
      }),
    };
  },
});
