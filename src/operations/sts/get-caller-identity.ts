import { z } from 'zod';
import { defineOperation } from '../operation.ts';

/** Needs no permission, and nothing can deny it (AWS STS API reference, GetCallerIdentity). */
export const getCallerIdentity = defineOperation({
  service: 'sts',
  name: 'GetCallerIdentity',
  readOnly: true,
  input: z.strictObject({}),
  plan(_input, { principal: { principalId, account, arn } }) {
    return {
      subjects: [],
      run: () => ({ type: 'answer', output: { UserId: principalId, Account: account, Arn: arn } }),
    };
  },
});
