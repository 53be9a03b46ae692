import { assumedRoleArn, rootArn } from '../arn.ts';
import type { Clock } from '../clock.ts';
import { KmsError } from '../errors.ts';
import { Gate } from './gate.ts';
import type { Identity, Principal } from './principal.ts';
import type { IdentityRepository } from './repository.ts';
import { readToken, type SessionClaims, sessionAad, unpackClaims } from './session-token.ts';
import { unknownToken } from './sigv4/claim.ts';
import { Hmac } from './sigv4/hmac.ts';
import type { Credential, Signer } from './sigv4/verify.ts';

/** Whatever else a request names has no session. */
const wellFormed = /^ASIA[A-Z0-9]{12,124}$/;

/** A session's signing key for one day, region and service, with the token that it was proved by. */
class SessionKey {
  readonly token: string;
  readonly claims: SessionClaims;
  readonly #key: Hmac;
  #inForce = true;
  #identity: Identity | undefined;
  #signer: Signer | undefined;

  constructor(token: string, claims: SessionClaims, key: Buffer) {
    this.token = token;
    this.claims = claims;
    this.#key = new Hmac(key);
    key.fill(0);
  }

  /** As the user or role is now: it may have another name. @param identity `undefined` for a root */
  signer(identity: Identity | undefined): Signer {
    if (this.#signer === undefined || this.#identity !== identity) {
      this.#identity = identity;
      this.#signer = {
        principal: principalOf(this.claims, identity),
        sign: (text) => {
          // INVARIANT: a zeroed key never signs: everybody knows what zeros would have signed.
          if (!this.#inForce) throw unknownToken();
          return this.#key.hex(text);
        },
      };
    }
    return this.#signer;
  }

  destroy(): void {
    this.#inForce = false;
    this.#key.destroy();
  }
}

function principalOf({ id, account, session }: SessionClaims, identity: Identity | undefined): Principal {
  if (identity === undefined) {
    const arn = rootArn(account);
    return { type: 'Root', arn, principalId: account, account, userName: undefined, session };
  }
  const { arn, name } = identity;
  if (identity.type === 'User') {
    return { type: 'IAMUser', arn, principalId: id, account, userName: name, session };
  }
  return {
    type: 'AssumedRole',
    arn: assumedRoleArn(account, name, session.name ?? ''),
    principalId: `${id}:${session.name ?? ''}`,
    account,
    userName: undefined,
    role: { arn, roleId: id, roleName: name },
    session,
  };
}

export interface SessionKeys {
  /**
   * @param credential with its session token; its scope is one that `judge` has accepted
   * @returns at once where key and identity are cached
   * @throws KmsError UnrecognizedClientException, also as a rejection, where the token is not of this access key id or
   *   its user or role is gone; ExpiredTokenException; ThrottlingException
   */
  find(credential: Credential): Signer | Promise<Signer>;
}

export interface SessionKeysOptions {
  readonly identities: Pick<IdentityRepository, 'findIdentity'>;
  /**
   * Has a token host open the secret and derive the signing key, 32 bytes, which are the cache's from then on.
   * @throws KmsError UnrecognizedClientException where secret and `aad` don't belong together
   */
  derive(
    aad: Buffer,
    sealedSecret: Buffer,
    scope: Pick<Credential, 'date' | 'region' | 'service'>,
  ): Promise<Buffer>;
  readonly clock: Clock;
  /** How many keys are kept; the one not used for longest goes first. */
  readonly limit?: number;
}

/** Derivations at once, and those that wait: anybody can send a token that only a token host can tell is none. */
const gate = { width: 8, room: 256 };

/** Derived day keys of temporary credentials. All else that is known of such is in their tokens. */
export function sessionKeys({ identities, derive, clock, limit = 10_000 }: SessionKeysOptions): SessionKeys {
  const cached = new Map<string, SessionKey>();
  const loading = new Map<string, { readonly token: string; readonly key: Promise<SessionKey> }>();
  const derivations = new Gate(gate);

  async function load(id: string, token: string, credential: Credential): Promise<SessionKey> {
    const parts = readToken(token);
    if (parts === undefined) throw unknownToken();
    const { sealedSecret, packed } = parts;
    const aad = sessionAad(credential.accessKeyId, packed);
    const key = await derivations.pass(() => derive(aad, sealedSecret, credential));
    const there = cached.get(id);
    if (there?.token === token) {
      // Somebody else's token for the same id came between, and this one was derived twice.
      key.fill(0);
      return there;
    }
    const session = new SessionKey(token, unpackClaims(packed), key);
    keep(id, session);
    return session;
  }

  function keep(id: string, key: SessionKey): void {
    cached.get(id)?.destroy();
    cached.delete(id);
    cached.set(id, key);
    if (cached.size <= limit) return;
    for (const [oldest, old] of cached) {
      cached.delete(oldest);
      old.destroy();
      return;
    }
  }

  function fetch(id: string, token: string, credential: Credential): Promise<SessionKey> {
    const under = loading.get(id);
    if (under?.token === token) return under.key;
    const key = load(id, token, credential).finally(() => {
      if (loading.get(id)?.key === key) loading.delete(id);
    });
    loading.set(id, { token, key });
    return key;
  }

  /** What may have changed since the token was given: the hour, and whether there still is who it was given to. */
  function admit(id: string, key: SessionKey, service: string): Signer | Promise<Signer> {
    const { claims } = key;
    // IAM wants a second factor from such (AWS STS API reference, GetSessionToken), and none can have been given.
    if (service === 'iam' && claims.type !== 'Role') throw unknownToken();
    if (claims.session.expiresAt <= clock.now()) {
      if (cached.get(id) === key) {
        cached.delete(id);
        key.destroy();
      }
      throw new KmsError('ExpiredTokenException', 'The security token included in the request is expired');
    }
    if (claims.type === 'Root') return key.signer(undefined);
    const found = identities.findIdentity(claims.id);
    return found instanceof Promise
      ? found.then((identity) => signerOf(key, identity))
      : signerOf(key, found);
  }

  function signerOf(key: SessionKey, identity: Identity | undefined): Signer {
    if (identity === undefined) throw unknownToken();
    return key.signer(identity);
  }

  return {
    find(credential) {
      const { accessKeyId, sessionToken, date, region, service } = credential;
      if (sessionToken === undefined || !wellFormed.test(accessKeyId)) throw unknownToken();
      const id = `${accessKeyId}/${date}/${region}/${service}`;
      const key = cached.get(id);
      // INVARIANT: the whole token counts: what the cached one was proved by says nothing of another.
      if (key?.token !== sessionToken) {
        return fetch(id, sessionToken, credential).then((loaded) => admit(id, loaded, service));
      }
      if (cached.size > limit / 2) {
        // The order of a Map is that of insertion; below half of the limit nothing is about to go.
        cached.delete(id);
        cached.set(id, key);
      }
      return admit(id, key, service);
    },
  };
}
