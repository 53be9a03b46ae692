import { z } from 'zod';
import { members } from './input.ts';
import { keyMetadata } from './metadata.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const describeKey = defineOperation({
  name: 'DescribeKey',
  readOnly: true,
  input: z.strictObject({ KeyId: members.keyId, GrantTokens: members.grantTokens.optional() }),
  async plan(input, caller, services) {
    const key = await resolveKey(input.KeyId, { aliases: true, action: 'kms:DescribeKey' }, caller, services);
    return {
      subjects: [{ type: 'key', action: 'kms:DescribeKey', key, rule: 'look' }],
      run: () => ({ type: 'answer', output: { KeyMetadata: keyMetadata(key) } }),
    };
  },
});
