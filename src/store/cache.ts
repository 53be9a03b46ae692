import type { Scope } from '../arn.ts';
import type { AccessKey } from '../identity/credential.ts';
import type { Identity } from '../identity/principal.ts';
import type { IdentityRepository } from '../identity/repository.ts';
import type { Alias, Key } from '../keys/key.ts';
import type { GrantsFound, Invalidation, KeyRepository } from '../keys/repository.ts';
import type { MaybePromise } from '../maybe-promise.ts';
import { Recent } from './recent.ts';
import { weightOfGrants, weightOfIdentity, weightOfKey, weightOfText } from './weight.ts';

/**
 * How many things that are there are remembered, of one kind (of keys and aliases in one account and region): fewer
 * where they are large. As keys some 300 MB.
 */
const present = 100_000;
/** How many names of nothing are remembered, of one kind. */
const absent = 10_000;
/** An access key id is no longer: AWS says so of its own. */
const longestAccessKeyId = 128;

/**
 * What is there nests by region and account, so that a look-up builds no string.
 *
 * INVARIANT: what is not there has a bound of its own and makes no entry for its scope: made-up names, also in
 * made-up accounts, neither drive out what is in use nor take up memory.
 */
class Scoped<T> {
  readonly #present = new Map<string, Map<string, Recent<T>>>();
  readonly #absent = new Recent<true>(absent);
  readonly #weigh: ((value: T) => number) | undefined;

  constructor(weigh?: (value: T) => number) {
    this.#weigh = weigh;
  }

  get(scope: Scope, name: string): T | undefined {
    return this.#present.get(scope.region)?.get(scope.account)?.get(name);
  }

  isAbsent(scope: Scope, name: string): boolean {
    return this.#absent.get(`${scope.region}/${scope.account}/${name}`) === true;
  }

  keep(scope: Scope, name: string, value: T | undefined): void {
    const { region, account } = scope;
    if (value === undefined) {
      this.#absent.set(`${region}/${account}/${name}`, true);
      return;
    }
    const accounts = this.#present.get(region) ?? new Map<string, Recent<T>>();
    this.#present.set(region, accounts);
    const names = accounts.get(account) ?? new Recent<T>(present, this.#weigh);
    accounts.set(account, names);
    names.set(name, value);
  }

  /** @param path `<region>/<account>/<name>`, where the last may hold slashes */
  forget(path: string): void {
    this.#absent.delete(path);
    const first = path.indexOf('/');
    const second = path.indexOf('/', first + 1);
    const accounts = this.#present.get(path.slice(0, first));
    accounts?.get(path.slice(first + 1, second))?.delete(path.slice(second + 1));
  }

  clear(): void {
    this.#present.clear();
    this.#absent.clear();
  }
}

/** The same text in memory of its own: a part of a string may keep the whole of it, here a request's header. */
function copy(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}

export interface CachedRepository extends KeyRepository, IdentityRepository {
  /**
   * Forgets what a change made stale. Where a change was missed (a number is skipped), forgets everything.
   * Once this has returned, every look-up that begins sees the change.
   */
  invalidate(invalidation: Invalidation): void;
  /** Forgets everything. */
  clear(): void;
  /** The number of the last change that was taken in; `undefined` before the first. */
  readonly sequence: number | undefined;
}

/** Keeps what single look-ups found, and what they didn't find; everything else goes through to the reader. */
export function cachedRepository(reader: KeyRepository & IdentityRepository): CachedRepository {
  const keys = new Scoped<Key>(weightOfKey);
  const aliases = new Scoped<Alias>();
  const grants = new Recent<GrantsFound>(present, weightOfGrants);
  const noGrants = new Recent<GrantsFound>(present);
  const credentials = new Recent<AccessKey>(present);
  const noCredentials = new Recent<true>(absent);
  /** The accounts of keys by region and id, which never change. */
  const owners = new Recent<string>(present);
  const identities = new Recent<Identity>(present, weightOfIdentity);
  const managed = new Recent<string>(present, weightOfText);
  let sequence: number | undefined;
  /**
   * INVARIANT: what was read is kept only if nothing was invalidated since the reading began: it may be the
   * state from before the change.
   */
  let generation = 0;

  async function fill<T>(read: () => MaybePromise<T>, keep: (found: T) => unknown): Promise<T> {
    const begun = generation;
    const found = await read();
    if (begun === generation) keep(found);
    return found;
  }

  function clear(): void {
    generation += 1;
    keys.clear();
    aliases.clear();
    grants.clear();
    noGrants.clear();
    credentials.clear();
    noCredentials.clear();
    identities.clear();
    managed.clear();
  }

  return {
    ...reader,

    findKey(scope: Scope, keyId: string): MaybePromise<Key | undefined> {
      const found = keys.get(scope, keyId);
      if (found !== undefined || keys.isAbsent(scope, keyId)) return found;
      return fill(
        () => reader.findKey(scope, keyId),
        (key) => keys.keep(scope, keyId, key),
      );
    },

    findKeyAnywhere(region: string, keyId: string): MaybePromise<Key | undefined> {
      const account = owners.get(`${region}/${keyId}`);
      const found = account === undefined ? undefined : keys.get({ region, account }, keyId);
      if (found !== undefined) return found;
      return fill(
        () => reader.findKeyAnywhere(region, keyId),
        (key) => {
          if (key === undefined) return;
          owners.set(`${region}/${keyId}`, key.account);
          keys.keep(key, keyId, key);
        },
      );
    },

    findAlias(scope: Scope, aliasName: string): MaybePromise<Alias | undefined> {
      const found = aliases.get(scope, aliasName);
      if (found !== undefined || aliases.isAbsent(scope, aliasName)) return found;
      return fill(
        () => reader.findAlias(scope, aliasName),
        (alias) => aliases.keep(scope, aliasName, alias),
      );
    },

    findGrants(scope: Scope, keyId: string, granteeId: string): MaybePromise<GrantsFound> {
      const name = `${scope.region}/${scope.account}/${keyId}/${granteeId}`;
      const found = grants.get(name) ?? noGrants.get(name);
      if (found !== undefined) return found;
      return fill(
        () => reader.findGrants(scope, keyId, granteeId),
        (there) => (there.grants.length > 0 ? grants.set(name, there) : noGrants.set(name, there)),
      );
    },

    findAccessKey(accessKeyId: string): MaybePromise<AccessKey | undefined> {
      const found = credentials.get(accessKeyId);
      if (found !== undefined || noCredentials.get(accessKeyId) === true) return found;
      return fill(
        () => reader.findAccessKey(accessKeyId),
        (accessKey) => {
          if (accessKey !== undefined) credentials.set(accessKey.accessKeyId, accessKey);
          else if (accessKeyId.length <= longestAccessKeyId) noCredentials.set(copy(accessKeyId), true);
        },
      );
    },

    findIdentity(id: string): MaybePromise<Identity | undefined> {
      const found = identities.get(id);
      if (found !== undefined) return found;
      return fill(
        () => reader.findIdentity(id),
        (identity) => identity && identities.set(identity.id, identity),
      );
    },

    findManagedPolicy(arn: string): MaybePromise<string | undefined> {
      const found = managed.get(arn);
      if (found !== undefined) return found;
      return fill(
        () => reader.findManagedPolicy(arn),
        (document) => document !== undefined && managed.set(arn, document),
      );
    },

    invalidate(invalidation: Invalidation): void {
      const missed = sequence !== undefined && invalidation.sequence > sequence + 1;
      sequence = Math.max(sequence ?? 0, invalidation.sequence);
      generation += 1;
      if (missed) clear();
      for (const name of invalidation.keys) keys.forget(name);
      for (const name of invalidation.aliases) aliases.forget(name);
      for (const name of invalidation.grants) {
        grants.delete(name);
        noGrants.delete(name);
      }
      for (const accessKeyId of invalidation.credentials) {
        credentials.delete(accessKeyId);
        noCredentials.delete(accessKeyId);
      }
      // What an identity may do hangs together in ways that nobody wants to trace: groups, versions, attachments.
      if (invalidation.accounts.length > 0) {
        identities.clear();
        managed.clear();
      }
    },

    clear,

    get sequence() {
      return sequence;
    },
  };
}
