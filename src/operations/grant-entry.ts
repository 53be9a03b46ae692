import { keyArn } from '../arn.ts';
import { KmsError } from '../errors.ts';
import type { IdentityRepository } from '../identity/repository.ts';
import type { Grant } from '../keys/grant.ts';
import { principalArn, rootArn } from './grant-principal.ts';
import { timestamp } from './metadata.ts';

/** `GrantListEntry`, as ListGrants and ListRetirableGrants answer it. */
export async function grantEntry(grant: Grant, identities: IdentityRepository): Promise<object> {
  const { constraints, retiringId } = grant;
  const { encryptionContextEquals, encryptionContextSubset, sourceArn } = constraints;
  return {
    KeyId: keyArn(grant, grant.keyId),
    GrantId: grant.grantId,
    Name: grant.name ?? '',
    CreationDate: timestamp(grant.createdAt),
    GranteePrincipal: await principalArn(grant.granteeId, identities),
    ...(retiringId !== undefined && { RetiringPrincipal: await principalArn(retiringId, identities) }),
    IssuingAccount: rootArn(grant.issuingAccount),
    Operations: grant.operations,
    ...(Object.keys(constraints).length > 0 && {
      Constraints: {
        EncryptionContextEquals: encryptionContextEquals,
        EncryptionContextSubset: encryptionContextSubset,
        SourceArn: sourceArn,
      },
    }),
  };
}

/** @throws KmsError InvalidGrantIdException where it can be nobody's */
export function checkGrantId(grantId: string): void {
  if (/^[0-9a-f]{64}$/.test(grantId)) return;
  throw new KmsError('InvalidGrantIdException', `Invalid grant ID '${grantId}'`);
}

export function noSuchGrant(grantId: string): KmsError {
  return new KmsError('NotFoundException', `Grant ID ${grantId} not found`);
}
