import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { readGrantToken } from '../keys/grant-token.ts';
import { type Retirement, retirementBy } from '../keys/grant-verdict.ts';
import { checkGrantId, noSuchGrant } from './grant-entry.ts';
import { members, text } from './input.ts';
import { defineOperation, invalidGrantToken } from './operation.ts';
import { resolveKey } from './resolve.ts';

const input = z.strictObject({
  GrantToken: text(1, 8192).optional(),
  KeyId: members.keyId.optional(),
  GrantId: members.grantId.optional(),
  DryRun: members.dryRun.optional(),
});

export const retireGrant = defineOperation({
  name: 'RetireGrant',
  readOnly: false,
  input,
  async plan(input, caller, services) {
    const action = 'kms:RetireGrant';
    const named = namedGrant(input);
    const options = { aliases: false, action, elsewhere: true };
    const key = await resolveKey(named.keyId, options, caller, services);
    const { region, account, keyId } = key;
    const grant = await services.keys.findGrant(key, keyId, named.grantId);
    // Of a grant that isn't there, in another account, the answer is that of one that may not be retired.
    const absent: Retirement = account === caller.principal.account ? 'delegable' : 'refused';
    const retirement = grant === undefined ? absent : retirementBy(grant, caller.principal);
    return {
      subjects: [{ type: 'key', action, key, rule: 'look', retirement }],
      validate() {
        if (grant === undefined) throw noSuchGrant(named.grantId);
      },
      run: () => ({
        type: 'change',
        change: { region, account, type: 'grant-removed', keyId, grantId: named.grantId },
      }),
    };
  },
});

/** @returns the key's id or ARN, and the grant's id @throws KmsError */
function namedGrant(given: z.infer<typeof input>): { keyId: string; grantId: string } {
  const { GrantToken: token, KeyId: keyId, GrantId: grantId } = given;
  if (token !== undefined && keyId === undefined && grantId === undefined) {
    const named = readGrantToken(token);
    if (named === undefined) throw invalidGrantToken();
    return { keyId: keyArn(named, named.keyId), grantId: named.grantId };
  }
  if (token === undefined && keyId !== undefined && grantId !== undefined) {
    checkGrantId(grantId);
    return { keyId, grantId };
  }
  throw new KmsError(
    'ValidationException',
    'A grant is identified either by its grant token or by both the key ID and the grant ID.',
  );
}
