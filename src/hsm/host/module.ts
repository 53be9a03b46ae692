/** The PKCS#11 module: loading it, initialising it, finding the token, logging in. */
import graphene from 'graphene-pk11';
import pkcs11 from 'pkcs11js';
import { ckrClass, ckrOf, ckrText, userAlreadyLoggedIn } from './ckr.ts';
import { OpenError } from './failure.ts';

export interface ModuleConfig {
  readonly module: string;
  readonly label?: string | undefined;
  readonly serial?: string | undefined;
  readonly libraryParameters?: string | undefined;
}

const tokenInitialized = 0x400;
const readWrite = pkcs11.CKF_RW_SESSION | pkcs11.CKF_SERIAL_SESSION;

/** Logging in is one host's turn at a time. */
export interface Turn {
  /** Returns when it is this host's. */
  take(): void;
  /** Gives it on: not after a refused PIN. */
  release(): void;
}

export class TokenModule {
  readonly lib: pkcs11.PKCS11;
  readonly #module: graphene.Module;
  readonly #config: ModuleConfig;
  readonly #turn: Turn;
  #initialised = false;

  /** @throws OpenError where the library can't be loaded */
  constructor(config: ModuleConfig, turn: Turn) {
    this.#config = config;
    this.#turn = turn;
    this.lib = new pkcs11.PKCS11();
    try {
      this.lib.load(config.module);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new OpenError(
        'absent',
        `can't load the PKCS#11 library \`${config.module}\`: ${reason}; install it or correct \`token.module\``,
        { cause },
      );
    }
    this.#module = new graphene.Module(this.lib);
  }

  /** Initialises the module anew, which ends every session and handle of before. @throws OpenError */
  initialise(): graphene.Slot {
    this.finalise();
    const { libraryParameters } = this.#config;
    try {
      this.#module.initialize({
        flags: pkcs11.CKF_OS_LOCKING_OK,
        // pkcs11js loses the last character of them.
        ...(libraryParameters !== undefined && { libraryParameters: `${libraryParameters} ` }),
      });
    } catch (cause) {
      throw new OpenError('absent', `can't initialise the PKCS#11 library: ${ckrText(cause)}`, { cause });
    }
    this.#initialised = true;
    return this.#findSlot();
  }

  finalise(): void {
    if (!this.#initialised) return;
    this.#initialised = false;
    try {
      this.#module.finalize();
    } catch {
      // A module whose device is gone may refuse; initialising it again decides.
    }
  }

  /** Opens a session and logs in. @throws OpenError of type `refused` where the PIN is: it must not be tried again */
  login(slot: graphene.Slot, pin: Buffer): graphene.Session {
    try {
      const session = openSession(slot);
      this.#turn.take();
      try {
        // A string, which can't be zeroed: pkcs11js takes nothing else, and leaves it to the garbage collector.
        session.login(pin.toString('utf8'), graphene.UserType.USER);
      } catch (error) {
        if (ckrOf(error) !== userAlreadyLoggedIn) throw error;
      }
      this.#turn.release();
      return session;
    } catch (cause) {
      if (ckrClass(cause) !== 'pin') this.#turn.release();
      else {
        throw new OpenError(
          'refused',
          `the token refuses the PIN: ${ckrText(cause)}; it was tried once and won't be again: correct the PIN file, ` +
            'and mind that a token may lock after a few wrong ones',
          { cause },
        );
      }
      throw new OpenError('absent', `can't log in to the token: ${ckrText(cause)}`, { cause });
    }
  }

  #findSlot(): graphene.Slot {
    const { label, serial } = this.#config;
    const wanted = label === undefined ? `serial \`${serial}\`` : `label \`${label}\``;
    const found: graphene.Slot[] = [];
    try {
      const slots = this.#module.getSlots(true);
      for (let index = 0; index < slots.length; index++) {
        const slot = slots.items(index);
        const token = slot.getToken();
        if ((token.flags & tokenInitialized) === 0) continue;
        if (label === undefined ? token.serialNumber.trim() === serial : token.label.trim() === label)
          found.push(slot);
      }
    } catch (cause) {
      throw new OpenError('absent', `can't read the token's slots: ${ckrText(cause)}`, { cause });
    }
    const [slot, second] = found;
    if (slot === undefined) {
      throw new OpenError(
        'absent',
        `no token with the ${wanted} is there: correct \`token\` in the configuration, or initialise one`,
      );
    }
    if (second !== undefined) {
      throw new OpenError('refused', `more than one token has the ${wanted}: name it by \`serial\` instead`);
    }
    return slot;
  }
}

/** A read-write session: key generation and destruction need one. */
export function openSession(slot: graphene.Slot): graphene.Session {
  return slot.open(readWrite);
}
