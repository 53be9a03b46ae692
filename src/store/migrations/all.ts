import type { Migration } from 'kysely';
import { first } from './0001-first.ts';
import { keyPolicies } from './0002-key-policies.ts';
import { identitiesMigration } from './0003-identities.ts';
import { grants } from './0004-grants.ts';
import { rotation } from './0005-rotation.ts';
import { lastUses } from './0006-last-uses.ts';
import { publicKeys } from './0006-public-keys.ts';
import { imports } from './0007-imports.ts';

/** Every migration by its name, which sorts in the order of time. One that has been released never changes. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': first,
  '0002-key-policies': keyPolicies,
  '0003-identities': identitiesMigration,
  '0004-grants': grants,
  '0005-rotation': rotation,
  '0006-last-uses': lastUses,
  '0006-public-keys': publicKeys,
  '0007-imports': imports,
};
