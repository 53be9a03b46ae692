import { z } from 'zod';
import { aliasArn } from '../arn.ts';
import { integer, members } from './input.ts';
import { listPage } from './list.ts';
import { timestamp } from './metadata.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const listAliases = defineOperation({
  name: 'ListAliases',
  readOnly: true,
  input: z.strictObject({
    KeyId: members.keyId.optional(),
    Limit: integer(1, 100).optional(),
    Marker: members.marker.optional(),
  }),
  async plan(input, caller, services) {
    const { scope } = caller;
    const action = 'kms:ListAliases';
    const key =
      input.KeyId === undefined
        ? undefined
        : await resolveKey(input.KeyId, { aliases: false, action }, caller, services);
    return {
      subjects: [{ type: 'account', action }],
      async run() {
        const subject = `${scope.region}/${scope.account}/${key?.keyId ?? ''}`;
        const { items, rest } = await listPage('ListAliases', subject, input.Marker, (after) =>
          services.keys.listAliases(scope, key?.keyId, after, input.Limit ?? 50),
        );
        const Aliases = items.map((alias) => ({
          AliasName: alias.aliasName,
          AliasArn: aliasArn(alias, alias.aliasName),
          TargetKeyId: alias.targetKeyId,
          CreationDate: timestamp(alias.createdAt),
          LastUpdatedDate: timestamp(alias.updatedAt),
        }));
        return { type: 'answer', output: { Aliases, ...rest } };
      },
    };
  },
});
