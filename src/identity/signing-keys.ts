import type { AccessKey } from './credential.ts';
import type { Principal } from './principal.ts';
import type { IdentityRepository } from './repository.ts';
import { unknownToken } from './sigv4/claim.ts';
import { Hmac } from './sigv4/hmac.ts';
import type { Credential, Signer } from './sigv4/verify.ts';

/** What AWS calls a valid access key id. Whatever else a request names is known to nobody and never looked up. */
const wellFormed = /^[A-Z0-9]{16,128}$/;

/** A credential's signing key for one day, region and service. */
class DayKey implements Signer {
  readonly principal: Principal;
  readonly #key: Hmac;
  #inForce = true;

  constructor(principal: Principal, key: Buffer) {
    this.principal = principal;
    this.#key = new Hmac(key);
    key.fill(0);
  }

  sign(text: string): string {
    // INVARIANT: a zeroed key never signs: everybody knows what zeros would have signed.
    if (!this.#inForce) throw unknownToken();
    return this.#key.hex(text);
  }

  destroy(): void {
    this.#inForce = false;
    this.#key.destroy();
  }
}

export interface SigningKeys {
  /**
   * @param credential its scope is one that `judge` has accepted
   * @returns at once where the key is cached
   * @throws KmsError UnrecognizedClientException, also as a rejection, where the credential is unknown or inactive
   */
  find(credential: Credential): Signer | Promise<Signer>;
  /**
   * Forgets the keys of these credentials; one that is being derived at the moment is derived again. Whatever
   * `identities` caches must have been forgotten before.
   */
  invalidate(accessKeyIds: readonly string[]): void;
  /** Forgets all of them. */
  clear(): void;
}

export interface SigningKeysOptions {
  readonly identities: Pick<IdentityRepository, 'findAccessKey'>;
  /** Has a token host derive the signing key, 32 bytes, which are the cache's from then on. */
  derive(accessKey: AccessKey, date: string, region: string, service: string): Promise<Buffer>;
  /** How many keys are kept; the one not used for longest goes first. */
  readonly limit?: number;
}

/** A key on its way; stale once the credential it was read from may have changed. */
interface Loading {
  stale: boolean;
  key: Promise<DayKey> | undefined;
}

/** Derived day keys, the only form in which anything of a secret access key is in this process. */
export function signingKeys({ identities, derive, limit = 10_000 }: SigningKeysOptions): SigningKeys {
  const cached = new Map<string, DayKey>();
  const loading = new Map<string, Loading>();

  async function load({ accessKeyId, date, region, service }: Credential): Promise<DayKey> {
    const accessKey = await identities.findAccessKey(accessKeyId);
    if (!accessKey?.active) throw unknownToken();
    return new DayKey(accessKey.principal, await derive(accessKey, date, region, service));
  }

  /** Loads, again where the credential changed meanwhile, and caches what came. */
  async function settle(id: string, mine: Loading, again: () => Promise<DayKey>): Promise<DayKey> {
    try {
      for (;;) {
        mine.stale = false;
        const key = await again();
        if (!mine.stale) {
          keep(id, key);
          return key;
        }
        key.destroy();
      }
    } finally {
      loading.delete(id);
    }
  }

  function keep(id: string, key: DayKey): void {
    cached.set(id, key);
    if (cached.size <= limit) return;
    for (const [oldest, old] of cached) {
      cached.delete(oldest);
      old.destroy();
      return;
    }
  }

  function fetch(id: string, credential: Credential): Promise<DayKey> {
    const mine: Loading = { stale: false, key: undefined };
    loading.set(id, mine);
    mine.key = settle(id, mine, () => load(credential));
    return mine.key;
  }

  function forget(concerns: (id: string) => boolean): void {
    for (const [id, key] of cached) {
      if (!concerns(id)) continue;
      cached.delete(id);
      key.destroy();
    }
    for (const [id, mine] of loading) if (concerns(id)) mine.stale = true;
  }

  return {
    find(credential) {
      const { accessKeyId, sessionToken, date, region, service } = credential;
      if (sessionToken !== undefined) throw unknownToken();
      const id = `${accessKeyId}/${date}/${region}/${service}`;
      const key = cached.get(id);
      if (key === undefined) {
        if (!wellFormed.test(accessKeyId)) throw unknownToken();
        return loading.get(id)?.key ?? fetch(id, credential);
      }
      if (cached.size > limit / 2) {
        // The order of a Map is that of insertion; below half of the limit nothing is about to go.
        cached.delete(id);
        cached.set(id, key);
      }
      return key;
    },
    invalidate(accessKeyIds) {
      for (const accessKeyId of accessKeyIds) forget((id) => id.startsWith(`${accessKeyId}/`));
    },
    clear() {
      forget(() => true);
    },
  };
}
