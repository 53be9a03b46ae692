import { accessKeysContract } from './access-keys.ts';
import type { MakePlace } from './fixture.ts';
import { grantsContract } from './grants.ts';
import { identitiesContract } from './identities.ts';
import { importsContract } from './imports.ts';
import { keysContract } from './keys.ts';
import { listsContract } from './lists.ts';
import { modelContract } from './model.ts';
import { namesContract } from './names.ts';
import { policiesContract } from './policies.ts';
import { rotationContract } from './rotation.ts';
import { jobsContract, outboxContract } from './service.ts';

/** What every database that holds a store must do. @param make a new, empty place for one */
export function storeContract(database: string, make: MakePlace): void {
  describe(`the store on ${database}`, () => {
    describe('keys', () => keysContract(make));
    describe('aliases and tags', () => namesContract(make));
    describe('grants', () => grantsContract(make));
    describe('lists', () => listsContract(make));
    describe('outbox and sequence', () => outboxContract(make));
    describe('what the jobs ask', () => jobsContract(make));
    describe('identities', () => identitiesContract(make));
    describe('access keys', () => accessKeysContract(make));
    describe('policies of identities', () => policiesContract(make));
    describe('rotation', () => rotationContract(make));
    describe('imports', () => importsContract(make));
    describe('against a model', () => modelContract(make));
  });
}
