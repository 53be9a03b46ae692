import { hash } from 'node:crypto';
import type { EncryptionContext, Grant, GrantConstraints } from './grant.ts';
import type { GrantRequest } from './grant-verdict.ts';

/** By what the store finds a grant, besides its key, id, grantee and retiring principal. */
export interface GrantIndex {
  /**
   * The same for grants that are alike in all but id and time, so that CreateGrant can be tried again: 64 hex digits.
   * `undefined` of a grant without a name, which is like no other.
   */
  readonly fingerprint: string | undefined;
  /**
   * One pair of the constraint on the encryption context, which every request that the grant allows has; empty where
   * there is no such constraint.
   */
  readonly anchor: string;
  /** Whether it allows DescribeKey, whatever the request has in it. */
  readonly describes: boolean;
}

/** Which of a grantee's grants on a key can allow a request, where there are too many to look at each. */
export type GrantsSought =
  /** Any of those that describe. */
  { readonly type: 'describing' } | { readonly type: 'anchored'; readonly anchors: readonly string[] };

export function grantIndex(grant: Grant): GrantIndex {
  return {
    fingerprint: fingerprintOf(grant),
    anchor: anchorsIn(pairsOf(grant.constraints)).sort()[0] ?? '',
    describes: grant.operations.includes('DescribeKey') && grant.constraints.sourceArn === undefined,
  };
}

export function grantsSought({ operation, encryptionContext, newGrant }: GrantRequest): GrantsSought {
  switch (operation) {
    case 'DescribeKey':
      return { type: 'describing' };
    case 'CreateGrant':
      // A parent's pairs are its child's too.
      return { type: 'anchored', anchors: ['', ...anchorsIn(pairsOf(newGrant?.constraints ?? {}))] };
    default:
      return { type: 'anchored', anchors: ['', ...anchorsIn(Object.entries(encryptionContext ?? {}))] };
  }
}

type Pair = readonly [name: string, value: string];

function pairsOf({ encryptionContextEquals, encryptionContextSubset }: GrantConstraints): readonly Pair[] {
  return [encryptionContextEquals, encryptionContextSubset].flatMap((context) =>
    Object.entries(context ?? {}),
  );
}

/** Names have no case here, as where constraints are judged. Hashed: a pair may be long, and is in every index. */
function anchorsIn(pairs: readonly Pair[]): string[] {
  return pairs.map(([name, value]) =>
    hash('sha256', JSON.stringify(['coffer grant anchor', name.toLowerCase(), value]), 'base64url').slice(
      0,
      22,
    ),
  );
}

function fingerprintOf(grant: Grant): string | undefined {
  if (grant.name === undefined) return undefined;
  const { encryptionContextEquals, encryptionContextSubset, sourceArn } = grant.constraints;
  const parts = [
    grant.name,
    grant.granteeId,
    grant.retiringId,
    grant.issuingAccount,
    grant.operations.toSorted(),
    sortedPairs(encryptionContextEquals),
    sortedPairs(encryptionContextSubset),
    sourceArn,
  ];
  return hash('sha256', `coffer grant\n${JSON.stringify(parts)}`);
}

function sortedPairs(context: EncryptionContext | undefined): [string, string][] | undefined {
  return context && Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1));
}
