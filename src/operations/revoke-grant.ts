import { z } from 'zod';
import { checkGrantId, noSuchGrant } from './grant-entry.ts';
import { notForAwsResource } from './grant-terms.ts';
import { members } from './input.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const revokeGrant = defineOperation({
  name: 'RevokeGrant',
  readOnly: false,
  input: z.strictObject({
    KeyId: members.keyId,
    GrantId: members.grantId,
    DryRun: members.dryRun.optional(),
  }),
  async plan(input, caller, services) {
    const action = 'kms:RevokeGrant';
    const { GrantId: grantId } = input;
    checkGrantId(grantId);
    const options = { aliases: false, action, elsewhere: true };
    const key = await resolveKey(input.KeyId, options, caller, services);
    const { region, account, keyId } = key;
    const grant = await services.keys.findGrant(key, keyId, grantId);
    return {
      subjects: [{ type: 'key', action, key, rule: 'look', facts: notForAwsResource }],
      validate() {
        if (grant === undefined) throw noSuchGrant(grantId);
      },
      run: () => ({ type: 'change', change: { region, account, type: 'grant-removed', keyId, grantId } }),
    };
  },
});
