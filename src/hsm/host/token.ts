/** The token as a host sees it: open or lost, its sessions, its canary, its keys' handles. */
import type graphene from 'graphene-pk11';
import type pkcs11 from 'pkcs11js';
import type { TokenObject } from '../../keys/hsm.ts';
import { Canary } from './canary.ts';
import { ckrClass, ckrOf, ckrText } from './ckr.ts';
import { Failure, OpenError } from './failure.ts';
import type { FoundKey } from './found.ts';
import { Gcm } from './gcm.ts';
import { Health, type Opened } from './health.ts';
import { openSession, type TokenModule } from './module.ts';
import { list } from './object.ts';
import { patience, pause } from './patience.ts';
import { probe } from './probe.ts';
import { type Quirk, quirkOf } from './quirk.ts';

/** What one C_Initialize gave. Nothing of it outlives the next: an old handle can then name another key. */
interface Epoch extends Opened {
  /** Holds the login: it is lost with the last session. */
  readonly keeper: graphene.Session;
  readonly quirk: Quirk;
  session: graphene.Session;
  readonly handles: Map<string, Buffer>;
  readonly keys: Map<string, FoundKey>;
}

/** The token is gone; `cause` is set where opening it again was tried already. */
export type OnLost = (problem: string, cause: unknown) => void;

const reopenMilliseconds = 1_000;

export interface TokenOptions {
  /** Whether a token that can't do what Coffer needs, or whose canary has gone, is refused. */
  readonly proving: boolean;
}

export class Token {
  readonly gcm: Gcm;
  /** As `gcm.refusal`, of decryption with other mechanisms. */
  refusal: unknown;
  readonly #module: TokenModule;
  readonly #pin: Buffer;
  readonly #onLost: OnLost;
  readonly #options: TokenOptions;
  readonly #canary: Canary;
  readonly #health: Health;
  #epoch: Epoch | undefined;
  #problem: string | undefined = 'the token is not open yet';
  #proved = false;
  #assumed: Quirk | undefined;
  #reopenedAt = Number.NEGATIVE_INFINITY;

  /** @param onLost called when the token is found gone: open it again, later */
  constructor(module: TokenModule, pin: Buffer, onLost: OnLost, options: TokenOptions = { proving: true }) {
    this.#module = module;
    this.#pin = pin;
    this.#onLost = onLost;
    this.#options = options;
    this.gcm = new Gcm(module.lib);
    this.#canary = new Canary(this.gcm);
    this.#health = new Health(this.#canary);
  }

  /** What is wrong; `undefined` while the token serves. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** @throws Failure `unavailable` while the token is lost */
  get #open(): Epoch {
    if (this.#epoch === undefined) throw new Failure('unavailable', this.#problem ?? 'the token is not open');
    return this.#epoch;
  }

  get lib(): pkcs11.PKCS11 {
    return this.#module.lib;
  }

  /** The session's handle, for pkcs11js. */
  get session(): Buffer {
    return this.#open.session.handle;
  }

  /** Handles by key id and material id (32 bytes as latin1), or by label; gone when the token is opened anew. */
  get handles(): Map<string, Buffer> {
    return this.#open.handles;
  }

  /** Keys of every spec but the symmetric one, by key id and material id; gone as the handles are. */
  get keys(): Map<string, FoundKey> {
    return this.#open.keys;
  }

  get grapheneSession(): graphene.Session {
    return this.#open.session;
  }

  get quirk(): Quirk {
    return this.#assumed ?? this.#open.quirk;
  }

  /** Takes the token for one with these quirks, whatever is known of its manufacturer. */
  assume(quirk: Quirk): void {
    this.#assumed = quirk;
  }

  get info(): graphene.Token {
    return this.#open.info;
  }

  /** 32 hex digits; `undefined` where the token has no canary, or only half of one. */
  get storeId(): string | undefined {
    const epoch = this.#open;
    epoch.canary ??= this.#canary.find(epoch.session);
    return epoch.canary?.storeId;
  }

  /**
   * Initialises the module anew, logs in, proves the token.
   * @param waiting whether a token that isn't there may be back in a moment
   * @throws OpenError
   */
  open(waiting = false): void {
    for (let tries = 1; ; tries++) {
      try {
        this.#openOnce();
        return;
      } catch (error) {
        const passing =
          error instanceof OpenError &&
          error.type === 'absent' &&
          (waiting || ckrClass(error.cause) === 'ambiguous');
        if (!passing || tries === patience) throw error;
        pause();
      }
    }
  }

  #openOnce(): void {
    this.#epoch = undefined;
    try {
      const slot = this.#module.initialise();
      const info = slot.getToken();
      const keeper = this.#module.login(slot, this.#pin);
      const session = openSession(slot);
      const quirk = quirkOf(info.manufacturerID);
      if (!this.#proved && this.#options.proving) probe(this.lib, session, this.gcm, quirk);
      this.#proved = true;
      const epoch: Epoch = {
        slot,
        info,
        keeper,
        quirk,
        session,
        canary: undefined,
        handles: new Map(),
        keys: new Map(),
      };
      if (this.#options.proving) {
        const hadCanary = this.#canary.seen;
        epoch.canary = this.#canary.find(session);
        if (hadCanary && epoch.canary === undefined) {
          throw new OpenError('absent', 'the token is there, but its canary is not');
        }
      }
      this.#epoch = epoch;
      this.#problem = undefined;
    } catch (cause) {
      const error =
        cause instanceof OpenError
          ? cause
          : new OpenError('absent', `can't open the token: ${ckrText(cause)}`, { cause });
      this.#problem = error.message;
      this.#module.finalise();
      throw error;
    }
  }

  /** Gives the token up until it is opened again. */
  lose(problem: string): Failure {
    if (this.#epoch !== undefined) {
      this.#epoch = undefined;
      this.#problem = problem;
      this.#onLost(problem, undefined);
    }
    return new Failure('unavailable', problem);
  }

  /**
   * Runs calls on the token; a session or handle that went stale is renewed once, anything else becomes a
   * Failure.
   * @param decrypting a vague error of C_Decrypt may then be the caller's: it is tried again, and the token
   * asked, before that is believed
   */
  run<T>(task: () => T, decrypting = false): T {
    let suspected = false;
    for (let failures = 0; ; failures++) {
      try {
        return task();
      } catch (error) {
        if (error instanceof Failure) throw error;
        // Read first: asking the token decrypts too.
        const refused = error === this.gcm.refusal || error === this.refusal;
        const vague = decrypting && refused && ckrClass(error) === 'ambiguous';
        this.#judge(error, decrypting);
        if (vague) {
          if (suspected) throw new Failure('invalid-ciphertext', ckrText(error));
          suspected = true;
          continue;
        }
        if (failures === 0) continue;
        // A new session wasn't enough: the login may be gone with the others.
        if (failures === 1 && (this.#mayReopen() || this.#health.check(this.#open) !== undefined))
          this.reopen();
        else {
          // Where the token is well, it is this one object or call that isn't.
          this.#renewSession();
          this.assertHealthy();
          throw new Failure('internal', ckrText(error));
        }
      }
    }
  }

  /** Renews what was stale, so that the call may be made again @throws Failure where that is of no use */
  #judge(error: unknown, decrypting: boolean): void {
    const meaning = ckrClass(error);
    switch (meaning) {
      case 'caller':
        this.#renewSession();
        throw new Failure(decrypting ? 'invalid-ciphertext' : 'internal', ckrText(error));
      case 'ambiguous':
        this.#renewSession();
        this.assertHealthy();
        return;
      case 'session':
        this.#renewSession();
        return;
      case 'handle':
        this.#open.handles.clear();
        this.#open.keys.clear();
        return;
      case 'busy':
        this.#renewSession();
        throw new Failure('busy', ckrText(error));
      case 'lost':
        throw this.lose(ckrText(error));
      case 'unsupported':
        this.#renewSession();
        throw new Failure('unsupported', ckrText(error));
      case 'pin':
      case 'other':
        if (ckrOf(error) === undefined) throw error;
        this.#renewSession();
        throw new Failure('internal', ckrText(error));
      default:
        meaning satisfies never;
    }
  }

  /** The session may be left with an operation active, which would poison the next. */
  #renewSession(): void {
    const epoch = this.#open;
    try {
      const old = epoch.session;
      epoch.session = openSession(epoch.slot);
      old.close();
    } catch (error) {
      const type = ckrClass(error);
      if (type === 'busy') throw new Failure('busy', ckrText(error));
      if (type !== 'session') throw this.lose(`no session can be opened: ${ckrText(error)}`);
    }
  }

  /** Runs calls in a session of its own, which takes its objects and whatever failed in it along when it is closed. */
  apart<T>(task: (session: graphene.Session) => T): T {
    const session = openSession(this.#open.slot);
    try {
      return task(session);
    } finally {
      try {
        session.close();
      } catch {
        // It is gone, or the token is: what the task came to says more.
      }
    }
  }

  /**
   * An object wasn't found: initialises the module once more, since SoftHSM can miss an object that another
   * process made in a burst, and a session without its login sees no private object. Then the token's canary is
   * there, or the token is gone.
   * @throws Failure `unavailable`
   */
  reopenIfAbsent(): void {
    if (this.#mayReopen() || this.#health.search(this.#open) !== undefined) this.reopen();
  }

  /** Initialising costs every cached handle: what one caller asks for must not do it again and again. */
  #mayReopen(): boolean {
    const now = performance.now();
    if (now - this.#reopenedAt < reopenMilliseconds) return false;
    this.#reopenedAt = now;
    return true;
  }

  /** @throws Failure `unavailable` */
  reopen(): void {
    try {
      this.open(true);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#onLost(problem, error);
      throw new Failure('unavailable', problem);
    }
  }

  /** Asks the token's truth, and gives the token up where it isn't well. @throws Failure `unavailable` */
  assertHealthy(): void {
    const problem = this.#health.check(this.#open);
    if (problem !== undefined) throw this.lose(problem);
  }

  /** The regular check: of a token that is open. */
  checkRegularly(): void {
    const epoch = this.#epoch;
    const problem = epoch && this.#health.check(epoch);
    if (problem !== undefined) this.lose(problem);
  }

  list(): TokenObject[] {
    return list(this.#open.session);
  }

  close(): void {
    this.#epoch = undefined;
    this.#problem = 'the host is ending';
    this.#module.finalise();
  }
}
