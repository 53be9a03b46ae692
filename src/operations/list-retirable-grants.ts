import { z } from 'zod';
import { grantEntry } from './grant-entry.ts';
import { invalidPrincipal, principalId } from './grant-principal.ts';
import { integer, members } from './input.ts';
import { listPage } from './list.ts';
import { defineOperation } from './operation.ts';

const owner = /^arn:aws:(?:iam|sts)::(\d{12}):(root|user|role|assumed-role)/;
const types: Readonly<Record<string, string>> = {
  root: 'AWS::IAM::Account',
  user: 'AWS::IAM::User',
  role: 'AWS::IAM::Role',
  'assumed-role': 'AWS::STS::AssumedRole',
};

export const listRetirableGrants = defineOperation({
  name: 'ListRetirableGrants',
  readOnly: true,
  input: z.strictObject({
    RetiringPrincipal: members.principal,
    Limit: integer(1, 100).optional(),
    Marker: members.marker.optional(),
  }),
  plan(input, { scope }, services) {
    const { RetiringPrincipal: arn } = input;
    const [, account, kind] = owner.exec(arn) ?? [];
    const resourceType = kind && types[kind];
    if (account === undefined || resourceType === undefined) throw invalidPrincipal(arn);
    return {
      // The retiring principal is what permission is asked for, whosever the keys are (AWS KMS API reference).
      subjects: [{ type: 'resource', action: 'kms:ListRetirableGrants', arn, account, resourceType }],
      async run() {
        const { keys, identities } = services;
        const retiringId = await principalId(arn, identities);
        if (retiringId === undefined) throw invalidPrincipal(arn);
        const subject = `${scope.region}/${retiringId}`;
        const { items, rest } = await listPage('ListRetirableGrants', subject, input.Marker, (after) =>
          keys.listRetirableGrants(scope.region, retiringId, after, input.Limit ?? 50),
        );
        const Grants = await Promise.all(items.map((grant) => grantEntry(grant, identities)));
        return { type: 'answer', output: { Grants, ...rest } };
      },
    };
  },
});
