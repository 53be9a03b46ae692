import { z } from 'zod';
import type { Grant } from '../keys/grant.ts';
import { checkGrantId, grantEntry } from './grant-entry.ts';
import { invalidPrincipal, principalId } from './grant-principal.ts';
import { notForAwsResource } from './grant-terms.ts';
import { integer, members } from './input.ts';
import { listPage } from './list.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const listGrants = defineOperation({
  name: 'ListGrants',
  readOnly: true,
  input: z.strictObject({
    KeyId: members.keyId,
    GrantId: members.grantId.optional(),
    GranteePrincipal: members.principal.optional(),
    Limit: integer(1, 100).optional(),
    Marker: members.marker.optional(),
  }),
  async plan(input, caller, services) {
    const action = 'kms:ListGrants';
    const { GrantId: grantId, GranteePrincipal: grantee } = input;
    if (grantId !== undefined) checkGrantId(grantId);
    const options = { aliases: false, action, elsewhere: true };
    const key = await resolveKey(input.KeyId, options, caller, services);
    const { keys, identities } = services;
    return {
      subjects: [{ type: 'key', action, key, rule: 'look', facts: notForAwsResource }],
      async run() {
        const granteeId = grantee && (await principalId(grantee, identities));
        if (grantee !== undefined && granteeId === undefined) throw invalidPrincipal(grantee);
        const subject = [key.region, key.account, key.keyId, granteeId, grantId].join('/');
        const { items, rest } = await listPage('ListGrants', subject, input.Marker, async (after) => {
          if (grantId === undefined)
            return keys.listGrants(key, key.keyId, granteeId, after, input.Limit ?? 50);
          const grant = await keys.findGrant(key, key.keyId, grantId);
          return { items: matching(grant, granteeId), next: undefined };
        });
        const Grants = await Promise.all(items.map((grant) => grantEntry(grant, identities)));
        return { type: 'answer', output: { Grants, ...rest } };
      },
    };
  },
});

function matching(grant: Grant | undefined, granteeId: string | undefined): readonly Grant[] {
  return grant === undefined || (granteeId !== undefined && grant.granteeId !== granteeId) ? [] : [grant];
}
