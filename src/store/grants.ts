import type { Kysely, Selectable } from 'kysely';
import type { Scope } from '../arn.ts';
import type { Grant } from '../keys/grant.ts';
import type { GrantsSought } from '../keys/grant-index.ts';
import type { GrantsFound, KeyRepository } from '../keys/repository.ts';
import { type Page, page } from '../page.ts';
import type { Schema } from './schema.ts';

type GrantReader = Pick<
  KeyRepository,
  'findGrants' | 'findGrantsSought' | 'findGrant' | 'findGrantId' | 'listGrants' | 'listRetirableGrants'
>;

function selectGrants(db: Kysely<Schema>) {
  return db
    .selectFrom('grants')
    .select([
      'region',
      'account',
      'key_id',
      'grant_id',
      'name',
      'grantee_id',
      'retiring_id',
      'operations',
      'constraints',
      'issuing_account',
      'created_at',
    ]);
}

function selectGrantsOn(db: Kysely<Schema>, { region, account }: Scope, keyId: string) {
  return selectGrants(db)
    .where('region', '=', region)
    .where('account', '=', account)
    .where('key_id', '=', keyId);
}

/** How many grants of one grantee on one key are read, and kept, at once. */
const together = 200;
/** Any that describes is as good as any other. */
const describing = 1;

function toGrant(row: Omit<Selectable<Schema['grants']>, 'fingerprint' | 'anchor' | 'describes'>): Grant {
  return {
    region: row.region,
    account: row.account,
    keyId: row.key_id,
    grantId: row.grant_id,
    name: row.name ?? undefined,
    granteeId: row.grantee_id,
    retiringId: row.retiring_id ?? undefined,
    operations: JSON.parse(row.operations),
    constraints: JSON.parse(row.constraints),
    issuingAccount: row.issuing_account,
    createdAt: row.created_at,
  };
}

const byId = ({ grantId }: Grant): string => grantId;

export function grantReader(db: Kysely<Schema>): GrantReader {
  return {
    async findGrants(scope: Scope, keyId: string, granteeId: string): Promise<GrantsFound> {
      const rows = await selectGrantsOn(db, scope, keyId)
        .where('grantee_id', '=', granteeId)
        .limit(together + 1)
        .execute();
      return { grants: rows.slice(0, together).map(toGrant), more: rows.length > together };
    },

    async findGrantsSought(
      scope: Scope,
      keyId: string,
      granteeId: string,
      sought: GrantsSought,
    ): Promise<readonly Grant[]> {
      const all = selectGrantsOn(db, scope, keyId).where('grantee_id', '=', granteeId);
      const found =
        sought.type === 'describing'
          ? all.where('describes', '=', 1).limit(describing)
          : // As the primary key has it, so that no other grant is looked at.
            all.where('describes', 'in', [0, 1]).where('anchor', 'in', sought.anchors);
      return (await found.execute()).map(toGrant);
    },

    async findGrant(scope: Scope, keyId: string, grantId: string): Promise<Grant | undefined> {
      const row = await selectGrantsOn(db, scope, keyId).where('grant_id', '=', grantId).executeTakeFirst();
      return row && toGrant(row);
    },

    async findGrantId(scope: Scope, keyId: string, fingerprint: string): Promise<string | undefined> {
      const row = await selectGrantsOn(db, scope, keyId)
        .where('fingerprint', '=', fingerprint)
        .executeTakeFirst();
      return row?.grant_id;
    },

    async listGrants(
      scope: Scope,
      keyId: string,
      granteeId: string | undefined,
      after: string | undefined,
      limit: number,
    ): Promise<Page<Grant>> {
      const rows = await selectGrantsOn(db, scope, keyId)
        .$if(granteeId !== undefined, (query) => query.where('grantee_id', '=', granteeId ?? ''))
        .where('grant_id', '>', after ?? '')
        .orderBy('grant_id')
        .limit(limit + 1)
        .execute();
      return page(rows.map(toGrant), limit, byId);
    },

    async listRetirableGrants(
      region: string,
      retiringId: string,
      after: string | undefined,
      limit: number,
    ): Promise<Page<Grant>> {
      const rows = await selectGrants(db)
        .where('region', '=', region)
        .where('retiring_id', '=', retiringId)
        .where('grant_id', '>', after ?? '')
        .orderBy('grant_id')
        .limit(limit + 1)
        .execute();
      return page(rows.map(toGrant), limit, byId);
    },
  };
}
