import type { Scope } from '../arn.ts';
import type { AccessKey, IdentityRepository } from '../identity/credential.ts';
import type { Alias, Key } from '../keys/key.ts';
import type { Invalidation, KeyRepository } from '../keys/repository.ts';
import { Recent } from './recent.ts';

/** How many things that are, and how many names that are nothing, are remembered of each kind. */
const present = 100_000;
const absent = 10_000;

/**
 * Names within scopes. They nest, so that a look-up builds no string; a deployment has few scopes, and only
 * scopes that a verified credential gave ever get here.
 */
class Scoped<T> {
  readonly #regions = new Map<string, Map<string, Kind<T>>>();

  of(region: string, account: string): Kind<T> {
    const kind = this.#regions.get(region)?.get(account);
    return kind ?? this.#make(region, account);
  }

  #make(region: string, account: string): Kind<T> {
    const accounts = this.#regions.get(region) ?? new Map<string, Kind<T>>();
    this.#regions.set(region, accounts);
    const kind = new Kind<T>();
    accounts.set(account, kind);
    return kind;
  }

  /** @param name `<region>/<account>/<name>`, where the last may hold slashes */
  forget(name: string): void {
    const first = name.indexOf('/');
    const second = name.indexOf('/', first + 1);
    this.#regions
      .get(name.slice(0, first))
      ?.get(name.slice(first + 1, second))
      ?.forget(name.slice(second + 1));
  }

  clear(): void {
    this.#regions.clear();
  }
}

/** What is there and what is not have bounds of their own: made-up names can't drive out what is in use. */
class Kind<T> {
  readonly present = new Recent<T>(present);
  readonly #absent = new Recent<true>(absent);

  isAbsent(name: string): boolean {
    return this.#absent.get(name) === true;
  }

  keep(name: string, value: T | undefined): void {
    if (value === undefined) this.#absent.set(name, true);
    else this.present.set(name, value);
  }

  forget(name: string): void {
    this.present.delete(name);
    this.#absent.delete(name);
  }
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

/** Keeps what single look-ups found, and what they didn't find; lists go through to the reader. */
export function cachedRepository(reader: KeyRepository & IdentityRepository): CachedRepository {
  const keys = new Scoped<Key>();
  const aliases = new Scoped<Alias>();
  let credentials = new Kind<AccessKey>();
  let sequence: number | undefined;
  /**
   * INVARIANT: what was read is kept only if nothing was invalidated since the reading began: it may be the
   * state from before the change.
   */
  let generation = 0;

  async function fill<T>(
    kind: Kind<T>,
    name: string,
    reading: Promise<T | undefined>,
  ): Promise<T | undefined> {
    const begun = generation;
    const found = await reading;
    if (begun === generation) kind.keep(name, found);
    return found;
  }

  function clear(): void {
    generation += 1;
    keys.clear();
    aliases.clear();
    credentials = new Kind<AccessKey>();
  }

  return {
    findKey(scope: Scope, keyId: string): Key | undefined | Promise<Key | undefined> {
      const kind = keys.of(scope.region, scope.account);
      const found = kind.present.get(keyId);
      if (found !== undefined || kind.isAbsent(keyId)) return found;
      return fill(kind, keyId, Promise.resolve(reader.findKey(scope, keyId)));
    },

    findAlias(scope: Scope, aliasName: string): Alias | undefined | Promise<Alias | undefined> {
      const kind = aliases.of(scope.region, scope.account);
      const found = kind.present.get(aliasName);
      if (found !== undefined || kind.isAbsent(aliasName)) return found;
      return fill(kind, aliasName, Promise.resolve(reader.findAlias(scope, aliasName)));
    },

    findAccessKey(accessKeyId: string): AccessKey | undefined | Promise<AccessKey | undefined> {
      const found = credentials.present.get(accessKeyId);
      if (found !== undefined || credentials.isAbsent(accessKeyId)) return found;
      return fill(credentials, accessKeyId, Promise.resolve(reader.findAccessKey(accessKeyId)));
    },

    listKeyIds: (scope, after, limit) => reader.listKeyIds(scope, after, limit),
    listAliases: (scope, keyId, after, limit) => reader.listAliases(scope, keyId, after, limit),
    listTags: (scope, keyId, after, limit) => reader.listTags(scope, keyId, after, limit),

    invalidate(invalidation: Invalidation): void {
      const missed = sequence !== undefined && invalidation.sequence > sequence + 1;
      sequence = Math.max(sequence ?? 0, invalidation.sequence);
      generation += 1;
      if (missed) clear();
      for (const name of invalidation.keys) keys.forget(name);
      for (const name of invalidation.aliases) aliases.forget(name);
      for (const accessKeyId of invalidation.credentials) credentials.forget(accessKeyId);
    },

    clear,

    get sequence() {
      return sequence;
    },
  };
}
