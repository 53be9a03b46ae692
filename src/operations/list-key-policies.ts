import { z } from 'zod';
import { members } from './input.ts';
import { listPage } from './list.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const listKeyPolicies = defineOperation({
  name: 'ListKeyPolicies',
  readOnly: true,
  input: z.strictObject({
    KeyId: members.keyId,
    Limit: members.limit.optional(),
    Marker: members.marker.optional(),
  }),
  async plan(input, caller, services) {
    const action = 'kms:ListKeyPolicies';
    const key = await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
    return {
      subjects: [{ type: 'key', action, key, rule: 'look' }],
      async run() {
        // The only policy a key can have is named `default`.
        const { items, rest } = await listPage('ListKeyPolicies', key.keyId, input.Marker, async (after) => ({
          items: after === undefined ? ['default'] : [],
          next: undefined,
        }));
        return { type: 'answer', output: { PolicyNames: items, ...rest } };
      },
    };
  },
});
