import { z } from 'zod';
import { integer, members } from './input.ts';
import { listPage } from './list.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const listResourceTags = defineOperation({
  name: 'ListResourceTags',
  readOnly: true,
  input: z.strictObject({
    KeyId: members.keyId,
    Limit: integer(1, 50).optional(),
    Marker: members.marker.optional(),
  }),
  async plan(input, caller, services) {
    const action = 'kms:ListResourceTags';
    const key = await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
    return {
      subjects: [{ type: 'key', action, key, rule: 'look' }],
      async run() {
        const { items, rest } = await listPage('ListResourceTags', key.keyId, input.Marker, (after) =>
          services.keys.listTags(key, key.keyId, after, input.Limit ?? 50),
        );
        const Tags = items.map(({ key: TagKey, value: TagValue }) => ({ TagKey, TagValue }));
        return { type: 'answer', output: { Tags, ...rest } };
      },
    };
  },
});
