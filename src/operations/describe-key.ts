import { z } from 'zod';
import { members } from './input.ts';
import { keyMetadata } from './metadata.ts';
import { defineOperation } from './operation.ts';
import { requestAlias, resolveKey } from './resolve.ts';

export const describeKey = defineOperation({
  name: 'DescribeKey',
  readOnly: true,
  input: z.strictObject({ KeyId: members.keyId, GrantTokens: members.grantTokens.optional() }),
  async plan(input, caller, services) {
    const action = 'kms:DescribeKey';
    const options = { aliases: true, action, elsewhere: true };
    const key = await resolveKey(input.KeyId, options, caller, services);
    return {
      subjects: [{ type: 'key', action, key, rule: 'look', requestAlias: requestAlias(input.KeyId) }],
      run: () => ({ type: 'answer', output: { KeyMetadata: keyMetadata(key) } }),
    };
  },
});
