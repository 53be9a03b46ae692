import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { members } from './input.ts';
import { listPage } from './list.ts';
import { defineOperation } from './operation.ts';

export const listKeys = defineOperation({
  name: 'ListKeys',
  readOnly: true,
  input: z.strictObject({ Limit: members.limit.optional(), Marker: members.marker.optional() }),
  plan: (input, { scope }, services) => ({
    subjects: [{ type: 'account', action: 'kms:ListKeys' }],
    async run() {
      const { items, rest } = await listPage(
        'ListKeys',
        `${scope.region}/${scope.account}`,
        input.Marker,
        (after) => services.keys.listKeyIds(scope, after, input.Limit ?? 100),
      );
      const Keys = items.map((keyId) => ({ KeyId: keyId, KeyArn: keyArn(scope, keyId) }));
      return { type: 'answer', output: { Keys, ...rest } };
    },
  }),
});
