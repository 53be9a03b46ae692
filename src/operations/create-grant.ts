import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import { type Grant, grantLimit } from '../keys/grant.ts';
import { grantIndex } from '../keys/grant-index.ts';
import { writeGrantToken } from '../keys/grant-token.ts';
import { allowedStates } from '../keys/state.ts';
import { invalidPrincipal, principalId } from './grant-principal.ts';
import { checkTerms, grantFacts, grantTerms, grantTermsInput } from './grant-terms.ts';
import { members, text } from './input.ts';
import { defineOperation } from './operation.ts';
import { resolveKey } from './resolve.ts';

export const createGrant = defineOperation({
  name: 'CreateGrant',
  readOnly: false,
  input: z.strictObject({
    KeyId: members.keyId,
    GranteePrincipal: members.principal,
    RetiringPrincipal: members.principal.optional(),
    ...grantTermsInput,
    GrantTokens: members.grantTokens.optional(),
    Name: text(1, 256)
      .regex(/^[a-zA-Z0-9:/_-]+$/)
      .optional(),
    DryRun: members.dryRun.optional(),
  }),
  async plan(input, caller, services) {
    const action = 'kms:CreateGrant';
    const { GranteePrincipal: grantee, RetiringPrincipal: retiring } = input;
    const terms = grantTerms(input);
    const options = { aliases: false, action, elsewhere: true };
    const key = await resolveKey(input.KeyId, options, caller, services);
    const granteeId = await principalId(grantee, services.identities);
    const retiringId = retiring && (await principalId(retiring, services.identities));
    const { encryptionContextEquals, encryptionContextSubset } = terms.constraints;
    return {
      subjects: [
        {
          type: 'key',
          action,
          key,
          rule: 'use',
          encryptionContext: encryptionContextEquals ?? encryptionContextSubset,
          newGrant: terms,
          facts: grantFacts(terms, grantee, retiring),
        },
      ],
      // Only now: who may not make grants learns nothing of who exists.
      validate() {
        if (granteeId === undefined) throw invalidPrincipal(grantee);
        if (retiring !== undefined && retiringId === undefined) throw invalidPrincipal(retiring);
        checkTerms(terms, key);
      },
      async run() {
        if (granteeId === undefined) throw invalidPrincipal(grantee);
        const { region, account, keyId } = key;
        const grant: Grant = {
          region,
          account,
          keyId,
          grantId: randomBytes(32).toString('hex'),
          name: input.Name,
          granteeId,
          retiringId,
          ...terms,
          issuingAccount: caller.principal.account,
          createdAt: services.clock.now(),
        };
        const output = (grantId: string) => ({
          GrantToken: writeGrantToken({ ...grant, grantId }),
          GrantId: grantId,
        });
        const index = grantIndex(grant);
        const same = index.fingerprint && (await services.keys.findGrantId(key, keyId, index.fingerprint));
        if (same) return { type: 'answer', output: output(same) };
        return {
          type: 'change',
          change: {
            region,
            account,
            type: 'grant-created',
            grant,
            from: allowedStates('use'),
            index,
            limit: grantLimit,
          },
          output: output(grant.grantId),
          responseElements: { GrantId: grant.grantId, KeyId: keyArn(key, keyId) },
          refused: () =>
            new KmsError('LimitExceededException', `${keyArn(key, keyId)} has ${grantLimit} grants already.`),
        };
      },
    };
  },
});
